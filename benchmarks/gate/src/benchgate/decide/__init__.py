"""From measured pairs to verdicts: statistics, the schedule they ask for, and findings."""
