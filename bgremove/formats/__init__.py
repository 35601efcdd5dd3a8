"""The only code that knows image formats: photographs in, pixels out."""

from bgremove.formats._colour import colour_in as colour_in
from bgremove.formats._kinds import UNREAD_SUFFIXES as UNREAD_SUFFIXES
from bgremove.formats._pillow import high_byte as high_byte
from bgremove.formats.metadata import METADATA as METADATA
from bgremove.formats.metadata import NO_METADATA as NO_METADATA
from bgremove.formats.metadata import Metadata as Metadata
from bgremove.formats.photo import Photo as Photo
from bgremove.formats.read import DEFAULT_MAX_PIXELS as DEFAULT_MAX_PIXELS
from bgremove.formats.read import SUFFIXES as SUFFIXES
from bgremove.formats.read import as_photo as as_photo
from bgremove.formats.read import decode as decode
from bgremove.formats.read import header_pixels as header_pixels
from bgremove.formats.read import looks_like_image as looks_like_image
from bgremove.formats.read import read as read
from bgremove.formats.write import DEEP_FORMATS as DEEP_FORMATS
from bgremove.formats.write import FORMAT_OF_SUFFIX as FORMAT_OF_SUFFIX
from bgremove.formats.write import LOSSLESS_FORMATS as LOSSLESS_FORMATS
from bgremove.formats.write import OUTPUT_FORMATS as OUTPUT_FORMATS
from bgremove.formats.write import as_format as as_format
from bgremove.formats.write import encode as encode
from bgremove.formats.write import write as write
