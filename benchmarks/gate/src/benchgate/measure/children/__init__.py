"""What every process of an arm starts with."""
