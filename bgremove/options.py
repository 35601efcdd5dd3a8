"""The options of the command, what its help looks like, and what they become: `Settings` and `Outputs`."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from pathlib import Path
from typing import Any

import click

from bgremove.engines import ENGINES
from bgremove.errors import BgremoveError
from bgremove.formats import METADATA, OUTPUT_FORMATS
from bgremove.matting import EDGES
from bgremove.report import Outputs
from bgremove.settings import EMITS, Settings

_DEFAULTS = Settings()

_SECTIONS = {
    "What is cut out": {
        "recursive", "rect", "rects", "margin", "engine", "iterations", "seed", "edge", "max_pixels",
    },
    "What is written": {
        "output", "emit", "format", "background", "crop", "pad", "metadata", "naming", "overwrite", "resume", "dry_run",
    },
    "How it is run": {"strategy", "strategies", "workers", "rounds", "timeout"},
    "What is told": {"json_file", "report", "plots", "trace", "quiet", "verbose"},
}  # fmt: skip
"""Where the help shows an option, by name; any other stands under Options."""


class SectionedCommand(click.Command):
    """Its help groups the options, and ends with examples."""

    def __init__(self, *arguments: Any, examples: tuple[str, ...] = (), **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._examples = examples

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options by section."""
        known = set[str | None]().union(*_SECTIONS.values())
        params = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        rest = {param.name for param in params} - known
        for title, names in {**_SECTIONS, "Options": rest}.items():
            records = [param.get_help_record(ctx) for param in params if param.name in names]
            shown = [record for record in records if record is not None]
            if shown:
                with formatter.section(title):
                    formatter.write_dl(shown, col_max=min(30, formatter.width // 3))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, each on a line of its own, whatever the width, to be copied."""
        super().format_epilog(ctx, formatter)
        if self._examples:
            with formatter.section("Examples"):
                for line in self._examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


class Listed(click.ParamType[tuple[Any, ...]]):
    """Comma-separated values, each converted by `convert_one`."""

    def __init__(self, name: str, convert_one: Callable[[str], Any] = str) -> None:
        self.name = name
        self._convert_one = convert_one

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        """The values; click's error if one is none."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(self._convert_one(part.strip()) for part in str(value).split(","))
        except (ValueError, BgremoveError) as error:
            self.fail(f"{value!r}: {error}", param, ctx)


# Not readable: what cannot be read costs itself, and click would refuse the rest along with it.
inputs = click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path, readable=False))
recursive = click.option("-r", "--recursive", is_flag=True, help="Go down into folders.")
json_file = click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write all figures here."
)
_FILE = click.Path(path_type=Path, dir_okay=False)
_OUTPUTS = (
    click.option("--report", type=_FILE, help="Write a page (.html) or a text (.md) here; needs bgremove[report]."),
    click.option("--plots", type=click.Path(path_type=Path, file_okay=False), help="Write the plots into this folder."),
    click.option("--trace", type=_FILE, help="Write a timeline for Perfetto here."),
)
quiet = click.option("-q", "--quiet", is_flag=True, help="Only errors.")


def _setting(*names: str, help: str | None = None, **options: Any) -> Callable[[Any], Any]:  # noqa: A002
    """An option for the field of `Settings` of that name, with the field's default."""
    field = names[-1].removeprefix("--").replace("-", "_")
    default = getattr(_DEFAULTS, field)
    shown = ",".join(default) if isinstance(default, tuple) else default
    return click.option(*names, default=shown, show_default=shown is not None, help=help, **options)


_SETTINGS = (
    _setting("--engine", type=click.Choice(ENGINES), help="How one image is segmented; auto goes by its size."),
    _setting("--iterations", type=click.IntRange(min=1), help="How often colours and cut are refined."),
    _setting("--seed", type=click.IntRange(min=0), help="Starts the colour models."),
    _setting("--margin", type=float, help="Fraction of each side that is certain background."),
    _setting("--rect", type=Listed("X,Y,W,H", int), help="Rectangle around the object, in pixels, for every image."),
    _setting("--edge", type=click.Choice(EDGES), help="Soft needs PyMatting: bgremove[soft]."),
    _setting("--emit", type=Listed("KINDS"), help=f"Out of {','.join(EMITS)}."),
    _setting("--format", type=click.Choice(OUTPUT_FORMATS), help="Of what is written."),
    _setting("--background", metavar="COLOUR", help="Fill the background with a colour, such as white or #fafafa."),
    _setting("--crop", is_flag=True, help="Crop what is written to the object."),
    _setting("--pad", type=click.IntRange(min=0), metavar="PIXELS", help="Room around a cropped object."),
    _setting("--metadata", type=click.Choice(METADATA), help="EXIF of the cutout; only all has the place."),
    _setting("--max-pixels", type=click.IntRange(min=1), help="Refuse larger images before decoding them."),
)


def settings(command: Callable[..., int]) -> Callable[..., int]:
    """Gives a command the options of a cut; it finds them in its keyword arguments, for `Settings`."""
    for option in reversed(_SETTINGS):
        command = option(command)
    return command


def outputs(command: Callable[..., int]) -> Callable[..., int]:
    """Gives a command the options of what it leaves to look at, as one `Outputs`."""

    def call(*, report: Path | None, plots: Path | None, trace: Path | None, **rest: Any) -> int:
        return command(outputs=Outputs(report, plots, trace), **rest)

    decorated = update_wrapper(call, command)
    for option in reversed(_OUTPUTS):
        decorated = option(decorated)
    return decorated
