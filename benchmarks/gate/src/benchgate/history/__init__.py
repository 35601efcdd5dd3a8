"""What comparisons of a branch's commits found over time: kept beside the repository or in it, and drawn as a page."""
