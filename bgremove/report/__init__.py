"""Reports that people look at: a page, Markdown, plots, a trace; all from what ``--json`` writes."""

from bgremove.report.outputs import Outputs as Outputs
