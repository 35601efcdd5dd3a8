"""Where in a repository the project's packages lie, and by which names they are imported."""

import configparser
import csv
import json
import os
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any

#: Folders of tests and benchmarks, by name. All that lies in one is taken for definitions; elsewhere case files alone.
_OF_CASES = re.compile(
    r"(?i)_?((micro)?bench(es|marks?|marking)?|perf(ormance)?|tests?|testing|asv|speed)([_-]\w+)?"
    r"|\w+[_-](bench(marks?)?|tests?|perf)"
)
#: Files that make their folder that of a distribution.
_BUILD_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
#: Folders beside such a file in which packages usually lie.
_USUAL_FOLDERS = (".", "src", "python", "lib", "pysrc")
#: Modules that are no part of what a project offers.
_TOOLS = {"setup", "conftest", "noxfile", "versioneer", "tasks", "fabfile", "build", "manage"} | sys.stdlib_module_names
#: Keys of pyproject.toml that hold folders of packages, or a list of them.
_FOLDER_KEYS = (
    "setuptools.packages.find.where", "setuptools.package-dir", "maturin.python-source", "pdm.build.package-dir",
    "flit.module.src", "uv.build-backend.module-root",
)  # fmt: skip
#: Keys that hold the packages themselves.
_PACKAGE_KEYS = ("hatch.build.targets.wheel.packages", "scikit-build.wheel.packages", "hatch.build.packages")


@dataclass(frozen=True)
class Packages:
    """Import names of the project's topmost packages and modules, each with the folders it is imported from.

    `roots` are the folders to be put on the path, in this order; all folders are relative to the repository's root.
    `projects` are what the distributions call themselves, as names of packages are written.
    `installed` are names that they offer where they are installed, though nothing here is called so.
    """

    folders: Mapping[str, tuple[str, ...]]
    roots: tuple[str, ...]
    projects: frozenset[str] = frozenset()
    installed: frozenset[str] = frozenset()

    def joined(self, other: "Packages") -> "Packages":
        """The names of both, each with the folders of both."""
        names = {*self.folders, *other.folders}
        folders = {
            name: tuple(dict.fromkeys((*self.folders.get(name, ()), *other.folders.get(name, ())))) for name in names
        }
        roots = tuple(dict.fromkeys((*self.roots, *other.roots)))
        return Packages(
            dict(sorted(folders.items())), roots, self.projects | other.projects, self.installed | other.installed
        )

    def nearest_first(self, cases: Sequence[str]) -> "Packages":
        """The same, but of packages with one name that which lies nearest to a case, or to a folder of cases, is first.

        >>> two = Packages({"toy": ("packages/a/src", "packages/b/src")}, ("packages/a/src", "packages/b/src"))
        >>> two.nearest_first(["packages/b/tests/test_b.py"]).folders["toy"]
        ('packages/b/src', 'packages/a/src')
        """

        def nearness(folder: str) -> int:
            return -max((_shared(folder, case) for case in cases), default=0)

        folders = {name: tuple(sorted(where, key=nearness)) for name, where in self.folders.items()}
        return replace(self, folders=folders, roots=tuple(sorted(self.roots, key=nearness)))

    def claimed_by_several(self, name: str, cases: Sequence[str]) -> list[str]:
        """The folders of packages of one name that lie nearest to different cases; none where one suits all."""
        where = self.folders.get(name, ())
        nearest = {
            min(where, key=lambda folder: -_shared(folder, case))
            for case in cases
            if len({_shared(folder, case) for folder in where}) > 1
        }
        return sorted(nearest) if len(nearest) > 1 else []

    def names_of(self, module: PurePosixPath) -> Iterator[str]:
        """The dotted names of a module, given as a path without suffix, that lies in a package of the project."""
        for name, folders in self.folders.items():
            for folder in folders:
                package = PurePosixPath(folder, name.rpartition(".")[2])
                if module.is_relative_to(package) and module != package:
                    yield ".".join((name, *module.relative_to(package).parts))


