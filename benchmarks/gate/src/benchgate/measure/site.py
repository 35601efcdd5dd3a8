"""Where arms of one revision are started, and how they are ended for certain."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from uuid import uuid4

from ..errors import GateError, LethalNodeError
from ..revisions.git import without_git
from ..revisions.worktrees import BYTECODE
from . import strays
from .channel import DriverEnd
from .children.sitecustomize import NOTES, SHARED, VARIABLE, listed, written
from .driver import Arm
from .places import Draw, Places
from .plan import Plan
from .suite import Suite, kept_variables

#: How long an arm may take to end after it has said that it finished, in seconds.
ENDING_S = 20.0

#: Sockets lie below the folder of temporary files, and their paths may have about a hundred characters.
_LONGEST_OF_TEMPORARY = 64

#: The usual way to have each revision built, as it stands in the configuration.
PREPARE = 'prepare = "pip install --no-deps --target {target} {worktree}"'
#: The same for what pyximport compiles when it is imported, into a folder that all processes of a user share.
PREPARE_IN_PLACE, _OF_PYXIMPORT = 'prepare = "cythonize --inplace **/*.pyx"', ".pyxbld"

_PACKAGE = "_benchgate_in_arm"
_HERE = Path(__file__).parents[1]
_CHILDREN = Path(__file__).with_name("children")
# The current folder is no place of modules.
_BOOT = f"""
import importlib.util, json, sys
if sys.path[:1] == [""]:
    del sys.path[0]
spec = importlib.util.spec_from_file_location("{_PACKAGE}", sys.argv[1] + "/__init__.py",
                                              submodule_search_locations=[sys.argv[1]])
