"""Compiles kernels with Numba to machine code that runs without it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numba import carray, cfunc, from_dtype, njit, types  # type: ignore[attr-defined]
from numba.core.codegen import CPUCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target

_RAISING = re.compile(
    r"declare ([^@\n]*?)@(Py\w+|numba_gil_\w+|numba_unpickle|numba_do_raise|numba_runtime_build_excinfo_struct"
    r"|NRT_Free|NRT_MemInfo_call_dtor)(\([^\n]*?\))[^\n]*"
)
"""What raises, and frees what was allocated: never called in a kernel that does neither, and absent without Numba."""

_RETURNED = {"None": types.void, "int": types.int64, "float": types.float64}


def compile_inner(function: Callable[..., Any], *, fused: bool) -> Any:
    """What other kernels see of a kernel that they call."""
    # called by other kernels only: what Python would call it by is left out, a fifth of the time
    unused = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    fastmath = {"contract"} if fused else False
    inner = njit(error_model="numpy", fastmath=fastmath, **unused)(function)  # type: ignore[call-overload]
    template = inner.get_call_template

    def get_call_template(arguments: Iterable[Any], named: Mapping[str, Any]) -> Any:
        """Not one for each constant that is given for a number: LLVM puts constants in place where that pays."""
        return template([types.unliteral(each) for each in arguments], named)  # type: ignore[no-untyped-call]

    inner.get_call_template = get_call_template
    return inner


def compile_entry(function: Callable[..., Any], inner: Any, arguments: Iterable[Any]) -> tuple[str, str]:
    """A C function that takes the parts of such `arguments` one by one, see `bgremove.engines._compile.flatten`.

    Returns its name, and its module for LLVM. Should it raise, the process ends.
    """
    entry = _Entry(arguments)
    made = entry.make(inner)
    returned = _RETURNED[function.__annotations__["return"]]
    with _without_machine_code():
        callback = cfunc(returned(*entry.types), error_model="numpy")(made)
        text = callback._library.optimised()  # type: ignore[attr-defined]
    text = re.sub(_RAISING, r"define internal \1@\2\3 {\n  call void @abort()\n  unreachable\n}", text)
    return callback.native_name, f"{text}\ndeclare void @abort()\n"


def emit(module: str, llvm: Any, machine: Any) -> bytes:
    """Machine code of a module. Raises `RuntimeError` if it could not be linked."""
    parsed = llvm.parse_assembly(module)
    for each in parsed.functions:
        name = each.name
        if not each.is_declaration or name.startswith("llvm."):
            continue
        if name.startswith(("numba_", "NRT_")) or llvm.address_of_symbol(name) is None:
            raise RuntimeError(f"a kernel calls {name}, which is not there without Numba: does it allocate?")
    return bytes(machine.emit_object(parsed))


@contextmanager
def _without_machine_code() -> Iterator[None]:
    """A block in which Numba stops short of machine code, and optimises nothing by itself."""
    with global_compiler_lock:
        codegen = cpu_target.target_context.codegen()
        codegen._library_class = _Library
        try:
            yield
        finally:
            del codegen._library_class


class _Library(CPUCodeLibrary):
    """A function and those that it calls. Numba would optimise each, and make machine code of it that never runs."""

    def optimised(self) -> str:
        """The module for LLVM: once for what is called to be put in its place, once for what that has become."""
        self._ensure_finalized()  # type: ignore[no-untyped-call]
        for _ in range(2):
            super()._optimize_final_module()  # type: ignore[no-untyped-call]
        return str(self._final_module)

    @property
    def codegen(self) -> Any:
        """Itself: there is no machine code in which an environment could be set."""
        return self

    def set_env(self, name: str, environment: Any) -> None:
        """Nothing is done with objects of Python."""

    def get_pointer_to_function(self, name: str) -> int:  # noqa: ARG002
        """None."""
        return 0

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalized = True


class _Entry:
    """The source of a function that puts arrays and tuples together from plain numbers."""

    def __init__(self, arguments: Iterable[Any]) -> None:
        self.types: list[Any] = []
        self._names: dict[str, Any] = {"carray": carray}
        self._call = ", ".join(self._expression(argument) for argument in arguments)

    def make(self, inner: Any) -> Any:
        parameters = ", ".join(f"p{number}" for number in range(len(self.types)))
        self._names["inner"] = inner
        exec(f"def entry({parameters}):\n    return inner({self._call})", self._names)  # noqa: S102 - our own words only
        return self._names["entry"]

    def _expression(self, argument: Any) -> str:
        if isinstance(argument, np.ndarray):
            pointer = self._parameter(types.CPointer(from_dtype(argument.dtype)))  # type: ignore[no-untyped-call]
            shape = "".join(f"{self._parameter(types.int64)}, " for _ in argument.shape)
            return f"carray({pointer}, ({shape}))"
        if isinstance(argument, tuple):
            parts = ", ".join(self._expression(part) for part in argument)
            if type(argument) is tuple:
                return f"({parts},)"
            self._names[type(argument).__name__] = type(argument)
            return f"{type(argument).__name__}({parts})"
        return self._parameter(types.float64 if isinstance(argument, float) else types.int64)

    def _parameter(self, kind: Any) -> str:
        self.types.append(kind)
        return f"p{len(self.types) - 1}"
