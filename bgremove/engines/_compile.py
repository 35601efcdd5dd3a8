"""Kernels: functions of arrays and numbers that run as machine code, compiled once per machine where possible.

Numba compiles them, and is imported for that only. What it makes is kept on disk, and loaded with llvmlite in a tenth
of the time that importing Numba takes.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, cached_property, update_wrapper
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from bgremove.errors import EngineError
from bgremove.forks import lock_before_forks

Function = TypeVar("Function", bound=Callable[..., Any])

_RETURNED = {"None": None, "int": ctypes.c_int64, "float": ctypes.c_double}

_byte_of: Callable[[Any], Any] = ctypes.c_char.from_buffer
_address_of = ctypes.addressof

_ROOM = 2**16
"""Bytes that a kernel may take: on a full disk, which keeps none, processes would wait for one another in vain."""

_loading = lock_before_forks()
_loaded: list[Any] = []  # what holds the machine code


def kernel(function: Function) -> Function:
    """Compile `function` at its first call with arguments of some types; other threads run while it does.

    Arguments are C-contiguous arrays, numbers, and tuples of these, named or not. A kernel that Python calls returns a
    number or nothing, allocates nothing and raises nothing. A kernel may call others and take constants of all files of
    this folder: what is kept bears a digest of them all in its name, and is passed over once any of them has changed.
    """
    return cast("Function", Kernel(function))


def fused_kernel(function: Function) -> Function:
    """A `kernel` in which a product and the sum it goes into may be rounded as one.

    That is quicker on processors that can, and differs from one to the other in the last bits.
    """
    return cast("Function", Kernel(function, fused=True))


class Kernel:
    """What `kernel` gives."""

    def __init__(self, function: Callable[..., Any], *, fused: bool = False) -> None:
        update_wrapper(self, function)
        self._function = function
        self._fused = fused
        self._entries: dict[tuple[Any, ...], Callable[..., Any]] = {}

    def __call__(self, *arguments: Any) -> Any:
        parts: list[Any] = []
        kinds: list[Any] = []
        flatten(arguments, parts, kinds)
        key = tuple(kinds)
        entry = self._entries.get(key) or self._load(key, arguments, parts)
        return entry(*parts)

    @property
    def signatures(self) -> list[str]:
        """For what types of arguments it is loaded."""
        return [str(kinds) for kinds in self._entries]

    @cached_property
    def _inner(self) -> Any:
        from bgremove.engines import _numba  # noqa: PLC0415 - imports Numba

        return _numba.compile_inner(self._function, fused=self._fused)

    @property
    def _numba_type_(self) -> Any:
        """How Numba sees it where another kernel calls it."""
        return self._inner._numba_type_

    def is_kept(self) -> bool:
        """Whether it was compiled before, for some types of arguments."""
        return any(_holds(folder, self.file_name) for folder in _folders())

    @property
    def name(self) -> str:
        """That of its module, and its own."""
        return f"{self.__module__.rpartition('.')[2]}.{self._function.__name__}"

    @property
    def file_name(self) -> str:
        """How the names of the files begin that it is kept in."""
        return f"{self.name}-{_digest()}"

    def _load(self, kinds: tuple[Any, ...], arguments: Iterable[Any], parts: list[Any]) -> Callable[..., Any]:
        with _loading:
            if kinds not in self._entries:
                name = f"{self.file_name}-{hashlib.sha256(repr(kinds).encode()).hexdigest()[:8]}.o"
                symbol, code = _read(name) or self._build(name, arguments)
                engine = _link(code)
                types = [ctypes.c_double if isinstance(part, float) else ctypes.c_int64 for part in parts]
                returned = _RETURNED[self._function.__annotations__["return"]]
                prototype = ctypes.CFUNCTYPE(returned, *types)  # lets other threads run
                self._entries[kinds] = prototype(engine.get_function_address(symbol))
            return self._entries[kinds]

    def _build(self, name: str, arguments: Iterable[Any]) -> tuple[str, bytes]:
        _announce()
        from bgremove.engines import _numba  # noqa: PLC0415 - imports Numba

        symbol, module = _numba.compile_entry(self._function, self._inner, arguments)
        code = _numba.emit(module, *_llvm())
        _keep(name, symbol, code)
        return symbol, code


def flatten(arguments: Iterable[Any], parts: list[Any], kinds: list[Any]) -> None:
    """Write what a C function is given for these arguments to `parts`, and what tells their types to `kinds`.

    Of an array that is its address and its shape.
    """
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            try:  # a fourth of the time of the other way
                parts.append(_address_of(_byte_of(argument)))
            except (TypeError, ValueError) as error:  # read-only, or empty
                if not argument.flags.c_contiguous:
                    raise ValueError("a kernel was given an array that is not C-contiguous") from error
                parts.append(argument.ctypes.data)
            parts += argument.shape
            kinds += (argument.dtype.char, argument.ndim)
        elif isinstance(argument, tuple):
            kinds.append(type(argument).__name__)
            flatten(argument, parts, kinds)
            kinds.append("")
        else:
            part = float(argument) if isinstance(argument, float) else int(argument)
            parts.append(part)
            kinds.append(type(part).__name__)


@contextmanager
def compiled_once(last: Callable[..., Any], apart: Iterable[Callable[[], None]] = ()) -> Iterator[None]:
    """Let one process at a time enter the block, which compiles kernels, until `last` of them is kept on disk.

    The workers of a pool start together: the first compiles, all others wait and load what it has kept. The functions
    `apart` compile parts of what the block would: the first calls them before, side by side, see `call_apart`.
    """
    kernel = cast("Kernel", last)
    # What is loaded has been compiled. Only who may have to compile looks for a folder, by writing to it.
    if kernel.signatures or kernel.is_kept() or (folder := _folder()) is None:
        yield
        return
    from bgremove.engines._turns import my_turn  # noqa: PLC0415 - only those who may have to compile pay for it

    with ExitStack() as stack:
        with suppress(OSError, NotImplementedError):  # where no lock can be kept, each compiles for itself
            stack.enter_context(my_turn(folder / f"{kernel.name}.lock"))
        if apart and not kernel.is_kept():
            from bgremove.engines._first_use import call_apart  # noqa: PLC0415 - as above

            _announce()
            call_apart(apart)
        yield


def _holds(folder: Path, name: str) -> bool:
    try:
        return any(folder.glob(f"{name}-*.o"))
    except OSError:  # others may not look into it
        return False


@cache
def _announce() -> None:
    sys.stderr.write("bgremove: compiling its kernels, which takes up to a minute, once\n")


@cache
def _llvm() -> tuple[Any, Any]:
    """LLVM, and its idea of this processor."""
    try:
        import llvmlite.binding as llvm  # noqa: PLC0415 - who calls no kernel does not pay for it

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
    except OSError as error:
        raise EngineError("LLVM cannot be loaded: there is too little memory, or llvmlite is damaged") from error
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, jit=True
    )
    return llvm, machine


def _link(code: bytes) -> Any:
    """What finds functions in machine code, for as long as the process lives."""
    llvm, machine = _llvm()
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _loaded.append(engine)
    return engine


@cache
def _digest() -> str:
    """Of all that machine code depends on: the sources of the kernels, the processor, and what compiles."""
    llvm, _ = _llvm()
    digest = hashlib.sha256(f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}".encode())
    for module in ("numba", "llvmlite"):  # by a file, since asking for their metadata takes longer
        found = find_spec(module)
        if found and found.origin:
            digest.update(Path(found.origin).with_name("_version.py").read_bytes())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _folders() -> Iterator[Path]:
    """Where kernels may be kept: beside the source, or else among the user's files."""
    yield Path(__file__).parent / "__pycache__"
    with suppress(RuntimeError):  # who has no home gets none
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bgremove"


@cache
def _folder() -> Path | None:
    """The first of the folders that can be written to, None if none can."""
    for folder in _folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(bytes(_ROOM))
                file.flush()
                return folder
        except OSError:
            continue
    return None


def _read(name: str) -> tuple[str, bytes] | None:
    for folder in _folders():
        try:
            content = (folder / name).read_bytes()
        except OSError:
            continue
        check, symbol, code = content[:32], *content[32:].split(b"\n", 1)
        if hashlib.sha256(code).digest() == check:
            return symbol.decode(), code
    return None


def _keep(name: str, symbol: str, code: bytes) -> None:
    folder = _folder()
    if folder is None:
        return
    with suppress(OSError), ExitStack() as stack:  # a full disk keeps nothing, and stops nobody
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            stack.callback(Path(file.name).unlink, missing_ok=True)
            file.write(hashlib.sha256(code).digest() + symbol.encode() + b"\n" + code)
        Path(file.name).replace(folder / name)
