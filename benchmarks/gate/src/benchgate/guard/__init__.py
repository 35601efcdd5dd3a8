"""What pytest-benchmark must not let pass silently, as a pytest plugin."""
