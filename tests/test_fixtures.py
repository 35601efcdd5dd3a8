import doctest
import hashlib

import cv2
import numpy as np
import pytest

import fixtures
from bgremove.errors import UsageError
from fixtures import composites, render, scenes
from fixtures.scenes import make_scene

pytestmark = pytest.mark.pixels

ALL = fixtures.load()
PHOTOGRAPHS = [fixture for fixture in ALL if fixture.kind == "photograph"]
COMPOSITES = [fixture for fixture in ALL if fixture.kind == "composite"]

every_fixture = pytest.mark.parametrize("fixture", ALL, ids=lambda fixture: fixture.name)
every_photograph = pytest.mark.parametrize("fixture", PHOTOGRAPHS, ids=lambda fixture: fixture.name)
every_composite = pytest.mark.parametrize("fixture", COMPOSITES, ids=lambda fixture: fixture.name)


def test_there_are_enough_of_each_kind_and_no_other():
    assert len(PHOTOGRAPHS) >= 8
    assert len(COMPOSITES) >= 4
    assert len(PHOTOGRAPHS) + len(COMPOSITES) == len(ALL)
    assert len({fixture.name for fixture in ALL}) == len(ALL)


def test_every_stored_file_is_in_the_manifest():
    images = {fixture.path for fixture in ALL}
    masks = {fixture.mask_path for fixture in ALL}
    polygons = {fixtures.FOLDER / "polygons" / f"{fixture.name}.json" for fixture in PHOTOGRAPHS}
    assert {path for folder in ("images", "masks", "polygons") for path in (fixtures.FOLDER / folder).iterdir()} == (
        images | masks | polygons
    )


def test_the_folder_stays_under_six_megabytes():
    assert sum(path.stat().st_size for path in fixtures.FOLDER.rglob("*") if path.is_file()) < 6_000_000


@every_fixture
def test_image_is_the_one_the_manifest_describes(fixture):
    assert hashlib.sha256(fixture.path.read_bytes()).hexdigest() == fixture.sha256


@every_fixture
def test_provenance_is_given_and_the_licence_allows_redistribution(fixture):
    assert set(fixture.license.split(" AND ")) <= {"CC0-1.0", "CC-BY-2.0", "CC-BY-4.0", "LicenseRef-PublicDomain"}
    assert all((fixture.object, fixture.author, fixture.source, fixture.changes))


@every_fixture
def test_image_and_mask_have_one_size_of_a_useful_kind(fixture):
    image, mask = fixture.read(), fixture.alpha()
    assert image.dtype == mask.dtype == np.uint8
    assert image.shape == (*mask.shape, 3)
    assert 100_000 <= mask.size <= 350_000


@every_fixture
def test_rect_holds_the_object_and_background_lies_within_and_without(fixture):
    truth = fixture.truth()
    height, width = truth.shape
    assert fixture.rect == fixture.rect.clip(height, width)
    assert truth.sum() == truth[fixture.rect.slices].sum()
    assert (~truth[fixture.rect.slices]).sum() > 0.1 * truth.sum()
    assert fixture.rect.width * fixture.rect.height < truth.size


@every_photograph
def test_mask_of_a_photograph_is_what_its_polygons_say(fixture):
    mask = fixture.alpha()
    np.testing.assert_array_equal(np.unique(mask), [0, 255])
    np.testing.assert_array_equal(mask == 255, render.render(fixture.name, *mask.shape))


@every_composite
def test_composite_is_what_its_script_makes(fixture):
    composite = composites.COMPOSITES[fixture.name]
    alpha = fixture.alpha()
    assert ((alpha > 0) & (alpha < 255)).any()
    # one level, because sines may be rounded otherwise elsewhere; JPEG decoders differ by a few levels.
    np.testing.assert_allclose(composite.alpha(), alpha.astype(int), atol=1)
    np.testing.assert_allclose(composite.image(), fixture.read().astype(int), atol=8)


