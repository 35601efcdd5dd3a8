"""What functions are called in a report: by files that count from the project, wherever its revisions lie."""

import os
import posixpath
import re
from dataclasses import dataclass

from ..measure.site import Site
from ..revisions.worktrees import PREFIX

_FRAME = re.compile(r"(.* \()(.*?)(?::\d+)?\)$", re.DOTALL)  # a function that only moved in its file is still the same
_ADDRESS = re.compile(r"^0x[0-9a-f]+ \(")  # what a library does not name lies elsewhere in every process
#: What stands before the names of libraries, and before those of sources that a kept build was once made from.
_LIBRARIES = re.compile(r".*/(?:site-packages|dist-packages|lib/(?:python|pypy)[\d.]+t?)/")
_WORKTREES = re.compile(rf".*/{PREFIX}[^/]*/\w+/")


@dataclass(frozen=True)
class Names:
    """Names of functions in one revision, equal to those of the same functions in another.

    `folders` are those that the revision is loaded from, `roots` those in them from which packages are imported.
    """

    folders: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()

    @classmethod
    def of(cls, site: Site) -> "Names":
        """Those of the processes of a site."""
        roots = sorted(site.places.packages.roots, key=len, reverse=True)
        return cls(tuple(map(str, (*site.own, site.root))), tuple(roots))

    def function(self, frame: str) -> str:
        """What a frame of a profile is called.

        >>> Names(("/tmp/head",), ("src",)).function("work (/tmp/head/src/toy/core.py:12)")
        'work (toy/core.py)'
        """
        match = _FRAME.match(frame)
        named = f"{match[1]}{self._file(match[2])})" if match else frame
        return _ADDRESS.sub("functions without a name (", named)

    def _file(self, path: str) -> str:
        if not os.path.isabs(path):
            return path
        path = posixpath.normpath(path)
        if library := _LIBRARIES.match(path):
            return path[library.end() :]
        folder = next((f"{folder}/" for folder in self.folders if path.startswith(f"{folder}/")), "")
        worktree = _WORKTREES.match(path)
        if not folder and not worktree:
            return posixpath.basename(path)
        inside = path[len(folder) or (worktree.end() if worktree else 0) :]
        root = next((f"{root}/" for root in self.roots if inside.startswith(f"{root}/")), "")
        return inside.removeprefix(root)
