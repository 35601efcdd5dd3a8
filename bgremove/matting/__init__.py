"""Soft edges: alpha and object colours in a band around the boundary of a hard mask."""

from bgremove.matting._closed_form import check_installed as check_installed
from bgremove.matting.soft import EDGES as EDGES
from bgremove.matting.soft import peak_bytes as peak_bytes
from bgremove.matting.soft import soften as soften
from bgremove.matting.soft import warm_up as warm_up
