"""``python -m benchmarks.scaling [PART ...]`` measures all of `PARTS`, or some, and keeps what it found in `KEPT`."""

import argparse
import sys

from benchmarks.scaling.parts import PARTS, keep


def main(arguments: list[str]) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"all of them by default: {', '.join(PARTS)}")
    parts = parser.parse_args(arguments).parts or list(PARTS)
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}; choose from {', '.join(PARTS)}")
    for part in parts:
        keep(part)


if __name__ == "__main__":
    main(sys.argv[1:])
