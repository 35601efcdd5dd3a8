"""A disk that is full costs what cannot be written to it, and what was done is told all the same."""

import os

import pytest

from bgremove.cli import run
from bgremove.errors import OutputError
from bgremove.report.plots import plots_of

pytestmark = pytest.mark.whole_run


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["remove", "PHOTO", "-o", "OUT", "--strategy", "sequential"], "1 ok"),
        (["compare", "PHOTO"], "speed of the loop"),
    ],
)
def test_what_was_done_is_told_even_if_the_disk_has_filled_up_meanwhile(
    photos, tmp_path, monkeypatch, capsys, arguments, told
):
    def full(path, content):
        raise OutputError("no space left")

    monkeypatch.setattr("bgremove.report.outputs.write_json_file", full)
    places = {"PHOTO": str(photos / "0.png"), "OUT": str(tmp_path / "out")}
    more = ["--strategies", "threads", "--rounds", "3"] if arguments[0] == "compare" else []
    line = [places.get(argument, argument) for argument in arguments] + more
    assert run([*line, "--json", str(tmp_path / "r.json")]) == 1
    shown = capsys.readouterr()
    assert told in " ".join((shown.out + shown.err).split())
    assert "no space left" in shown.err


def test_what_was_done_is_told_even_if_the_status_can_no_longer_be_written(photos, tmp_path, monkeypatch, capsys):
    def full(path, content):
        if content["state"] == "ended":
            raise OutputError("no space left")

    monkeypatch.setattr("bgremove.cli.status.write_json_file", full)
    (tmp_path / "broken.png").write_bytes(b"")
    inputs = [str(photos / "0.png"), str(tmp_path / "broken.png")]
    assert run(["remove", *inputs, "-o", str(tmp_path / "out"), "--status", str(tmp_path / "status.json")]) == 1
    shown = capsys.readouterr().err
    assert "broken.png: the file is empty" in shown
    assert "1 ok, 0 skipped, 1 failed" in shown
    assert "no space left" in shown


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no such device")
@pytest.mark.parametrize("full", ["json", "trace", "report", "plots", "contact-sheet"])
def test_what_cannot_be_written_beside_the_results_costs_itself_only(photos, tmp_path, monkeypatch, capsys, full):
    monkeypatch.setattr("bgremove.report.plots.plots_of", lambda report: plots_of(report)[:1])  # each takes a while
    names = {"json": "r.json", "trace": "t.json", "report": "r.md", "plots": "plots", "contact-sheet": "sheet.png"}
    options = [text for name, file in names.items() for text in (f"--{name}", str(tmp_path / file))]
    if full in {"json", "trace", "report"}:
        (tmp_path / names[full]).symlink_to("/dev/full")
        reason = "No space left on device"
    else:
        place = {"plots": "bgremove.report.outputs", "contact-sheet": "bgremove.batch.sheet"}[full]
        reason = "the disk is full"

        def fail(*_, **__):
            raise OutputError(reason)

        monkeypatch.setattr(f"{place}.write_bytes", fail)
    out = tmp_path / "out"
    assert run(["remove", str(photos / "0.png"), "-o", str(out), "--strategy", "sequential", *options]) == 1
    shown = capsys.readouterr().err
    assert shown.count(reason) == 1
    assert "1 ok, 0 skipped, 0 failed" in shown
    assert (out / "0.png").exists()
    for name, file in names.items():
        written = tmp_path / file
        assert name == full or (any(written.iterdir()) if name == "plots" else written.stat().st_size > 0), name