def packages_of(
    worktree: Path, files: Sequence[str], definitions: Sequence[str], checkout: Path | None = None
) -> Packages:
    """The packages among the `files` of a worktree, apart from the case `definitions`.

    What is installed from the `checkout` is the project's too, whatever it calls itself.
    """
    inside = tuple(f"{path}/" for path in definitions)
    own = (file for file in files if file not in definitions and not file.startswith(inside))
    paths = [PurePosixPath(file) for file in _through_links(worktree, own)]
    homes = {path.parent for path in map(PurePosixPath, files) if path.name in _BUILD_FILES} | {PurePosixPath()}
    named = {home: project_name(worktree / home) for home in homes}
    projects = frozenset(filter(None, named.values()))
    candidates = {folder for home in homes for folder in _candidates(worktree, home)}
    folders: dict[str, dict[str, None]] = defaultdict(dict)
    roots: dict[PurePosixPath, None] = {}
    topmost = list(_topmost(paths))
    for top in topmost:
        root = next(parent for parent in top.parents if parent in candidates)
        name = ".".join(top.relative_to(root).with_suffix("").parts)
        if _is_offered(name, projects):
            folders[name][str(top.parent)] = None
            roots[root] = None
    for name in _installed_names(projects) - folders.keys():  # wherever it may lie here
        for top in topmost:
            if top.with_suffix("").name == name:
                folders[name][str(top.parent)] = None
                roots[top.parent] = None
    declared = sorted(roots, key=lambda root: (root == PurePosixPath(), len(root.parts), str(root)))
    return Packages(
        {name: tuple(where) for name, where in sorted(folders.items())},
        tuple(map(str, declared)),
        projects,
        # without projects that tests play with
        frozenset(
            _installed_modules(
                *(name for home, name in named.items() if name and not is_of_cases(home)),
                *(str(dist.metadata["Name"]) for dist in distributions() if checkout and is_from(dist, checkout)),
            )
        )
        - {name.partition(".")[0] for name in folders},
    )


