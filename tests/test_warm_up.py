"""A worker that is warm has nothing left to compile or load, so that no image waits for it."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from bgremove.engines import ENGINES, WITHOUT_MODEL, make_engine
from tests.tiny_models import write_model

ROOT = Path(__file__).parents[1]

LOADED = """
import sys
from bgremove.engines._compile import Kernel

def loaded():
    return {
        (module.__name__, name, str(signature))
        for module in [m for n, m in list(sys.modules.items()) if n.startswith("bgremove.engines.")]
        for name, value in vars(module).items() if isinstance(value, Kernel)
        for signature in value.signatures
    }
"""

SCRIPT = (
    LOADED
    + """
from bgremove.engines import make_engine, read_model
from bgremove.formats.read import Photo
from bgremove.remove import initial_labels
from fixtures.scenes import make_scene

engine = make_engine(sys.argv[1], read_model(sys.argv[2]) if sys.argv[2:] else None)
engine.warm_up()
warm = loaded()
for height, width in ((60, 80), (300, 400), (1000, 1100)):
    scene = make_scene(height, width, seed=1)
    labels = initial_labels(Photo(scene.image), scene.rect)
    engine.segment(scene.image, labels, iterations=3, seed=0)
print(len(warm), sorted(loaded() - warm))
"""
)


MATTING = """
import sys
from bgremove.preparation import Preparation

with Preparation("opencv", edge=sys.argv[1])():
    print("pymatting.laplacian.cf_laplacian" in sys.modules)
"""


@pytest.mark.whole_run
@pytest.mark.parametrize(("edge", "imported"), [("hard", "False"), ("soft", "True")])
def test_a_worker_for_soft_edges_has_imported_what_makes_them(edge, imported, environment):
    line = [sys.executable, "-c", MATTING, edge]
    result = subprocess.run(line, env=environment, capture_output=True, text=True, check=True, timeout=200)
    assert result.stdout.strip() == imported


READING = (
    LOADED
    + """
from pathlib import Path
from bgremove.batch.job import Job
from bgremove.batch.worker import cut_file
from bgremove.preparation import Preparation
from bgremove.settings import Settings

with Preparation("opencv")():
    warm = set(sys.modules) | loaded()
    for name in ("bowl.jpg", "star.png"):
        cut_file(Job(Path("fixtures/images", name), {"cutout": Path(sys.argv[1], name)}), Settings(engine="opencv"))
print([*(set(sys.modules) | loaded()) - warm])
"""
)


def test_a_warm_worker_imports_nothing_to_read_and_write_a_file(environment, tmp_path):
    line = [sys.executable, "-c", READING, tmp_path]
    result = subprocess.run(line, env=environment, capture_output=True, text=True, check=True, timeout=100, cwd=ROOT)
    assert result.stdout == "[]\n"


@pytest.mark.whole_run
@pytest.mark.parametrize("name", ENGINES)
def test_after_the_warm_up_nothing_is_compiled_or_loaded(name, environment, tmp_path):
    # In a process of its own: this one has segmented images before.
    model = [write_model(tmp_path / "tiny.onnx")] if name == "onnx" else []
    line = [sys.executable, "-c", SCRIPT, name, *model]
    result = subprocess.run(line, env=environment, capture_output=True, text=True, check=True, timeout=100)
    kernels, late = result.stdout.split(" ", 1)
    assert (int(kernels) > 0) == (name != "opencv")
    assert late == "[]\n"


FORKED = """
import os, sys
import cv2
import numpy as np
from bgremove.engines import make_engine
from bgremove.preparation import Preparation
from fixtures.scenes import make_scene

def threads():
    return len(os.listdir("/proc/self/task"))

cv2.setNumThreads(1)  # the scene is made without threads of OpenCV
scene = make_scene(300, 400, seed=1)
labels = np.zeros((300, 400), np.uint8)
labels[scene.rect.slices] = 3
before = threads()
Preparation(sys.argv[1]).load()
assert threads() == before, f"{threads() - before} threads were started"
assert "numba" not in sys.modules, "the kernels that were kept are compiled again"
child = os.fork()
mask = make_engine(sys.argv[1]).segment(scene.image, labels, iterations=2, seed=0)
if child:
    assert os.waitpid(child, 0)[1] == 0
assert (mask & 1).any()
"""


@pytest.mark.whole_run
@pytest.mark.skipif(sys.platform != "linux", reason="counts threads by /proc, and forks")
@pytest.mark.parametrize("name", [name for name in WITHOUT_MODEL if name != "opencv"])
def test_a_server_may_load_the_kernels_and_fork(name, environment):
    make_engine(name).warm_up()  # so that they are kept
    line = [sys.executable, "-c", FORKED, name]
    subprocess.run(line, env=environment, check=True, timeout=100)


KEEPING = """
import resource, sys
from pathlib import Path
from bgremove.batch.job import Job
from bgremove.batch.worker import cut_file
from bgremove.preparation import Preparation
from bgremove.settings import Settings

def do():
    cut_file(Job(Path("fixtures/images/bowl.jpg"), {"cutout": Path(sys.argv[1])}, overwrite=True), Settings())

with Preparation(Settings().engine, threads=1)():
    for _ in range(3):
        do()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        do()
    print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 5)
"""


@pytest.mark.whole_run
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that is told so")
def test_a_warm_worker_uses_the_same_memory_for_each_image(environment, tmp_path):
    line = [sys.executable, "-c", KEEPING, tmp_path / "bowl.png"]
    result = subprocess.run(line, env=environment, capture_output=True, text=True, check=True, timeout=100, cwd=ROOT)
    assert float(result.stdout) < 100  # pages; 1600 where each image has them cleared anew
