"""What a measured process is told when it is started."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Plan:
    """The worktree `root` and what to run there.

    `packages` are the names of the project's packages; `first` is put at the head of sys.path; files that are loaded
    from `watched` folders are told; `frame_slots` is the padding of frames. Two files are named where it is a trial:
    `notes`, in which processes below note the modules that they find, and `reads`, in which it is noted what was read
    that both arms share. `copies` are names that undeclared copies of the project's modules would have, or their files.
    `lethal` are files and folders of cases that are not collected, for they end the process, with what is said of each.
    """

    root: str
    packages: list[str]
    first: list[str]
    watched: list[str]
    arguments: list[str]
    frame_slots: int
    notes: str = ""
    reads: str = ""
    copies: list[str] = field(default_factory=list)
    lethal: dict[str, str] = field(default_factory=dict)
