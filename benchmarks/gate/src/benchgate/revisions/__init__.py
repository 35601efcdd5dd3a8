"""The two revisions on disk: git, worktrees, and which files are case definitions."""
