"""Without a rect: what the margin is, and what becomes of an object that runs into it."""

import json

import cv2
import numpy as np
import pytest

from benchmarks import margins
from benchmarks.location.reading import read_photographs
from bgremove import remove_background
from bgremove.cli import run
from bgremove.cutout import Cutout
from bgremove.engines import _location, make_engine
from bgremove.engines.auto import LIMIT
from bgremove.rects.propose import rect_around
from bgremove.types import Label, Rect
from fixtures import load

FIXTURES = {fixture.name: fixture for fixture in load()}
SIDES = {"bottom": 0, "right": 3, "top": 2, "left": 1}

OPPOSITE = {"bottom": "top", "right": "left", "top": "bottom", "left": "right"}


def overlap(found, truth):
    return np.sum(found & truth) / np.sum(found | truth)


def running_into(side, name="dahlia"):
    """An object and its truth, of which a side of the picture cuts off a half."""
    fixture = FIXTURES[name]
    image, truth = (np.rot90(each, SIDES[side]) for each in (fixture.read(), fixture.truth()))
    rows = np.flatnonzero(truth.any(axis=1))
    half = slice(0, (rows[0] + rows[-1]) // 2)
    return tuple(np.ascontiguousarray(np.rot90(each[half], -SIDES[side])) for each in (image, truth))


def edge(labels, side):
    return {"bottom": labels[-1], "right": labels[:, -1], "top": labels[0], "left": labels[:, 0]}[side]


def reached(rect, side, height, width):
    return {
        "bottom": rect.y + rect.height == height,
        "right": rect.x + rect.width == width,
        "top": rect.y == 0,
        "left": rect.x == 0,
    }[side]


@pytest.mark.pixels
@pytest.mark.parametrize("side", SIDES)
def test_objects_that_run_into_the_margin_are_followed_to_the_edge(side):
    overlaps, at_edge, too_far = [], [], 0
    for name in ("dahlia", "star", "pear", "cloud"):
        image, truth = running_into(side, name)
        found = remove_background(image)
        overlaps.append(overlap(found.foreground, truth))
        at_edge.append(overlap(edge(found.foreground, side), edge(truth, side)))
        assert reached(found.rect, side, *truth.shape), name
        too_far += reached(found.rect, OPPOSITE[side], *truth.shape)
        assert not edge(remove_background(image, margin=0.05).foreground, side).any(), name
    assert np.mean(overlaps) > 0.9
    assert np.mean(at_edge) > 0.7
    assert too_far <= 1


@pytest.mark.pixels
def test_portraits_lose_nothing_at_the_lower_edge():
    for name in ("admiral", "astronaut"):
        image, truth = FIXTURES[name].read(), FIXTURES[name].truth()
        followed, closed = (remove_background(image, **given).foreground for given in ({}, {"margin": 0.05}))
        assert overlap(followed, truth) > overlap(closed, truth) + 0.03


@pytest.mark.pixels
@pytest.mark.parametrize("name", ["star", "pear", "comb"])
def test_an_object_that_keeps_away_is_cut_out_as_with_a_margin_that_is_given(name):
    image = FIXTURES[name].read()
    one, other = remove_background(image), remove_background(image, margin=0.05)
    assert np.array_equal(one.mask, other.mask)
    assert one.rect == other.rect


def test_the_margin_is_open_where_odds_are_joined_to_such_that_are_better_than_even(monkeypatch):
    odds = np.full((40, 60), -3, np.float32)
    odds[30:, 10:20], odds[30:, 20:30], odds[30:, 40:50] = -0.5, 0.5, -0.5
    monkeypatch.setattr(_location, "log_odds", lambda *_, **__: odds)
    labels = np.full((40, 60), Label.PROBABLY_BACKGROUND, np.uint8)
    labels[2:38, 3:57] = Label.PROBABLY_FOREGROUND
    opened, _ = _location.open_margin(np.zeros((40, 60, 3), np.uint8), labels)
    expected = np.where(labels == Label.PROBABLY_FOREGROUND, labels, Label.BACKGROUND)
    expected[38:, 10:30] = Label.PROBABLY_FOREGROUND
    assert np.array_equal(opened, expected)


@pytest.mark.parametrize("engine", ["exact", "opencv"])
def test_engines_that_give_the_mask_of_grabcut_have_a_certain_margin(engine):
    image, _ = running_into("bottom")
    small = np.ascontiguousarray(image[::4, ::4])
    one, other = (remove_background(small, engine=engine, **given) for given in ({}, {"margin": 0.05}))
    assert np.array_equal(one.mask, other.mask)
    assert (one.mask[-1] == Label.BACKGROUND).all()


def test_auto_follows_where_it_is_multiscale():
    follows = make_engine("auto").follows
    assert (follows(LIMIT), follows(LIMIT + 1)) == (False, True)


@pytest.mark.pixels
def test_what_is_transparent_in_the_margin_is_background():
    image, _ = running_into("bottom")
    alpha = np.full(image.shape[:2], 255, np.uint8)
    alpha[-3:, ::2] = 0
    found = remove_background(np.dstack([image, alpha]))
    assert found.foreground[-1].any()
    assert not found.foreground[alpha == 0].any()


@pytest.mark.pixels
def test_hints_in_the_margin_decide_unless_it_was_given():
    image, truth = running_into("bottom")
    hints = np.full(truth.shape, Label.PROBABLY_FOREGROUND, np.uint8)
    middle = np.flatnonzero(truth[-1])[len(np.flatnonzero(truth[-1])) // 2]
    hints[-2:, middle : middle + 5] = Label.BACKGROUND
    hints[-2:, :5] = Label.FOREGROUND
    found = remove_background(image, hints=hints)
    assert (found.mask[-2:, middle : middle + 5] == Label.BACKGROUND).all()
    assert (found.mask[-2:, :5] == Label.FOREGROUND).all()
    assert not remove_background(image, hints=hints, margin=0.05).foreground[-2:].any()


@pytest.mark.pixels
def test_what_hints_start_as_background_in_the_box_may_become_object():
    image = FIXTURES["star"].read()
    hints = np.full(image.shape[:2], Label.PROBABLY_FOREGROUND, np.uint8)
    hints[:, : image.shape[1] // 2] = Label.PROBABLY_BACKGROUND
    hints[:, 40:60] = Label.PROBABLY_FOREGROUND
    one, other = (remove_background(image, hints=hints, **given) for given in ({}, {"margin": 0.05}))
    assert overlap(one.foreground, FIXTURES["star"].truth()) > 0.95
    assert np.array_equal(one.mask, other.mask)


@pytest.mark.pixels
def test_a_soft_edge_goes_on_in_the_margin():
    image, truth = running_into("bottom")
    found = remove_background(image, edge="soft")
    assert overlap(found.image[-1, :, 3] > 127, truth[-1]) > 0.8


def test_a_proposed_rect_reaches_the_edge_and_leaves_some_background():
    image, truth = running_into("bottom")
    proposed = rect_around(remove_background(image))
    assert proposed.y + proposed.height == len(truth)


def test_a_rect_that_is_proposed_around_everything_leaves_some_background():
    mask = np.full((100, 200), Label.PROBABLY_FOREGROUND, np.uint8)
    everything = Cutout(np.full((100, 200, 4), 255, np.uint8), mask, Rect(0, 0, 200, 100))
    assert rect_around(everything) == Rect.from_margin(0.05, 100, 200)


@pytest.mark.parametrize(("given", "kept"), [([], None), (["--margin", "0.05"], 0.05)])
def test_a_margin_that_was_not_given_is_told_from_one_that_was(tmp_path, given, kept):
    image, _ = running_into("bottom")
    photo, file = tmp_path / "a.png", tmp_path / "figures.json"
    cv2.imwrite(str(photo), image)
    assert run(["remove", str(photo), "-o", str(tmp_path / "out"), "--json", str(file), "-q", *given]) == 0
    assert json.loads(file.read_text())["settings"]["margin"] == kept
    lowest = cv2.imread(str(tmp_path / "out/a.png"), cv2.IMREAD_UNCHANGED)[-1, :, 3]
    assert lowest.any() == (kept is None)


@pytest.mark.pixels
def test_what_the_margin_costs_is_told_of_objects_at_the_edge_and_others(tmp_path):
    half, star = running_into("left"), FIXTURES["star"]
    for name, (image, truth) in {"half": half, "star": (star.read(), star.truth())}.items():
        for folder, values, suffix in (("photos", image, "png"), ("masks", truth * np.uint8(255), "tif")):
            (tmp_path / folder).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / folder / f"{name}.{suffix}"), values)
    touching, other = margins.table(read_photographs(tmp_path / "photos", tmp_path / "masks")).splitlines()[2:]
    before, after = (overlap(remove_background(half[0], margin=margin).foreground, half[1]) for margin in (0.05, None))
    assert after > before + 0.1
    assert touching.startswith(f"| touches the edge (1) | {before:.3f} | {after:.3f} |")
    assert touching.endswith(" (0.000) | 1, 0 |")
    assert other.startswith("| does not (1) | 0.9")
    assert other.endswith(" +0.000 (0.000) | 0, 0 |")
