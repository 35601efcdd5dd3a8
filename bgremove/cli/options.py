"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import update_wrapper
from pathlib import Path
from typing import Any

import click

from bgremove.engines import ENGINES, PRESETS
from bgremove.errors import BgremoveError, UsageError
from bgremove.formats import METADATA, OUTPUT_FORMATS, as_format
from bgremove.matting import EDGES
from bgremove.paths import STANDARD
from bgremove.report import Outputs
from bgremove.settings import EMITS, Settings
from bgremove.url import Url, located

Command = Callable[..., int]


class Listed(click.ParamType[tuple[Any, ...]]):
    """Comma-separated values, each converted by `convert_one`."""

    def __init__(self, name: str, convert_one: Callable[[str], Any] = str) -> None:
        self.name = name
        self._convert_one = convert_one

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        """See `click.ParamType.convert`."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(self._convert_one(part.strip()) for part in str(value).split(","))
        except (ValueError, BgremoveError) as error:
            self.fail(f"{value!r}: {error}", param, ctx)


class FormatChoice(click.Choice[str]):
    """A format that is written, in any of its spellings."""

    def __init__(self) -> None:
        super().__init__(OUTPUT_FORMATS)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """See `click.ParamType.convert`."""
        return super().convert(as_format(value), param, ctx)


class Place(click.Path):
    """A file or a folder, here or, by URL, in a store."""

    def __init__(self) -> None:
        # Not readable: what cannot be read costs itself, and click would refuse the rest along with it.
        super().__init__(path_type=Path, readable=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.ParamType.convert`; a `Location`."""
        try:
            place = located(value)
        except UsageError as error:
            self.fail(str(error), param, ctx)
        return place if isinstance(place, Url) else super().convert(_file(value, place), param, ctx)


class Here(click.Path):
    """A file, or if `folder` a folder, that is written here and in no store, or if `standard` to standard output.

    If `exists`, it is read here and in no store.
    """

    def __init__(self, *, folder: bool = False, standard: bool = False, exists: bool = False) -> None:
        super().__init__(path_type=Path, dir_okay=folder, file_okay=not folder, allow_dash=standard, exists=exists)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.ParamType.convert`."""
        text = str(value)
        if "://" in text:
            advice = "read here: copy it first" if self.exists else "written here, and can be copied from here"
            self.fail(f"{text} is a URL: this is {advice}", param, ctx)
        if not text or (text == str(STANDARD) and not self.allow_dash):
            self.fail(f"{text!r} is no name for a file here", param, ctx)
        return super().convert(_file(value, Path(value)), param, ctx)


def _file(name: Any, path: Path) -> Path:
    """The `path` of that `name`; ``./-`` is the usual name for a file that is called so, and no standard stream."""
    return path.absolute() if path == STANDARD and str(name) != str(STANDARD) else path


def whole_number(text: str) -> int:
    """The number; `UsageError` if it is none."""
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"{text!r} is no whole number") from None


inputs = click.argument("inputs", nargs=-1, required=True, type=Place())
recursive = click.option("-r", "--recursive", is_flag=True, help="Go down into folders.")
quiet = click.option("-q", "--quiet", is_flag=True, help="Only errors.")

_DEFAULTS = Settings()


def _setting(*names: str, help: str | None = None, **options: Any) -> Callable[[Any], Any]:  # noqa: A002
    """An option for the field of `Settings` of that name, with the field's default."""
    default = getattr(_DEFAULTS, names[-1].removeprefix("--").replace("-", "_"))
    shown = ",".join(default) if isinstance(default, tuple) else default
    return click.option(*names, default=shown, show_default=shown is not None, help=help, **options)


margin = _setting(
    "--margin",
    type=float,
    help="Fraction of each side that is certain background.  [default: 0.05, less where an object runs into it]",
)
max_pixels = _setting("--max-pixels", type=click.IntRange(min=1), help="Refuse larger images before decoding them.")

_SETTINGS = (
    _setting("--engine", type=click.Choice(ENGINES), help="How one image is segmented; auto goes by its size."),
    _setting("--model", metavar="[PRESET=]FILE", help=f"For onnx, which needs bgremove[onnx]. {', '.join(PRESETS)}."),
    _setting("--iterations", type=click.IntRange(min=1), help="How often colours and cut are refined."),
    _setting("--seed", type=click.IntRange(min=0), help="Starts the colour models."),
    margin,
    _setting(
        "--rect", type=Listed("X,Y,W,H", whole_number), help="Rectangle around the object, in pixels, for every image."
    ),
    _setting("--edge", type=click.Choice(EDGES), help="Soft needs PyMatting: bgremove[soft]."),
    _setting("--emit", type=Listed("KINDS"), help=f"Out of {','.join(EMITS)}."),
    _setting("--format", type=FormatChoice(), help="Of what is written."),
    _setting("--background", metavar="COLOUR", help="Fill the background with a colour, such as white or #fafafa."),
    _setting("--crop", is_flag=True, help="Crop what is written to the object."),
    _setting("--pad", type=click.IntRange(min=0), metavar="PIXELS", help="Room around a cropped object."),
    _setting("--metadata", type=click.Choice(METADATA), help="EXIF of the cutout; only all has the place."),
    max_pixels,
)

FILE = Here()

_JSON = click.option(
    "--json", "json_file", type=Here(standard=True), help="Write all figures here, or to - for standard output."
)
_MADE = (
    click.option("--report", type=FILE, help="Write a page (.html) or a text (.md) here; needs bgremove[report]."),
    click.option("--plots", type=Here(folder=True), help="Write the plots into this folder."),
    click.option("--trace", type=FILE, help="Write a timeline for Perfetto here."),
)


def settings(command: Command) -> Command:
    """Gives a command the options of a cut, as keyword arguments for `Settings`."""
    return _with(command, _SETTINGS)


def outputs(command: Command) -> Command:
    """Gives a command the options of all that it leaves besides its results, as one `Outputs`."""
    return _as_outputs(command, (_JSON, *_MADE))


def made_of_json(command: Command) -> Command:
    """Gives a command the options of what is made of figures that are written already, as one `Outputs`."""
    return _as_outputs(command, _MADE)


def _as_outputs(command: Command, options: Sequence[Callable[[Any], Any]]) -> Command:
    def call(
        *, report: Path | None, plots: Path | None, trace: Path | None, json_file: Path | None = None, **rest: Any
    ) -> int:
        return command(outputs=Outputs(report, plots, trace, json_file), **rest)

    return _with(update_wrapper(call, command), options)


def _with(command: Command, options: Sequence[Callable[[Any], Any]]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
