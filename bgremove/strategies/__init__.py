"""Strategies: how many tasks are run. They know functions and tasks, and nothing of images."""
