"""Compiled modules of the project: those that its users have, and that a worktree may lack."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import Distribution, distributions
from pathlib import Path, PurePosixPath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from .git import git_lines
from .packages import Packages, at, files_of, is_from, is_of_cases, is_tool, read_toml, texts

#: What projects require to be built for the sake of compiled modules, and nothing else.
_COMPILING = {
    "maturin", "meson-python", "scikit-build", "scikit-build-core", "setuptools-rust", "sip", "pybind11", "nanobind",
}  # fmt: skip
_BACKENDS = {"maturin": "maturin", "mesonpy": "meson-python", "scikit_build_core": "scikit-build-core"}
#: What they require for modules that may be compiled, or may not: installed without, they are slower.
_MAY_COMPILE = {"cython", "mypy", "cffi", "hatch-mypyc", "hatch-cython"}
#: How files begin that hold code of a machine, or several of them.
_MACHINE_CODE = (
    b"\x7fELF", b"MZ", b"!<arch>\n", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\xfe\xed\xfa",
)  # fmt: skip
#: How modules are called that one kind of Python alone can load.
_OF_A_PYTHON = re.compile(r"\.(cpython-|pypy|graalpy|cp3)[^.]*\.(so|pyd)$")
#: The same in the words of a setup.py.
_EXTENSIONS = re.compile(r"\b(ext_modules|rust_extensions|cffi_modules|mypycify|cythonize)\b")


def module_of(file: PurePosixPath) -> PurePosixPath | None:
    """The module that a file compiled is, as a path without suffix; None for any other file.

    >>> module_of(PurePosixPath("toy/_fast.abi3.so")), module_of(PurePosixPath("toy/data.sow"))
    (PurePosixPath('toy/_fast'), None)
    """
    for suffix in sorted((*EXTENSION_SUFFIXES, ".pyd", ".so"), key=len, reverse=True):
        if file.name.endswith(suffix):
            return file.with_name(file.name.removesuffix(suffix).partition(".")[0])
    return None


def loadable(file: PurePosixPath) -> PurePosixPath | None:
    """The same for a file that this Python can load, and another one perhaps cannot."""
    module = module_of(file)
    return module if module and file.name.removeprefix(module.name) in EXTENSION_SUFFIXES else None


def of_another_python(files: Iterable[str]) -> list[str]:
    """Files that another Python would load as modules which are not there for this one."""
    paths = [*map(PurePosixPath, files)]
    there = {*map(loadable, paths)}
    return [str(path) for path in paths if _OF_A_PYTHON.search(path.name) and module_of(path) not in there]


def is_compiled(file: Path) -> bool:
    """Whether a file is a library or a program in code of a machine, on Linux, macOS or Windows."""
    with suppress(OSError), file.open("rb") as content:
        return content.read(8).startswith(_MACHINE_CODE)
    return False


def expected(
    checkout: Path, packages: Packages, files: Sequence[str], offering: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Compiled modules of the project by dotted name, with where each is known from.

    `files` are those that git keeps, `offering` those of installed distributions.
    """
    found = {name: f"the installed {dist}" for dist, name in _installed_modules(offering)}
    found |= {name: f"this checkout ({file})" for name, file in _in_packages(_untracked(checkout), packages)}
    sources = [file for file in files if file.endswith(".pyx")]
    for name, file in _in_packages(sources, packages, suffix=".pyx"):
        found.setdefault(name, f"its source {file}")
    return found


def lacking(wanted: dict[str, str], packages: Packages, files: Iterable[str]) -> dict[str, str]:
    """Those of the modules `wanted` that are not among the files of a revision, as they are built or as git keeps them.

    They may be where they are installed or below one of the project's roots.
    """
    there = {module for file in files if (module := loadable(PurePosixPath(file))) is not None}
    places = ("", *packages.roots)
    return {
        name: why
        for name, why in wanted.items()
        if there.isdisjoint(PurePosixPath(place, *name.split(".")) for place in places)
    }


def compiled_by(home: Path, *, is_installed: bool) -> str:
    """By what the project in a folder has compiled modules for certain, in words; nothing if it may have none.

    Of what may compile, an installation without compiled modules shows that it does not here.
    """
    pyproject = read_toml(home / "pyproject.toml")
    backend = str(at(pyproject, "build-system.build-backend")).partition(".")[0]
    required = {_required(text) for text in texts(at(pyproject, "build-system.requires"))}
    required.add(_BACKENDS.get(backend, ""))
    if found := sorted(required & (_COMPILING if is_installed else _COMPILING | _MAY_COMPILE)):
        return f"is built by {', '.join(found)}"
    script = home / "setup.py"
    said = _EXTENSIONS.search(script.read_text(encoding="utf-8", errors="replace")) if script.is_file() else None
    if not is_installed and (said or at(pyproject, "tool.setuptools.ext-modules")):
        return f"has extension modules ({said.group()} in setup.py)" if said else "has extension modules (ext-modules)"
    return ""


def _required(requirement: str) -> str:
    try:
        return canonicalize_name(Requirement(requirement).name)
    except InvalidRequirement:
        return ""


def installed(checkout: Path, packages: Packages) -> dict[str, list[str]]:
    """The files of each installed distribution that offers one of the project's packages."""
    found = ((dist, files_of(dist)) for dist in distributions())
    return {str(dist.metadata["Name"]): files for dist, files in found if _offers(dist, files, packages, checkout)}


def _installed_modules(offering: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    for dist, files in offering.items():
        for file in files:
            module = module_of(PurePosixPath(file))
            if module is not None and ".." not in module.parts:
                yield dist, ".".join(module.parts)


def _offers(dist: Distribution, files: Sequence[str], packages: Packages, checkout: Path) -> bool:
    if is_from(dist, checkout):
        return True
    tops = {file.partition("/")[0] for file in files if "/" in file}
    offered = {
        name
        for name in packages.folders
        if "." not in name and (name.lower() in packages.projects or not is_of_cases(PurePosixPath(name)))
    }
    return not tops.isdisjoint(offered)


def _untracked(checkout: Path) -> list[str]:
    patterns = [f"*{suffix}" for suffix in (".so", ".pyd")]
    files = git_lines(checkout, "ls-files", "--others", "-z", "--", *patterns)
    return [file for file in files if "site-packages" not in file]


def _in_packages(files: Sequence[str], packages: Packages, suffix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names of those files that lie in a package of the project, or beside its topmost ones."""
    for file in files:
        path = PurePosixPath(file)
        module = path.with_suffix("") if suffix else module_of(path)
        if module is None:
            continue
        yield from ((name, file) for name in packages.names_of(module))
        is_module = suffix or (loadable(path) and len(path.suffixes) > 1)  # a mere .so may be any library
        if is_module and str(module.parent) in packages.roots and not is_tool(module.name):
            yield module.name, file
