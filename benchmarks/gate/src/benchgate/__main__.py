"""The command `benchgate`, also as ``python -m benchgate``."""

import sys
import traceback

#: "Undecided": Python itself ends with 1 after an exception, which would mean that something regressed.
_UNDECIDED = 3


def main() -> int:
    """Runs the command; what keeps it from starting, as a broken installation, is no verdict."""
    try:
        from benchgate.cli import run  # noqa: PLC0415 (inside, for it may be what fails)
        from benchgate.output import unfailing  # noqa: PLC0415

        with unfailing():
            return run()
    except Exception:  # noqa: BLE001 (whatever it is: it must not look like a verdict)
        traceback.print_exc()
        return _UNDECIDED


if __name__ == "__main__":
    sys.exit(main())
