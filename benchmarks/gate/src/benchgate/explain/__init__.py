"""Where the time of a case goes, and where it grew."""
