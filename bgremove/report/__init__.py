"""Reports that people look at: a page, Markdown, plots, a trace; all from what ``--json`` writes."""

from bgremove.report.gallery import MOST_PICTURES as MOST_PICTURES
from bgremove.report.gallery import Gallery as Gallery
from bgremove.report.gallery import Picture as Picture
from bgremove.report.outputs import Outputs as Outputs
from bgremove.report.report import load_json as load_json
