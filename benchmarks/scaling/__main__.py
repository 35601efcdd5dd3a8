"""``python -m benchmarks.scaling [PART ...]`` measures all of `PARTS`, or some, and keeps what it found in `KEPT`."""

import argparse

from benchmarks.scaling.parts import PARTS, keep

_parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
_parser.add_argument("parts", nargs="*", choices=[[], *PARTS], default=[], metavar="PART", help=", ".join(PARTS))

if __name__ == "__main__":
    for name in _parser.parse_args().parts or PARTS:
        keep(name)
