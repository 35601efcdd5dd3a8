"""Closed-form matting by PyMatting, of which no more is imported than that takes."""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from bgremove.errors import EngineError, UsageError
from bgremove.forks import lock_before_forks

_MISSING = "soft edges need PyMatting; install it with: pip install 'bgremove[soft]'"

_SQUARE = 3  # pixels of the side of the squares in which PyMatting takes alpha for a linear function of colour

_PRIOR_WEIGHT = 1e-3  # of the squared distance from what is expected; neighbours of one colour weigh about 1

_loading = lock_before_forks()


def check_installed() -> None:
    """Raise `UsageError` if PyMatting is not installed. Imports nothing."""
    _folder()


def estimate_alpha(
    image: NDArray[np.float64], trimap: NDArray[np.float64], prior: NDArray[np.float32] | None = None
) -> NDArray[np.float64]:
    """Alpha from 0 to 1 where the `trimap` is neither (Levin, Lischinski, Weiss 2008).

    Parameters
    ----------
    image : (H, W, 3) float64
        0 to 1.
    trimap : (H, W) float64
        0 is background, 1 is object, anything else is to be found.
    prior : (H, W) float32, optional
        What alpha is expected to be; it decides where colours leave alpha open.

    Raises `UsageError` if PyMatting is not installed, `EngineError` if it finds no solution.
    """
    if min(trimap.shape) < _SQUARE:
        return _of_narrow(image, trimap, prior)
    _announce()
    laplacian, factor, solver = (
        _load(name) for name in ("laplacian.cf_laplacian", "preconditioner.ichol", "solver.cg")
    )  # fmt: skip
    alpha = trimap.ravel().copy()
    known = (alpha == 0) | (alpha == 1)
    # Of the equations of all pixels those of the unknown ones, with what the known ones give on the right.
    rows = laplacian.cf_laplacian(image, is_known=known)[~known]
    matrix, right = rows[:, ~known], -rows[:, known].dot(alpha[known])
    if prior is not None:
        matrix.setdiag(matrix.diagonal() + _PRIOR_WEIGHT)
        right += _PRIOR_WEIGHT * prior.ravel()[~known]
    try:
        with np.errstate(all="ignore"):  # what divides by zero does not converge
            alpha[~known] = solver.cg(matrix, right, M=factor.ichol(matrix))
    except ValueError as error:
        raise EngineError(f"no soft edge was found: {error}") from error
    return np.clip(alpha, 0, 1).reshape(trimap.shape)


def _of_narrow(
    image: NDArray[np.float64], trimap: NDArray[np.float64], prior: NDArray[np.float32] | None
) -> NDArray[np.float64]:
    """The same where no square fits in: that of the image with its last row or column repeated."""
    height, width = trimap.shape
    room = (0, max(0, _SQUARE - height)), (0, max(0, _SQUARE - width))
    wider = None if prior is None else np.pad(prior, room, "edge")
    found = estimate_alpha(np.pad(image, (*room, (0, 0)), "edge"), np.pad(trimap, room, "edge"), wider)
    return found[:height, :width]


def _load(name: str) -> ModuleType:
    """One module of PyMatting, without its packages: those import all the others, which compile for a minute."""
    path = _folder().joinpath(*name.split(".")).with_suffix(".py")
    name = f"pymatting.{name}"
    with _loading:
        if name not in sys.modules:
            spec = spec_from_file_location(name, path)
            if spec is None or spec.loader is None:
                raise UsageError(_MISSING)
            sys.modules[name] = module_from_spec(spec)  # where Numba looks for the owner of a kernel that it loads
            try:
                spec.loader.exec_module(sys.modules[name])
                vars(sys.modules[name])["print"] = _say_nothing
            except BaseException:
                del sys.modules[name]
                raise
        return sys.modules[name]


def _say_nothing(*_: object) -> None:
    """In place of `print`: what its solver tries would go to standard output, as a cutout may."""


def _folder() -> Path:
    found = find_spec("pymatting")
    if found is None or not found.origin:
        raise UsageError(_MISSING)
    return Path(found.origin).parent


def _announce() -> None:
    """Say on stderr that PyMatting's kernels are about to be compiled, if that seems so."""
    if "pymatting.laplacian.cf_laplacian" not in sys.modules and not any(_folder().rglob("*cf_laplacian*.nbi")):
        sys.stderr.write("bgremove: PyMatting may compile its kernels, which takes some seconds once\n")
