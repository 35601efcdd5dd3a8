"""What a command is asked to leave for people to look at: checked before the work, written after it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bgremove.errors import OutputError, UsageError
from bgremove.files import check_writable, make_folder, noting, write_bytes, write_json_file, write_text_file
from bgremove.paths import display_name
from bgremove.url import Location

if TYPE_CHECKING:
    from bgremove.report.gallery import Picture

_PAGES = {".html", ".htm"}
_TEXTS = {".md", ".markdown"}


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the page or the Markdown text, the folder of plots, the trace and the figures go; None is not wanted."""

    report: Path | None = None
    plots: Path | None = None
    trace: Path | None = None
    json_file: Path | None = None

    def __bool__(self) -> bool:
        return any((self.report, self.plots, self.trace, self.json_file))

    @property
    def has_pictures(self) -> bool:
        """Whether pictures of the images are wanted."""
        return self.report is not None

    def check(self, keep: Sequence[Location], taken: Collection[Location] = ()) -> None:
        """Raise `UsageError` or `OutputError` if something could not be written, or is one of the files to `keep`.

        Nor are the folders of these, which are `taken`, one for plots, whose names are not known before.
        """
        if self.report is not None and self.report.suffix.lower() not in _PAGES | _TEXTS:
            raise UsageError(f"{display_name(self.report)}: a report is a page or a text: call it .html or .md")
        if self.report is not None or self.plots is not None:
            check_installed()
        files = list(filter(None, (self.json_file, self.report, self.trace)))
        for index, path in enumerate(files):
            check_writable(path, [*keep, *files[:index]])
        if self.plots is not None:
            make_folder(self.plots)
            if self.plots.resolve() in {folder.resolve() for folder in taken if isinstance(folder, Path)}:
                raise UsageError(f"{display_name(self.plots)} holds inputs or outputs of this run: plots need another")

    def write(self, content: Mapping[str, Any], pictures: Sequence[Picture] = ()) -> list[OutputError]:
        """Write all of them from the figures; why some could not be, which keeps no other from being written."""
        errors: list[OutputError] = []
        with noting(errors):
            if self.json_file is not None:
                write_json_file(self.json_file, content)
        if not (self.report or self.plots or self.trace):
            return errors
        from bgremove.report.report import report_from_json  # noqa: PLC0415 - only who wants more than figures pays
        from bgremove.report.trace import trace  # noqa: PLC0415

        report = report_from_json(content)
        with noting(errors):
            if self.trace is not None:
                write_json_file(self.trace, trace(report))
        if not (self.report or self.plots):
            return errors
        from bgremove.report.markdown import markdown  # noqa: PLC0415 - matplotlib, for those who want plots
        from bgremove.report.page import page  # noqa: PLC0415
        from bgremove.report.plots import plots_of  # noqa: PLC0415

        plots = plots_of(report)
        with noting(errors):
            if self.plots is not None:
                make_folder(self.plots)
                for plot in plots:
                    for file_format in ("svg", "png"):
                        write_bytes(self.plots / f"{plot.name}.{file_format}", plot.file(file_format), overwrite=True)
        with noting(errors):
            if self.report is not None:
                make = page if self.report.suffix.lower() in _PAGES else markdown
                write_text_file(self.report, make(report, plots, pictures))
        return errors


def check_installed() -> None:
    """Raise `UsageError` if what plots and pages are made with is not installed. Imports nothing."""
    missing = [name for name in ("matplotlib", "jinja2") if find_spec(name) is None]
    if missing:
        raise UsageError(f"a report needs {' and '.join(missing)}; install it with: pip install 'bgremove[report]'")