def _shared(folder: str, file: str) -> int:
    """How many folders from the root on two paths have in common."""
    pairs = zip(PurePosixPath(folder).parts, PurePosixPath(file).parts, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def is_of_cases(folder: PurePosixPath) -> bool:
    """Whether a folder is called as folders of tests and benchmarks are, or lies in one."""
    return any(_OF_CASES.fullmatch(part) for part in folder.parts)


def files_of(dist: Distribution) -> list[str]:
    """What `dist.files` has, which takes half a second to make paths of in a large environment."""
    record = dist.read_text("RECORD")
    return [row[0] for row in csv.reader(record.splitlines()) if row] if record else list(map(str, dist.files or ()))


def _installed_names(projects: Iterable[str]) -> set[str]:
    """Topmost names that the installed distributions of these projects offer."""
    found: set[str] = set()
    for project in projects:
        with suppress(PackageNotFoundError, ValueError):
            dist = distribution(project)
            listed = (dist.read_text("top_level.txt") or "").split()
            found.update(listed or (file.partition("/")[0].removesuffix(".py") for file in files_of(dist)))
    return {name for name in found if name.isidentifier() and not name.startswith("__")}


def is_from(dist: Distribution, checkout: Path) -> bool:
    """Whether a distribution was installed from a folder of the checkout."""
    location = json.loads(dist.read_text("direct_url.json") or "{}").get("url", "")
    return bool(location == checkout.as_uri() or location.startswith(f"{checkout.as_uri()}/"))


def _installed_modules(*projects: str) -> Iterator[str]:
    """Topmost packages and modules, no namespaces, that installed distributions of these projects have as files."""
    for project in projects:
        with suppress(PackageNotFoundError, ValueError):
            dist = distribution(project)
            files = files_of(dist)
            starting = {name for file in files if file.endswith(".pth") for name in _imported_by(dist, file)}
            for file in files:
                name = file.removesuffix("/__init__.py").removesuffix(".py")
                if name != file and name.isidentifier() and not (name.startswith("__") or _OF_CASES.fullmatch(name)):
                    yield from {name} - starting


def _imported_by(dist: Distribution, file: str) -> list[str]:
    """What every Python imports when it starts, as the finder of an editable installation: no code of the project."""
    with suppress(OSError):
        text = Path(str(dist.locate_file(file))).read_text(encoding="utf-8", errors="replace")
        return re.findall(r"^import[ \t]+(\w+)", text, re.MULTILINE)
    return []


def project_name(home: Path) -> str:
    """What the distribution in a folder calls itself, as names of packages are written; nothing if there is none."""
    pyproject, setup = read_toml(home / "pyproject.toml"), home / "setup.py"
    script = setup.read_text(encoding="utf-8", errors="replace") if setup.is_file() else ""
    told = (
        at(pyproject, "project.name"),
        at(pyproject, "tool.poetry.name"),
        read_setup_cfg(home).get("metadata", "name", fallback=""),
        *re.findall(r"\bname\s*=\s*[\"']([^\"']+)[\"']", script),
    )
    return re.sub(r"[-_.]+", "_", next((name for name in told if name and isinstance(name, str)), "")).lower()


def is_tool(name: str) -> bool:
    """Whether a topmost module of this name is no part of what a project offers."""
    return name in _TOOLS or name.startswith("test_") or name.endswith("_test")


def _is_offered(name: str, projects: frozenset[str]) -> bool:
    top = name.partition(".")[0]
    return (not is_tool(top) or top.lower() in projects - sys.stdlib_module_names) and all(
        part.isidentifier() for part in name.split(".")
    )


def _topmost(paths: Iterable[PurePosixPath]) -> Iterator[PurePosixPath]:
    """Folders of topmost packages, and modules that are in no package."""
    sources = [path for path in paths if path.suffix in {".py", ".pyx"}]
    packages = {path.parent for path in sources if path.stem == "__init__"} - {PurePosixPath()}
    yield from sorted(folder for folder in packages if folder.parent not in packages)
    yield from sorted(path for path in sources if path.parent not in packages)


def _through_links(worktree: Path, files: Iterable[str]) -> Iterator[str]:
    """The files, and those in a folder again by each link to it, as where several projects share a package."""
    given = list(files)
    yield from given
    for name in given:
        link = worktree / name
        if link.is_symlink() and link.is_dir():
            folder = f"{os.path.relpath(link.resolve(), worktree.resolve())}/"
            if not name.startswith(folder):  # one to a folder around it has no end
                yield from (f"{name}/{file.removeprefix(folder)}" for file in given if file.startswith(folder))


def _candidates(worktree: Path, home: PurePosixPath) -> set[PurePosixPath]:
    """Folders from which the distribution in the folder `home` may be imported."""
    found = {home / folder for folder in _USUAL_FOLDERS}
    found |= {home / folder for folder in _declared(worktree / home)}
    return {PurePosixPath(*folder.parts) for folder in found}


def _declared(home: Path) -> Iterator[str]:
    tool = read_toml(home / "pyproject.toml").get("tool", {})
    for key in _FOLDER_KEYS:
        yield from texts(at(tool, key))
    for key in _PACKAGE_KEYS:
        yield from (str(PurePosixPath(package).parent) for package in texts(at(tool, key)))
    sources = at(tool, "hatch.build.targets.wheel.sources")
    yield from sources if isinstance(sources, dict) else texts(sources)
    for package in at(tool, "poetry.packages") or []:
        yield from texts(package.get("from") if isinstance(package, dict) else None)
    parser = read_setup_cfg(home)
    for text in (
        parser.get("options", "package_dir", fallback=""),
        f"= {parser.get('options.packages.find', 'where', fallback='')}",
    ):
        yield from (line.partition("=")[2].strip() for line in text.splitlines() if line.partition("=")[2].strip())
    if (home / "setup.py").is_file():
        script = (home / "setup.py").read_text(encoding="utf-8", errors="replace")
        yield from re.findall(r"package_dir\s*=\s*\{\s*[\"'][\"']\s*:\s*[\"']([^\"']+)[\"']", script)
        yield from re.findall(r"find_(?:namespace_)?packages\(\s*(?:where\s*=\s*)?[\"']([^\"']+)[\"']", script)


def read_setup_cfg(home: Path) -> configparser.ConfigParser:
    """What a setup.cfg holds; nothing where there is none, or none that can be read."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    with suppress(configparser.Error, UnicodeDecodeError):
        parser.read(home / "setup.cfg", encoding="utf-8")
    return parser


def read_toml(file: Path) -> dict[str, Any]:
    """What a file holds; nothing where there is none, or none that can be read."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return {}


def at(table: Any, dotted: str) -> Any:
    """What stands under a dotted key; None where there is none."""
    for part in dotted.split("."):
        table = table.get(part) if isinstance(table, dict) else None
    return table


def texts(value: Any) -> list[str]:
    """The texts of a list, of a single text, or of the entry without a name in a table."""
    if isinstance(value, dict):
        value = [folder for name, folder in value.items() if not name]
    return [each for each in ([value] if isinstance(value, str) else value or []) if isinstance(each, str)]
