"""Which benchmarks there are in each revision, and what could not be collected; what to do about that."""

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from ..errors import ArmError, GateError, LethalNodeError, WrongUseError
from .driver import Arm
from .messages import Collected
from .site import Site, check_origin

#: What is said where a module or file of the project is lacking, and where any module may be.
_LACKS_OWN = (
    r"No module named '\w+\.|this revision of the project has no|partially initialized module"
    r"|directory: '(\{worktree\}/|[^/'])"
)
_LACKS_ANY = r"No module named '\w+'"
_LACKS_NAME = r"cannot import name '\w+' from (?!partially)|has no attribute '\w+'"
_OF_ONE_REVISION = "what one revision lacks is best imported in the cases that need it"
#: What to do about errors of collecting, by what they say.
HINTS = {
    r"failed to map segment from shared object":
        "it lies where no program may run (noexec): set TMPDIR, or XDG_CACHE_HOME for builds, elsewhere",
    _LACKS_OWN:
        "files that are generated and ignored by git are in no worktree: name them with carry",
    r"No package metadata was found for|distribution was not found":
        "what reads its own version from where it is installed must be installed in the environment that runs the gate",
    "import file mismatch":
        "two files of cases have the same name: give their folders an __init__.py, or pytest --import-mode=importlib",
    _LACKS_ANY:
        "a library must be installed in the environment that runs the gate, and a generated file named with carry",
    _LACKS_NAME: _OF_ONE_REVISION,
}  # fmt: skip
#: The same where neither revision can be collected.
HINTS_OF_BOTH = HINTS | {_LACKS_NAME: "if it is in a file that is generated and ignored by git, name that with carry"}
#: The same where only base cannot be collected, with the definitions that head has; and where the checkout cannot.
HINTS_OF_BASE = HINTS | dict.fromkeys((_LACKS_OWN, _LACKS_ANY), _OF_ONE_REVISION)
HINTS_OF_CHECKOUT = HINTS | dict.fromkeys(
    (_LACKS_OWN, _LACKS_ANY),
    "what the checkout lacks must be there: a library, a file that is generated, or what a sparse checkout leaves out",
)
#: What to do about cases that fail.
HINTS_OF_CASES = {
    "fixture '(codspeed_)?benchmark' not found":
        "pytest-benchmark or pytest-codspeed must be installed in the environment that runs the gate",
    "marked xfail": "what is expected to fail is not compared: take the mark off, or leave the case out by -k or -m",
}  # fmt: skip
#: The same where both revisions say the same.
HINTS_OF_CASES_IN_BOTH = HINTS_OF_CASES | {_LACKS_OWN: HINTS[_LACKS_OWN]}


def hints_in(root: Path) -> Mapping[str, str]:
    """What to do about errors of collecting in a worktree, which may be a package itself, by its folder's name."""
    if not (root / "__init__.py").is_file():
        return HINTS
    itself = 'where the repository itself is that package: prepare = "cp -r {worktree} {target}/PACKAGE"'
    return HINTS | {_LACKS_ANY: f"{HINTS[_LACKS_ANY]}; {itself}"}


def collect(*sites: Site) -> list[Collected]:
    """The benchmarks that each site has and what could not be collected there, all at once; runs none of them."""
    while True:
        try:
            return _collect(sites)
        except LethalNodeError as error:
            next(site for site in sites if site.name == error.arm).leave_out(error)


def _collect(sites: Sequence[Site]) -> list[Collected]:
    with ExitStack() as stack:
        arms = [
            stack.enter_context(site.started("collect")) if site.suite.present(site.root) else None for site in sites
        ]
        collected = [_collected(arm) if arm else Collected([]) for arm in arms]
        for arm, site in zip(arms, sites, strict=True):
            check_origin(arm.loaded if arm else {}, site)
        return collected


def _collected(arm: Arm) -> Collected:
    """The benchmarks of an arm; where base's own definitions cannot be read, head's will do in its place."""
    try:
        return arm.collected()
    except ArmError as error:
        if arm.name != "base" or isinstance(error, LethalNodeError):
            raise
        return Collected([], errors={".": str(error)})


def check_collected(head: Collected, hints: Mapping[str, str] = HINTS) -> None:
    """Raises GateError when nothing could be collected, WrongUseError when there is nothing."""
    if head.errors and not head.cases:
        said = "; ".join(f"{node}: {why}" for node, why in head.errors.items())
        raise GateError(hinted(f"head's benchmarks cannot be collected: {said}", hints))
    if not head.cases:
        raise WrongUseError(
            "no benchmark was selected: give files or directories with tests that use `benchmark`, or another -k or -m"
        )


def hinted(said: str, hints: Mapping[str, str] = HINTS) -> str:
    """What is said of something that cannot be collected, and what to do, if that is known."""
    return "; ".join(dict.fromkeys([said, *(hint for sign, hint in hints.items() if re.search(sign, said))]))
