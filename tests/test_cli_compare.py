"""The command `compare`: what it tells, and of what it could not do."""

import json
import shutil
import sys
from dataclasses import replace

import pytest

from bgremove.cli import run
from bgremove.comparison import compare
from bgremove.errors import WorkerLostError

pytestmark = pytest.mark.whole_run


def test_compare_answers_with_evidence(command, photos, tmp_path):
    result = command("compare", photos, "--rounds", "3", "--json", tmp_path / "c.json")
    assert result.returncode == 0, result.stderr
    assert "processes" in result.stdout
    content = json.loads((tmp_path / "c.json").read_text())
    assert content["workload"]["images"] == 6
    assert content["workload"]["pixels"] == 6 * 60 * 80
    assert content["parity"] == {"identical": True, "differing": []}
    assert [each["name"] for each in content["strategies"]] == [
        "sequential", "opencv_threads", "threads", "pool", "processes",
    ]  # fmt: skip
    for each in content["strategies"]:
        assert len(each["wall_s"]) == 3
        assert each["speedup"]["low"] <= each["speedup"]["estimate"] <= each["speedup"]["high"]
        assert 0 < each["cpu_utilisation"] <= 1
        assert each["peak_memory_bytes"] > 2**20
        assert each["memory_metric"] in ("pss", "rss")
        assert each["images_per_s"] == pytest.approx(6 / sorted(each["wall_s"])[1])
        assert {image["path"] for image in each["images"]} == {str(path) for path in photos.iterdir()}
        assert all(image["segment_s"] > 0 for image in each["images"])
    assert content["strategies"][0]["speedup"] == {"estimate": 1, "low": 1, "high": 1}
    assert content["answer"] in " ".join(result.stdout.split())


def test_compare_names_what_it_could_not_do_and_compares_the_rest(command_here, photos, tmp_path):
    (tmp_path / "broken.jpg").write_text("this is text")
    result = command_here("compare", photos, tmp_path / "broken.jpg", "--rounds", "3", "--strategies", "threads")
    assert result.returncode == 1
    assert "broken.jpg" in result.stderr
    assert "6 images" in result.stdout


def test_compare_takes_images_of_one_name_out_of_several_folders(command_here, photos, tmp_path):
    shutil.copytree(photos, tmp_path / "again")
    line = ["compare", photos, tmp_path / "again", "--rounds", "3", "--strategies", "threads"]
    result = command_here(*line, "--json", tmp_path / "new/c.json")
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "new/c.json").read_text())["workload"]["images"] == 12


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [(WorkerLostError("a.jpg: killed"), 1, "error: a.jpg: killed"), (KeyboardInterrupt(), 130, "interrupted")],
)
def test_a_comparison_that_ends_early_is_no_wrong_use_and_cannot_be_resumed(
    photos, monkeypatch, capsys, error, status, told
):
    def end(*_, **__):
        raise error

    monkeypatch.setattr("bgremove.cli.compare.compare_strategies", end)
    assert run(["compare", str(photos)]) == status
    assert capsys.readouterr().err.strip() == told


def test_a_comparison_ends_with_the_round_in_which_an_image_fails(photos, monkeypatch, capsys):
    rounds = []

    def lose_one_in_the_second(*arguments):
        done = run_round(*arguments)
        rounds.append(done)
        lost = replace(done.outcomes[0], value=None, error=WorkerLostError("a.jpg: killed"))
        return replace(done, outcomes=(lost, *done.outcomes[1:])) if len(rounds) == 2 else done

    module = sys.modules[compare.__module__]
    run_round = module.run_round
    monkeypatch.setattr(module, "run_round", lose_one_in_the_second)
    assert run(["compare", str(photos), "--strategies", "threads", "--engine", "opencv", "--quiet"]) == 1
    assert capsys.readouterr().err.strip() == "error: a.jpg: killed"
    assert len(rounds) == 2
