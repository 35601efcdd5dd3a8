"""Watch a folder: whatever photograph is put into it is cut out into another one.

    python examples/hot_folder.py photos/ cutouts/

A file is taken once it has stopped growing. What is done is remembered in the output folder, so that the script may be
stopped and started at any time; Ctrl-C ends it.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bgremove import remove_backgrounds
from bgremove.errors import BgremoveError
from bgremove.formats import SUFFIXES

LOOK_EVERY_S = 1.0


def settled(folder: Path, before: dict[Path, tuple[int, int]]) -> tuple[list[Path], dict[Path, tuple[int, int]]]:
    """Images that are as they were at the last look, and how all of them are now."""
    now = {}
    for path in folder.iterdir():
        if path.suffix.lower() in SUFFIXES and path.is_file():
            state = path.stat()
            now[path] = state.st_size, state.st_mtime_ns
    return sorted(path for path, state in now.items() if before.get(path) == state), now


def watch(photos: Path, cutouts: Path) -> None:
    """Look again and again, until interrupted."""
    seen: dict[Path, tuple[int, int]] = {}
    done: dict[Path, tuple[int, int]] = {}
    while True:
        ready, seen = settled(photos, seen)
        new = [path for path in ready if done.get(path) != seen[path]]
        if new:
            try:
                for record in remove_backgrounds(new, cutouts, strategy="threads", naming="file", resume=True):
                    print(record.line(), record.error or "", flush=True)
            except BgremoveError as error:  # such as a cut-out of that name which is somebody else's
                print(error, file=sys.stderr, flush=True)
            done.update((path, seen[path]) for path in new)
        time.sleep(LOOK_EVERY_S)


if __name__ == "__main__":
    try:
        watch(Path(sys.argv[1]), Path(sys.argv[2]))
    except KeyboardInterrupt:
        print("stopped; what is written is whole", file=sys.stderr)
