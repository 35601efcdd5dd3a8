"""``python -m benchmarks.location PHOTOS MASKS FILE``: fit the network that tells where the object is likely to be.

PHOTOS and MASKS are folders whose files have the same names but for the suffix; a mask is bright on the object. Half of
the photographs judge a network fitted to the other half, and the other way round; the one that is written to FILE, for
``bgremove/engines/_location.npy``, is fitted to all of them. Needs the package ``tensorflow-cpu``; with 9,000
photographs three hours on one core of a processor that has sums of 16 bits, and 13 GB. A photograph that counts more is
there under several names: of people each four times.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import fmean

import numpy as np

from benchmarks.location.fit import fit
from benchmarks.location.pictures import Samples, measure_scaling, take_samples
from benchmarks.location.reading import read_photographs
from bgremove.engines._barriers import Field
from bgremove.engines._network import answer, unpack

_BRIGHT = 127  # of 255


def _judge(values: Field, samples: Samples) -> None:
    """Write how well the network tells the object in photographs as they are."""
    network = unpack(values)
    for drawn in (False, True):
        overlaps = []
        for i in np.flatnonzero(samples.plain & (samples.drawn == drawn)).tolist():
            inside, truth = samples.inside(i) > 0.5, samples.truth[i] > _BRIGHT
            likely = (answer(network, samples.planes(i), samples.pictures[i]) > 0) & inside
            overlaps.append(float(np.sum(likely & truth) / max(1, int(np.sum(likely | truth & inside)))))
        kind = "drawn" if drawn else "margin"
        sys.stderr.write(f"{kind}: mean IoU of the likely pixels {fmean(overlaps):.3f}, {len(overlaps)} photographs\n")


def main(photos: Path, masks: Path, file: Path) -> None:
    """Say how well halves predict each other, and write the network that is fitted to both."""
    every = read_photographs(photos, masks)
    scaling = measure_scaling(every)
    halves = [take_samples(every[part::2], scaling) for part in range(2)]
    for part in range(2):
        _judge(fit([halves[1 - part]], scaling), halves[part])
    np.save(file, fit(halves, scaling).astype(np.float16))


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m benchmarks.location", description=__doc__)
    for _name in ("photos", "masks", "file"):
        _parser.add_argument(_name, type=Path)
    _given = _parser.parse_args()
    main(_given.photos, _given.masks, _given.file)
