import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bgremove import Settings, remove_backgrounds
from bgremove.batch import Job
from bgremove.cli import run
from bgremove.formats import encode, read
from bgremove.report.gallery import Gallery
from fixtures.scenes import make_scene
from tests.report_values import EVIL, content
from tests.samples import save_scene

pytestmark = pytest.mark.whole_run

FIXTURES = Path(__file__).parents[1] / "fixtures/images"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two images, one of which is called as nobody should call a file, and one that is broken."""
    folder = tmp_path_factory.mktemp("in")
    save_scene(folder / "0.png", 1)
    save_scene(folder / EVIL, 2)
    (folder / "broken.jpg").write_text("this is text")
    return folder


def test_remove_reports_what_became_of_each_image(folder, tmp_path):
    line = ["remove", str(folder), "-o", str(tmp_path / "out"), "--workers", "1", "-q"]
    files = ["--report", tmp_path / "r.html", "--trace", tmp_path / "t.json", "--json", tmp_path / "r.json"]
    assert run([*line, *map(str, files)]) == 1
    page = (tmp_path / "r.html").read_text()
    assert "2 of 3 images were cut out" in page
    assert page.index('<section id="gallery">') < page.index('<section id="figures">'), "what came out is seen first"
    assert page.index('href="#gallery"') < page.index('href="#figures"')
    assert "&lt;img src=x onerror=alert(1)&gt;.png" in page
    assert "<img src=x" not in page
    assert page.count('alt="Cut-out of') == 2
    assert "it is no image, or its header is damaged" in page
    assert "broken.jpg: it is" not in page  # named once, beside the reason
    made = json.loads((tmp_path / "r.json").read_text())
    assert made["command"][:2] == ["bgremove", "remove"]
    assert made["settings"]["engine"] == "multiscale"
    doubtful = sum(bool(each["doubtful"]) for each in made["images"])
    assert f"{doubtful} doubtful, 0 skipped, 1 failed" in page
    assert made["strategy"] == "sequential"  # what auto makes of one worker
    for each in made["images"]:
        assert each["created_s"] <= each["started_s"] <= each["ended_s"] <= each["received_s"] <= made["wall_s"]
        assert each["worker"] == os.getpid()
    assert (
        sum(event.get("cat") == "stage" for event in json.loads((tmp_path / "t.json").read_text())["traceEvents"]) == 6
    )


def test_what_json_holds_can_be_reported_later(folder, tmp_path):
    (tmp_path / "r.json").write_text(json.dumps(content()))
    assert run(["report", str(tmp_path / "r.json"), "--report", str(tmp_path / "r.md")]) == 0
    assert (tmp_path / "r.md").read_text().startswith("**Yes, parallel pays")


def test_compare_reports_with_pictures_and_keeps_every_round(folder, tmp_path):
    line = [
        "compare",
        str(folder),
        "--strategies",
        "threads",
        "--rounds",
        "3",
        "-q",
        "--plots",
        str(tmp_path / "plots"),
    ]
    assert run([*line, "--report", str(tmp_path / "c.htm"), "--json", str(tmp_path / "c.json")]) == 1
    page = (tmp_path / "c.htm").read_text()
    assert page.count('alt="Cut-out of') == 2
    assert page.count("<svg") == 8
    assert "auto would have chosen" in page
    with Image.open(tmp_path / "plots/timeline.png") as plot:
        assert plot.width == 1200
    for strategy in json.loads((tmp_path / "c.json").read_text())["strategies"]:
        assert len(strategy["rounds"]) == 3
        for each in strategy["rounds"]:
            assert [outcome["image"] for outcome in each["outcomes"]] == [0, 1]
            assert len(each["samples"]) >= 2
            for outcome in each["outcomes"]:
                stages_s = sum(outcome[stage] for stage in ("read_s", "segment_s", "write_s"))
                assert 0 < stages_s <= outcome["ended_s"] - outcome["started_s"] + 1e-5
                assert outcome["ended_s"] <= each["startup_s"] + each["wall_s"] + 0.01


@pytest.mark.parametrize(
    "kind",
    [
        ["--emit", "mask"],
        ["--emit", "cutout,mask", "--background", "white"],
        ["--crop", "--pad", "3"],
        ["--crop", "--emit", "mask", "--format", "tiff"],
    ],
)
def test_pictures_come_from_whatever_tells_the_mask(folder, tmp_path, kind):
    line = ["remove", str(folder / "0.png"), "-o", str(tmp_path / "out"), "--strategy", "sequential", "-q", *kind]
    assert run([*line, "--report", str(tmp_path / "r.html")]) == 0
    assert (tmp_path / "r.html").read_text().count('alt="Mask of') == 1


@pytest.mark.parametrize("kind", ["cutout", "mask"])
def test_pictures_are_of_images_as_large_as_the_run_allows(folder, tmp_path, monkeypatch, kind):
    settings = Settings(emit=(kind,))
    (record,) = remove_backgrounds(folder / "0.png", tmp_path, strategy="sequential", settings=settings)
    monkeypatch.setitem(read.__kwdefaults__, "max_pixels", 10)  # the limit, which was raised for the run
    gallery = Gallery(settings)
    gallery.add_written(Job(record.path, {kind: record.outputs[0]}), record)
    assert len(gallery.pictures) == 1


def test_an_image_of_16_bits_has_pictures_too(tmp_path):
    scene = make_scene(60, 80, 1).image.astype(np.uint16) * 257
    (tmp_path / "deep.png").write_bytes(encode(scene))
    for line in (
        ["remove", "-o", str(tmp_path / "out"), "--strategy", "sequential"],
        ["compare", "--rounds", "3", "--strategies", "threads"],
    ):
        page = tmp_path / f"{line[0]}.html"
        assert run([*line, str(tmp_path / "deep.png"), "-q", "--report", str(page)]) == 0
        assert page.read_text().count('alt="Cut-out of') == 1


def test_a_page_without_pictures_says_so(folder, tmp_path):
    line = ["remove", str(folder / "0.png"), "-o", str(tmp_path / "out"), "--strategy", "sequential", "-q"]
    assert run([*line, "--background", "white", "--report", str(tmp_path / "r.html")]) == 0
    assert "This report was made without pictures" in (tmp_path / "r.html").read_text()


def test_a_report_without_its_extra_is_refused_before_any_work(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("bgremove.report.outputs.find_spec", lambda _: None)
    assert run(["remove", str(folder), "-o", str(tmp_path / "out"), "--report", str(tmp_path / "r.html")]) == 2
    assert "pip install 'bgremove[report]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_report_must_be_told_what_to_make(tmp_path, capsys):
    (tmp_path / "r.json").write_text(json.dumps(content()))
    assert run(["report", str(tmp_path / "r.json")]) == 2
    assert "--report, --plots or --trace" in capsys.readouterr().err


@pytest.fixture(scope="module")
def vague(tmp_path_factory):
    """A photograph that engines cut differently, and, behind it by name, what cannot be told from its background."""
    folder = tmp_path_factory.mktemp("vague")
    shutil.copy(FIXTURES / "pavilion.jpg", folder)
    (folder / "vague.png").write_bytes(encode(make_scene(200, 260, 1, contrast=0).image))
    return folder


@pytest.mark.parametrize("line", [["remove", "-o", "out"], ["compare", "--rounds", "3", "--strategies", "threads"]])
def test_a_report_doubts_what_the_command_doubts_and_shows_that_first(vague, tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    assert run([*line, str(vague), "--report", "r.html", "-q"]) == 0
    page = (tmp_path / "r.html").read_text()
    assert "2 images, 1 of them doubtful, these first." in page
    assert page.index("vague.png</h3>") < page.index("pavilion.jpg</h3>")
    assert "engines differ</figcaption>" in page  # which is no doubt


def test_a_report_that_is_made_later_knows_the_doubts(vague, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["remove", str(vague), "-o", "out", "--json", "r.json", "-q"]) == 0
    (reasons,) = [
        each["doubtful"] for each in json.loads((tmp_path / "r.json").read_text())["images"] if each["doubtful"]
    ]
    for name in ("r.html", "r.md"):
        assert run(["report", "r.json", "--report", name]) == 0
        assert all(reason in (tmp_path / name).read_text() for reason in reasons)
