"""How long a new process takes until it has segmented its first image, by engine; kernels were compiled before."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from benchmarks.marks import QUICK_AND_GATE
from benchmarks.measure import Measure
from bgremove.engines import WITHOUT_MODEL

ROOT = Path(__file__).parents[1]
SCRIPT = "import sys; from bgremove.engines import make_engine; make_engine(sys.argv[1]).warm_up()"
MARKS = {"exact": QUICK_AND_GATE}


@pytest.mark.parametrize("engine", [pytest.param(name, marks=MARKS.get(name, ())) for name in WITHOUT_MODEL])
def test_first_image(measure: Measure, engine: str) -> None:
    """Python, the imports, the kernels, and a picture of 32 x 32 pixels."""
    line = [sys.executable, "-c", SCRIPT, engine]
    measure(partial(subprocess.run, line, check=True, cwd=ROOT), group="first image of a process")
