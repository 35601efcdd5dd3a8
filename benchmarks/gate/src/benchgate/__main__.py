"""The command `benchgate`, also as ``python -m benchgate``."""

import os
import sys
import traceback

#: "Undecided": Python itself ends with 1 after an exception, which would mean that something regressed.
_UNDECIDED = 3
#: What a shell reports of a program that Ctrl-C ended.
_STOPPED = 130


def main() -> int:
    """Runs the command; returns the exit status."""
    status = _status()
    if sys.flags.inspect:  # as by PYTHONINSPECT: Python would ask for more to do, and end with a status of its own
        sys.stdout.flush()
        os._exit(status)
    return status


def _status() -> int:
    """The exit status; what keeps the command from starting, as a broken installation, is no verdict."""
    try:
        from benchgate.cli import run  # noqa: PLC0415 (inside, for it may be what fails)
        from benchgate.output import unfailing  # noqa: PLC0415

        with unfailing():
            return run()
    except KeyboardInterrupt:  # before there is anything to be ended in order
        return _STOPPED
    except Exception:  # noqa: BLE001 (whatever it is: it must not look like a verdict)
        traceback.print_exc()
        return _UNDECIDED


if __name__ == "__main__":
    sys.exit(main())
