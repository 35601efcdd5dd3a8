"""What a file is, by how it begins: to name what is not read, and to notice images whose name does not say so."""

from __future__ import annotations

import re
from typing import IO

UNREAD = {
    "JPEG XL": (".jxl",),
    "JPEG 2000": (".jp2", ".j2k", ".jpf", ".jpx"),
    "JPEG XR": (".jxr", ".wdp", ".hdp"),
    "JPEG-LS": (".jls",),
    "QOI": (".qoi",),
    "PAM": (".pam",),
    "raw": (
        ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef", ".nrw",
        ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
    ),
    "Photoshop": (".psd", ".psb"),
    "GIMP": (".xcf",),
    "OpenEXR": (".exr",),
    "Radiance": (".hdr",),
    "Targa": (".tga",),
}  # fmt: skip
"""Kinds of photographs that are not read, with their usual suffixes."""

UNREAD_SUFFIXES = frozenset(suffix for suffixes in UNREAD.values() for suffix in suffixes)
"""Of files that a user takes for photographs, and that are not read."""

_HEIF = rb".{4}ftyp(hei[cmsx]|hev[cx]|mif1|msf1)"
_NUMBER = rb"(?:\s|#[^\n]*\n)+\d+"  # in the header of a PNM, behind space and comments

_STARTS = {
    "a JPEG": rb"\xff\xd8\xff",
    "a PNG": rb"\x89PNG\r\n\x1a\n",
    "a GIF": rb"GIF8[79]a",
    "a BMP": rb"BM.{4}\0{4}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0{3}",
    # A text may begin alike: in a plain PNM all else is numbers, and the header of another ends with its line.
    "a plain PNM": rb"P(1" + 2 * _NUMBER + rb"\s[01\s]*|[23]" + 3 * _NUMBER + rb"\s[\d\s]*)\Z",
    "a PNM": rb"P(4" + 2 * _NUMBER + rb"|[56]" + 3 * _NUMBER + rb")\r?\n",
    "a WebP": rb"RIFF.{4}WEBP",
    "an AVIF": rb".{4}ftypavi[fs]",
    "a HEIC photo": _HEIF,
    "a JPEG XL image": rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n",
    "a JPEG 2000 image": rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  \r\n\x87\n",
    "a JPEG XR image": rb"II\xbc",
    "a QOI image": rb"qoif",
    "a PAM or PFM image": rb"P7\r?\n|P[Ff]" + 2 * _NUMBER + rb"\s+-?\d",
    "a raw photo": rb"II\*\0.{4}CR|.{4}ftypcrx |FUJIFILMCCD-RAW|II(U\0|R[OS])|MMOR|FOVb|\0MRM",
    "a TIFF": rb"II\*\0|MM\0\*|II\+\0|MM\0\+",
    "a Photoshop file": rb"8BPS",
    "a GIMP file": rb"gimp xcf",
    "an OpenEXR image": rb"\x76\x2f\x31\x01",
    "a Radiance image": rb"#\?R(ADIANC|GB)E",
}
UNREAD_KINDS = frozenset(kind for kind in _STARTS if kind.endswith((" image", " file", "raw photo")))
"""What `kind_of` may say of files that are not read."""

_PATTERNS = {kind: re.compile(pattern, re.DOTALL) for kind, pattern in _STARTS.items()}

START_BYTES = 128
"""How much of a file `kind_of` wants to see."""


def kind_of(start: bytes) -> str | None:
    """What a file that begins with `start` is, with its article; None if that is not known to be an image."""
    return next((kind for kind, pattern in _PATTERNS.items() if pattern.match(start)), None)


def is_heif(start: bytes) -> bool:
    """Whether a file that begins with `start` is a HEIC photo."""
    brands = start[: int.from_bytes(start[:4])]
    return re.match(_HEIF, start, re.DOTALL) is not None and b"avif" not in brands


def jpeg_process(file: IO[bytes]) -> str | None:
    """How a JPEG is coded, if in a way that is not read (ITU-T T.81, B.2.2); None if it is an ordinary one."""
    file.seek(2)
    while len(header := file.read(5)) == 5 and header[0] == 0xFF:
        kind, length, precision = header[1], int.from_bytes(header[2:4]), header[4]
        if (0xC0 <= kind <= 0xCF and kind not in {0xC4, 0xC8, 0xCC}) or kind == 0xF7:  # the last is JPEG-LS
            if kind in {0xC3, 0xC7, 0xCB, 0xCF, 0xF7}:
                return "that is compressed without loss"
            if kind in {0xC5, 0xC6, 0xCD, 0xCE}:
                return "of several resolutions"
            return f"of {precision} bits a sample" if precision != 8 else None
        file.seek(length - 3, 1)
    return None
