"""How long one image takes, by engine, in one thread; speed-ups are against `opencv`, which is cv2.grabCut."""

from functools import partial

import pytest

from benchmarks.marks import QUICK_AND_GATE
from benchmarks.measure import Measure, Reference
from benchmarks.workloads import Picture, fixture, one_thread, scene
from bgremove.engines import WITHOUT_MODEL, make_engine
from bgremove.formats import Photo
from bgremove.remove import initial_labels
from bgremove.types import Mask

PICTURES = {
    "scene-160x120": partial(scene, 120),
    "scene-320x240": partial(scene, 240),
    "scene-640x480": partial(scene, 480),
    "rocket": partial(fixture, "rocket"),
    "bowl": partial(fixture, "bowl"),
    "star": partial(fixture, "star"),
}
REFERENCE = "opencv"
MEASURED = [engine for engine in WITHOUT_MODEL if engine != "auto"]  # which is one of the others
QUICK = {
    *((engine, "scene-320x240") for engine in MEASURED),
    ("exact", "scene-160x120"),  # what does not grow with the image is a good part of it
    ("exact", "bowl"),  # most of it is max-flow
}


def segment(engine: str, picture: Picture) -> Mask:
    """The engine alone, without the making of labels around it."""
    labels = initial_labels(Photo(picture.image), picture.rect)
    return make_engine(engine).segment(picture.image, labels, iterations=5, seed=0)


@pytest.mark.parametrize(
    ("engine", "picture"),
    [
        pytest.param(engine, picture, marks=QUICK_AND_GATE if (engine, picture) in QUICK else ())
        for picture in PICTURES
        for engine in MEASURED
    ],
)
def test_engine(measure: Measure, engine: str, picture: str) -> None:
    """One image."""
    image = PICTURES[picture]()
    reference = None if engine == REFERENCE else Reference(REFERENCE, partial(segment, REFERENCE, image))
    with one_thread():
        mask = measure(partial(segment, engine, image), group=f"engines: {picture}", images=1, reference=reference)
    assert (mask & 1).any(), "nothing was found, so that the time is not that of the work"