package = sys.modules["{_PACKAGE}"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
read_fd, write_fd, told = json.loads(sys.argv[2])
with open(told, encoding="utf-8") as file:
    fields = json.load(file)
del sys.argv[1:]
from {_PACKAGE}.measure import arm
from {_PACKAGE}.measure.plan import Plan
sys.exit(arm.main(read_fd, write_fd, Plan(**fields)))
"""

#: Settings of the caller's environment that would change what is run in the arms.
_UNWANTED = (
    "PYTHONINSPECT",
    "COVERAGE_PROCESS_START",
    "COVERAGE_PROCESS_CONFIG",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD",
    "PYTEST_CURRENT_TEST",
    "CODSPEED_ENV",
    NOTES,
    SHARED,
    "OLDPWD",
)


@dataclass(frozen=True)
class Site:
    """Where arms of one revision are started: `name` is "base" or "head", `root` its worktree.

    `lethal` are files and folders of cases that have ended a process, with what is said of each.
    """

    name: str
    root: Path
    suite: Suite
    timeout_s: float
    logs: Path
    places: Places
    lethal: dict[str, str] = field(default_factory=dict)

    def leave_out(self, error: LethalNodeError) -> None:
        """Keeps what has ended a process from being collected again; raises the error if that was done before."""
        if error.node in self.lethal:
            raise error
        self.lethal[error.node] = error.why

    @property
    def own(self) -> list[Path]:
        """Folders that this revision is loaded from, the first that has a module."""
        return [folder.resolve() for folder in (self.places.built, self.root) if folder is not None]

    @contextmanager
    def started(self, occasion: str, draw: Draw | None = None, *, on_trial: bool = False) -> Iterator[Arm]:
        """A fresh process in the worktree; whatever it leaves behind is ended with the block.

        One that is on trial tells what the processes below it load, and whether it starts them so that they can.
        """
        draw, mark = draw or Draw(), uuid4().hex
        notes = self.root.with_name(f"{self.name}-loads") if on_trial else None
        if notes:
            notes.write_bytes(b"")
        shared = self.places.shared() if on_trial else []
        reads = str(self.root.with_name(f"{self.name}-reads")) if shared else ""
        if reads:
            Path(reads).write_bytes(b"")
        trial = {NOTES: str(notes)} if notes else {}
        trial |= {SHARED: self._noted("shared", listed([reads, *shared]))} if reads else {}
        command_read, command_write = os.pipe()
        answer_read, answer_write = os.pipe()
        log = self.logs / f"{occasion}-{self.name}.log"
        plan = self._noted("plan", json.dumps(asdict(self._plan(draw, str(notes or ""), reads))))
        words = json.dumps([command_read, answer_write, plan])
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 (our own interpreter, no shell)
                [sys.executable, "-c", _BOOT, str(_HERE), words],
                cwd=self.suite.start(self.root),
                env=self._environment(draw) | {strays.MARK: mark} | trial,
                pass_fds=(command_read, answer_write),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        os.close(command_read)
        os.close(answer_write)
        end = DriverEnd(self.name, process, answer_read, command_write)
        try:
            arm = Arm(self.name, process.pid, end, self.timeout_s, log, mark)
            yield arm
            if arm.orderly:
                _wait(process)
        finally:
            end.close()
            strays.end(process, mark)

    def _folders(self) -> dict[str, list[str]]:
        """By package of the project, the folders of this revision that it is loaded from."""
        return {name: self._folders_of(name) for name in self.places.packages.folders} | dict(self._cases_in_packages())

    def _plan(self, draw: Draw, notes: str, reads: str) -> Plan:
        return Plan(
            root=str(self.root),
            packages=[*self._folders(), *self.places.packages.installed],
            first=[] if self.places.built is None else [str(self.places.built)],
            watched=[*map(str, (self.places.checkout, *self.places.others, *self.own))],
            arguments=self._arguments(),
            frame_slots=draw.frame_slots,
            notes=notes,
            reads=reads,
            copies=[*self.places.copies],
            lethal=self.lethal,
        )

    def _arguments(self) -> list[str]:
        """Pytest's; in the user's own checkout its cache is the user's, and an arm might leave it half made."""
        words = self.suite.arguments(self.root)
        if self.places.others or "no:cacheprovider" in words:
            return words
        return [*words, "-o", f"cache_dir={self.logs.resolve() / 'pytest-cache'}"]

    def _cases_in_packages(self) -> Iterator[tuple[str, list[str]]]:
        """Definitions that lie in a package which is built: a build has its own revision's."""
        for path in map(PurePosixPath, self.places.laid if self.places.built else ()):
            for name in self.places.packages.names_of(path.with_suffix("")):
                yield name, [str((self.root / path).parent)]

    def _folders_of(self, name: str) -> list[str]:
        built = self.places.built
        outer = PurePosixPath(*name.split(".")).parent
        folders = [] if built is None else [built / outer]
        return [
            str(folder) for folder in (*folders, *(self.root / each for each in self.places.packages.folders[name]))
        ]

    def _environment(self, draw: Draw) -> dict[str, str]:
        kept = {name: value for name, value in without_git(os.environ).items() if name not in _UNWANTED}
        kept |= kept_variables(os.environ)
        roots = [self.root / root for root in self.places.packages.roots]
        first = [] if self.places.built is None else [self.places.built]
        paths = [str(path) for path in (_CHILDREN, *first, *roots, self.root, *self._callers_path())]
        drawn = {"PYTHONHASHSEED": str(draw.hash_seed), "GATE_PADDING": "x" * draw.padding_bytes}
        if self.places.others:
            drawn |= self._temporary()
            if kept.pop("PYTHONDONTWRITEBYTECODE", None):  # as in most containers: each pair would compile all anew
                drawn["PYTHONPYCACHEPREFIX"] = str(self.root.with_name(BYTECODE))
        if self.places.built is not None:  # a package is not where pytest has seen the cases in it
            drawn["PY_IGNORE_IMPORTMISMATCH"] = "1"
        own = {
            "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
            "PWD": str(self.suite.start(self.root)),
            VARIABLE: self._noted("finds", written(self._folders())),
        }
        return kept | own | drawn

    def _temporary(self) -> dict[str, str]:
        """A folder of temporary files for this revision alone, which goes with the worktrees.

        What the code of one revision keeps there, to be found by the next process, the other's must not find.
        """
        folder = self.root.with_name(f"{self.name}-tmp")
        folder.mkdir(exist_ok=True)
        names = ["PYTEST_DEBUG_TEMPROOT", *(["TMPDIR"] if len(str(folder)) <= _LONGEST_OF_TEMPORARY else [])]
        return dict.fromkeys(names, str(folder))

    def _noted(self, what: str, text: str) -> str:
        """The path of a file of what a process is told: a system takes no more than 128 KB in a word or a variable."""
        file = (self.root.parent if self.places.others else self.logs.resolve()) / f"{what}-{self.name}"
        file.write_text(text, encoding="utf-8", errors="surrogateescape")
        return str(file)

    def _callers_path(self) -> Iterator[Path]:
        """The caller's PYTHONPATH: what is in the checkout is in the worktree; the gate's own place is left out."""
        for entry in filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)):
            path = Path(entry).resolve()
            if path.is_relative_to(self.places.checkout):
                yield self.root / path.relative_to(self.places.checkout)
            elif path != _HERE.parent:
                yield path


def _wait(process: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(ENDING_S)


def strangers(loaded: Mapping[str, str], site: Site) -> dict[str, str]:
    """Modules of the project that were not loaded from the site's own revision, with their files."""
    places, own = site.places, own_of(loaded, site)
    return {
        name: file for name, file in loaded.items() if name not in own and not places.is_foreign(name, file, site.root)
    }


def own_of(loaded: Mapping[str, str], site: Site) -> dict[str, str]:
    """Modules that were loaded from the site's own revision, with their files."""
    return {name: file for name, file in loaded.items() if any(Path(file).is_relative_to(own) for own in site.own)}


def check_origin(loaded: Mapping[str, str], site: Site) -> None:
    """Raises GateError for a module of the project from elsewhere: an installed copy, or the checkout itself."""
    found = strangers(loaded, site)
    if not found:
        return
    shown = ", ".join(f"{name} from {file}" for name, file in [*found.items()][:3])
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    compiled = any(_OF_PYXIMPORT in Path(file).parts for file in found.values())
    raise GateError(
        f"the {site.name} arm did not measure its own revision but loaded {shown}{more}, which both arms would share: "
        f"{'' if compiled else 'uninstall that copy, or '}have each revision built: "
        f"{PREPARE_IN_PLACE if compiled else PREPARE}"
    )