def test_fill_counts_centres_and_clips_at_the_borders():
    ring = [(-3, -3), (2.4, -3), (2.4, 1.6), (-3, 1.6)]
    np.testing.assert_array_equal(render.fill([ring], 3, 4), [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]])
    assert not render.fill([[(0, -9), (4, -9), (4, -5), (0, -5)]], 3, 4).any()


def test_fill_of_nested_rings_leaves_a_hole():
    def square(low, high):
        return [(low, low), (high, low), (high, high), (low, high)]

    assert render.fill([square(0, 6), square(2, 4)], 6, 6).sum() == 36 - 4


@pytest.mark.parametrize("module", [fixtures, composites, render, scenes], ids=lambda module: module.__name__)
def test_examples_of_the_fixture_modules_run(module):
    assert doctest.testmod(module).failed == 0


def test_a_scene_depends_on_its_arguments_alone():
    one, again, other = make_scene(90, 120, 7), make_scene(90, 120, 7), make_scene(90, 120, 8)
    for field in ("image", "truth", "alpha"):
        np.testing.assert_array_equal(getattr(one, field), getattr(again, field))
    assert one.rect == again.rect
    assert (one.truth != other.truth).any()


def test_a_scene_stays_what_it_was():
    scene = make_scene(96, 128, 0)
    # loose, because resampling may round otherwise on another machine; a changed recipe is far off.
    assert scene.truth.mean() == pytest.approx(0.2466, abs=0.002)
    np.testing.assert_allclose(scene.image[scene.truth].mean(axis=0), [88.5, 172, 116.7], atol=2)


@pytest.mark.parametrize("hole", [False, True])
@pytest.mark.parametrize("shape", [(16, 16), (40, 300), (240, 160), (1100, 900)])
def test_truth_alpha_and_rect_of_a_scene_agree(shape, hole):
    scene = make_scene(*shape, seed=3, hole=hole)
    assert scene.image.shape == (*shape, 3)
    assert (scene.image.dtype, scene.alpha.dtype, scene.truth.dtype) == (np.uint8, np.float32, bool)
    assert scene.image.flags.c_contiguous
    assert scene.alpha.min() == 0
    assert scene.alpha.max() <= 1
    np.testing.assert_array_equal(scene.truth, scene.alpha >= 0.5)
    assert scene.truth[scene.rect.slices].sum() == scene.truth.sum() > 0
    left, top, width, height = scene.rect
    assert min(left, top, shape[1] - left - width, shape[0] - top - height) >= 1


@pytest.mark.parametrize("seed", range(4))
def test_a_seed_shows_the_same_scene_at_every_size(seed):
    small, large = make_scene(150, 200, seed), make_scene(600, 800, seed)
    reduced = cv2.resize(large.image, (200, 150), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(small.image - reduced).mean() < 6
    assert np.abs(small.alpha - cv2.resize(large.alpha, (200, 150), interpolation=cv2.INTER_AREA)).max() < 0.5


def test_a_hole_is_background_in_the_middle_and_changes_nothing_else():
    whole, pierced = make_scene(200, 200, 5), make_scene(200, 200, 5, hole=True)
    gone = whole.truth & ~pierced.truth
    assert gone.sum() > 200
    assert not (pierced.truth & ~whole.truth).any()
    np.testing.assert_array_equal(pierced.alpha[:40], whole.alpha[:40])
    np.testing.assert_array_equal(pierced.image[~whole.truth & (whole.alpha == 0)], whole.image[whole.alpha == 0])


def test_contrast_zero_paints_object_and_background_alike():
    scene = make_scene(300, 300, 2, contrast=0)
    difference = scene.image[scene.truth].mean(axis=0) - scene.image[~scene.truth].mean(axis=0)
    vivid = make_scene(300, 300, 2)
    assert np.abs(difference).max() < 20
    assert np.linalg.norm(vivid.image[vivid.truth].mean(axis=0) - vivid.image[~vivid.truth].mean(axis=0)) > 80


def test_a_scene_too_small_to_hold_an_object_is_refused():
    with pytest.raises(UsageError, match="at least 16"):
        make_scene(15, 100)
