"""``python -m bgremove`` is the command."""

from bgremove.cli import main

main()
