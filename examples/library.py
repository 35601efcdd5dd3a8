"""Cut out one photograph, look at what is known of it, and put it on another background.

python examples/library.py PHOTO OUTPUT.png
"""

from __future__ import annotations

import sys

import cv2
import numpy as np

from bgremove import BgremoveError, remove_background


def main(photo: str, output: str) -> int:
    """Do one photograph; the exit status."""
    try:
        cutout = remove_background(photo, margin=0.08)
    except BgremoveError as error:  # whatever can be wrong with a photograph, with its name and what to do
        print(error, file=sys.stderr)
        return 1
    for warning in cutout.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print(f"{cutout.foreground.mean():.0%} of the image is object, inside {tuple(cutout.rect)}")

    height, width = cutout.foreground.shape
    sky = np.full((height, width, 3), (235, 206, 135), np.uint8)  # BGR
    alpha = cutout.image[..., 3:] / 255
    blended = alpha * cutout.image[..., :3] + (1 - alpha) * sky
    cv2.imwrite(output, np.rint(blended).astype(np.uint8))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
