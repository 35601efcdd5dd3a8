"""The laboratory: how often the gate is right, and how often pytest-benchmark's own comparison is."""
