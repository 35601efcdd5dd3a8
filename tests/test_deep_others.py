"""More than 8 bits a sample in PPM and AVIF."""

from __future__ import annotations

import base64
import struct

import pytest

from bgremove.formats.read import decode

AVIF = {
    10:
    "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAAAAAAAOcGl0"
    "bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAETAAAAEwAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAAAAEAAGF2MDFDb2xvcgAAAABqaXBy"
    "cAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAABAAAAAQAAAAQcGl4aQAAAAADCgoKAAAADGF2MUOBIEAAAAAAE2NvbHJuY2x4AAIAAgAAgAAAABdpcG1h"
    "AAAAAAAAAAEAAQQBAoMEAAAAG21kYXQSAAoIOAR/nAgIAkAyBRAAAAtA",
    12:
    "AAAAHGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZgAAAOttZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAAA5waXRtAAAA"
    "AAABAAAAHmlsb2MAAAAARAAAAQABAAAAAQAAAQ8AAAATAAAAKGlpbmYAAAAAAAEAAAAaaW5mZQIAAAAAAQAAYXYwMUNvbG9yAAAAAGppcHJwAAAA"
    "S2lwY28AAAAUaXNwZQAAAAAAAAAEAAAABAAAABBwaXhpAAAAAAMMDAwAAAAMYXYxQ4FAYAAAAAATY29scm5jbHgAAgACAACAAAAAF2lwbWEAAAAA"
    "AAAAAQABBAECgwQAAAAbbWRhdBIACghYBH+NAgIAiDIFEAAAC0A=",
}  # fmt: skip
"""A gray picture of 4 by 4 pixels, by bits a sample: Pillow writes only 8."""


@pytest.mark.parametrize("top", [65535, 4095])
def test_ppm_of_16_bits(top: int) -> None:
    content = b"P6 2 1 %d\n" % top + struct.pack(">6H", top, 5, 6, 7, top // 3, 9)
    samples = decode(content).samples
    assert samples is not None
    assert samples.tolist() == [
        [[round(each * 65535 / top) for each in row] for row in ([6, 5, top], [9, top // 3, 7])]
    ]
    plain = decode(b"P3 2 1 %d\n" % top + b"1 2 3 4 5 6")
    assert plain.notes == ("of the 16 bits of its samples 8 were read",)


@pytest.mark.parametrize("bits", AVIF)
def test_an_avif_of_more_than_8_bits_is_read_with_a_note(bits: int) -> None:
    photo = decode(base64.b64decode(AVIF[bits]))
    assert photo.notes == (f"of the {bits} bits of its samples 8 were read",)
    assert abs(int(photo.image[0, 0, 0]) - 128) < 3
