"""What a measured process is given: where the project may be, and what is drawn for its pair."""

import os
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path, PurePosixPath

from packaging.utils import canonicalize_name

from ..revisions.copies import is_copy, is_renamed_copy, key_of
from ..revisions.packages import Packages, files_of

#: The gate itself may lie in the repository, and every arm reads it.
_GATE = os.path.realpath(Path(__file__).parents[1]) + os.sep


@dataclass(frozen=True)
class Draw:
    """What is random of a pair, and the same in both arms: the seed of hashes, and sizes that move memory."""

    hash_seed: int = 0
    padding_bytes: int = 0
    frame_slots: int = 0


@dataclass(frozen=True)
class Places:
    """Where the project may be: in the user's `checkout`, where it must not be loaded from, and in `built` folders.

    `others` are worktrees of other revisions; `laid` are the case definitions, which are never those of a build.
    `changed` are files, and folders of submodules, that differ between the revisions and are to be compared. Modules
    of the names `copies`, or in files of such names, may be copies of such files.
    """

    checkout: Path
    packages: Packages = field(default_factory=lambda: Packages({}, (".",)))
    built: Path | None = None
    others: tuple[Path, ...] = ()
    laid: tuple[str, ...] = ()
    changed: frozenset[str] = frozenset()
    copies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def is_foreign(self, name: str, file: str, root: Path) -> bool:
        """Whether a module from elsewhere only has the name of one that changed, in a revision at `root` or another."""
        key = key_of(name, file, self.copies)
        versions = [tree / each for tree in (root, *self.others) for each in self.copies.get(key, ())]
        same = is_copy if key == name else is_renamed_copy
        return bool(key) and not same(Path(file), versions)

    def shared(self) -> list[str]:
        """Where both arms would find the same file of those that changed; a folder ends with a slash."""
        found = {*self._by_path(), *self._installed(), *self._installed_outside()}
        places = sorted(each for each in found if not each.startswith(_GATE))
        return [f"{place}{os.sep}" if os.path.isdir(place) else place for place in places]

    def _by_path(self) -> Iterator[str]:
        """In the checkout, and in the worktrees of other revisions."""
        for root in map(os.path.realpath, (self.checkout, *self.others)):
            yield from (os.path.join(root, file) for file in self.changed)

    def _installed(self) -> Iterator[str]:
        """In a copy of a package that is installed in the environment."""
        for folder in {os.path.realpath(sysconfig.get_path(name)) for name in ("purelib", "platlib")}:
            for root in map(PurePosixPath, self.packages.roots):
                inside = (PurePosixPath(file) for file in self.changed)
                yield from (
                    os.path.join(folder, file.relative_to(root)) for file in inside if file.is_relative_to(root)
                )

    def _installed_outside(self) -> Iterator[str]:
        """Scripts and data that the project has installed outside the folder of packages, by the name of their file."""
        names = {PurePosixPath(file).name for file in self.changed}
        for dist in distributions() if names else ():
            if canonicalize_name(str(dist.metadata["Name"])).replace("-", "_") in self.packages.projects:
                for file in files_of(dist):
                    if file.startswith("..") and PurePosixPath(file).name in names:
                        yield os.path.realpath(str(dist.locate_file(file)))
