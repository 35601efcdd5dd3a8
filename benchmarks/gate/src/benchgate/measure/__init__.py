"""Fresh processes of both revisions that take turns, call by call."""
