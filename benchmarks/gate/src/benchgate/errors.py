"""What can go wrong in a gate run, and the exit status each kind ends with."""


class GateError(Exception):
    """A run that cannot give a verdict; the command ends with `exit_status`."""

    exit_status = 3


class WrongUseError(GateError):
    """The command was given something that cannot be measured: an unknown revision, an empty selection."""

    exit_status = 2


class ArmError(GateError):
    """A measured process died, hung or answered out of turn."""

    def __init__(self, arm: str, what: str) -> None:
        super().__init__(f"the {arm} arm {what}")
        self.arm, self.what = arm, what


class LethalNodeError(ArmError):
    """A measured process ended, or hung, while it collected a file or folder of cases."""

    def __init__(self, arm: str, what: str, node: str) -> None:
        super().__init__(arm, f"{what} while it collected {node}")
        self.node, self.why = node, f"the process {what} while it was imported"
