import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as PILImage

from bgremove import Label, Settings, remove_background, remove_backgrounds
from bgremove.errors import BgremoveError, ImageError, ImageTooLargeError, RectError, UsageError
from bgremove.remove import ALL_TRANSPARENT, EMPTY_FOREGROUND, ONE_COLOUR, ONE_COLOUR_SHAPED
from fixtures import scenes


@pytest.fixture(scope="module")
def scene():
    return scenes.make_scene(60, 80, seed=1)


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


def test_a_cutout_is_the_image_where_the_object_is_and_nothing_elsewhere(scene):
    cutout = remove_background(scene.image, rect=scene.rect)
    foreground = cutout.foreground
    assert iou(foreground, scene.truth) > 0.9
    assert cutout.image.shape == (60, 80, 4)
    assert (cutout.image[foreground, :3] == scene.image[foreground]).all()
    assert (cutout.image[foreground, 3] == 255).all()
    assert not cutout.image[~foreground].any()
    assert cutout.rect == scene.rect
    assert cutout.warnings == ()


def test_a_cutout_can_be_shown_and_compared_and_be_in_a_set(scene):
    cutout, other = (remove_background(scene.image, rect=scene.rect) for _ in range(2))
    share = f"{cutout.foreground.mean():.0%}"
    assert repr(cutout) == f"<Cutout: 80 x 60 pixels, {share} object, {scene.rect!r}>"
    assert cutout in [other, cutout]
    assert cutout != other
    assert len({cutout, other}) == 2
    empty = remove_background(np.zeros((4, 5, 3), np.uint8))
    assert repr(empty).endswith(f"warnings={empty.warnings}>")


def test_every_kind_of_input_gives_the_same_mask(scene, tmp_path):
    pil = PILImage.fromarray(scene.image[..., ::-1])
    pil.save(tmp_path / "scene.png")
    deep = scene.image.astype(np.uint16) * 257
    opaque = np.dstack([scene.image, np.full(scene.image.shape[:2], 255, np.uint8)])
    path = tmp_path / "scene.png"
    expected = remove_background(scene.image).mask
    for given_image in (pil, path, str(path), path.read_bytes(), deep, opaque, np.asfortranarray(scene.image)):
        assert (remove_background(given_image).mask == expected).all()


def test_gray_is_three_equal_channels(scene):
    gray = scene.image[..., 1]
    assert (remove_background(gray).mask == remove_background(np.dstack([gray] * 3)).mask).all()


def test_what_is_transparent_is_certain_background(scene):
    alpha = np.full((60, 80), 255, np.uint8)
    alpha[:, :40] = 0
    mask = remove_background(np.dstack([scene.image, alpha])).mask
    assert (mask[:, :40] == Label.BACKGROUND).all()


def test_hints_decide_pixels(scene):
    hints = np.full((60, 80), Label.PROBABLY_FOREGROUND, np.uint8)
    hints[28:32, 10:12] = Label.FOREGROUND
    hints[28:32, 38:42] = Label.BACKGROUND
    before = hints.copy()
    mask = remove_background(scene.image, hints=hints).mask
    assert (mask[28:32, 10:12] == Label.FOREGROUND).all()
    assert (mask[28:32, 38:42] == Label.BACKGROUND).all()
    assert (hints == before).all()


@pytest.mark.parametrize(
    ("hints", "message"),
    [
        (np.zeros((60, 80), np.int32), "must be uint8"),
        (np.zeros((6, 8), np.uint8), r"must be uint8 \(60, 80\)"),
        (np.full((60, 80), 7, np.uint8), "holds? the value 7"),
    ],
)
def test_wrong_hints_are_refused(scene, hints, message):
    with pytest.raises(ImageError, match=message):
        remove_background(scene.image, hints=hints)


def test_a_rect_is_clipped_with_a_warning(scene):
    cutout = remove_background(scene.image, rect=(-10, 5, 50, 500))
    assert cutout.rect == (0, 5, 40, 55)
    beyond = "rect (-10, 5, 50, 500) reaches beyond the image, which is 80 x 60 pixels, and was clipped"
    assert cutout.warnings[0] == beyond
    assert not remove_background(scene.image, rect=(0, 5, 40, 55)).warnings
    assert not remove_background(scene.image).warnings


@pytest.mark.parametrize(
    ("rect", "message"),
    [
        ((0, 0, 80, 60), "covers all of the image, which is 80 x 60"),
        ((100, 100, 5, 5), "holds no pixel"),
        ((5, 5, 0, 5), "holds no pixel"),
        ((5, 5, 5), "four whole numbers"),
        ((1.5, 5, 5, 5), "four whole numbers"),
        ("abcd", "four whole numbers"),
        ((1, 2, 3, float("inf")), "four whole numbers"),
    ],
)
def test_a_rect_that_cannot_be_meant_is_refused(scene, rect, message):
    with pytest.raises(RectError, match=message):
        remove_background(scene.image, rect=rect)


def test_a_picture_of_too_few_pixels_is_told_by_them_and_not_by_a_rect_that_nobody_gave():
    picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    with pytest.raises(RectError, match="it has 2 x 2 pixels: too few for an object and some background"):
        remove_background(picture)


@pytest.mark.parametrize("edge", ["hard", "soft"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_is_all_transparent_stays_so_with_a_warning(scene, dtype, edge):
    cutout = remove_background(np.dstack([scene.image, np.zeros((60, 80), np.uint8)]).astype(dtype), edge=edge)
    assert cutout.warnings == (ALL_TRANSPARENT,)
    assert not cutout.mask.any()
    assert not cutout.image.any()
    assert cutout.image.dtype == dtype


def test_hints_that_leave_no_foreground_are_refused(scene):
    with pytest.raises(RectError, match="leaves no foreground"):
        remove_background(scene.image, hints=np.full((60, 80), Label.BACKGROUND, np.uint8))


@pytest.mark.parametrize("edge", ["hard", "soft"])
@pytest.mark.parametrize("shape", [(50, 40), (50, 40, 3), (1, 1, 3), (2, 2, 3), (1, 7, 3)])
def test_an_image_of_one_colour_has_an_empty_cutout_with_a_warning(shape, edge):
    cutout = remove_background(np.full(shape, 7, np.uint8), edge=edge)
    assert cutout.warnings == (ONE_COLOUR,)
    assert not cutout.image.any()
    assert not cutout.foreground.any()


@pytest.mark.parametrize("edge", ["hard", "soft"])
def test_the_shape_of_an_icon_of_one_colour_is_its_alpha(edge):
    icon = np.zeros((50, 40, 4), np.uint8)
    icon[10:40, 10:30, 3] = 255
    icon[9, 10:30, 3] = 90
    cutout = remove_background(icon, edge=edge)
    assert cutout.warnings == (ONE_COLOUR_SHAPED,)
    assert (cutout.image == icon).all()


def test_a_folder_with_empty_images_is_written_with_warnings_and_told_from_damage(scene, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    PILImage.new("RGB", (40, 50), "white").save(folder / "blank.jpg")
    PILImage.new("RGBA", (40, 50)).save(folder / "clear.png")
    PILImage.fromarray(scene.image).save(folder / "scene.png")
    (folder / "zdamaged.png").write_bytes((folder / "scene.png").read_bytes()[:500])
    records = remove_backgrounds(folder, tmp_path / "out", strategy="sequential", emit=("cutout", "mask"))
    found = {record.path.name: (record.status, record.warnings) for record in records}
    assert found.pop("zdamaged.png")[0] == "failed"
    assert found == {
        "blank.jpg": ("ok", (ONE_COLOUR,)),
        "clear.png": ("ok", (ALL_TRANSPARENT,)),
        "scene.png": ("ok", ()),
    }
    for name in ("blank", "clear"):
        assert not np.asarray(PILImage.open(tmp_path / f"out/{name}.png")).any()
        assert not np.asarray(PILImage.open(tmp_path / f"out/{name}.mask.png")).any()


def test_an_empty_foreground_is_a_warning_on_the_result():
    image = np.random.default_rng(0).integers(0, 2, (40, 40, 3), np.uint8) * np.uint8(8)
    image[:, :20] += np.uint8(100)
    hints = np.full((40, 40), Label.PROBABLY_BACKGROUND, np.uint8)
    hints[20, 20] = Label.PROBABLY_FOREGROUND
    cutout = remove_background(image, hints=hints)
    assert not cutout.foreground.any()
    assert cutout.warnings == (EMPTY_FOREGROUND,)


@pytest.mark.parametrize("shape", [(1, 2, 3), (2, 2, 3)])
def test_images_without_an_inside_are_refused_by_name(shape):
    image = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    with pytest.raises(RectError):
        remove_background(image)


def test_one_row_is_an_image(scene):
    assert remove_background(scene.image[30:31]).mask.shape == (1, 80)


def test_a_limit_on_pixels_holds_for_files(scene, tmp_path):
    PILImage.fromarray(scene.image).save(tmp_path / "scene.png")
    with pytest.raises(ImageTooLargeError):
        remove_background(tmp_path / "scene.png", max_pixels=60 * 80 - 1)


@pytest.mark.parametrize("bad", [{"margin": 0}, {"margin": 0.5}, {"engine": "none"}, {"edge": "fuzzy"}])
def test_wrong_use_is_refused(scene, bad):
    with pytest.raises(UsageError):
        remove_background(scene.image, **bad)


@pytest.mark.parametrize("bad", [{"iterations": 0}, {"seed": -1}])
def test_wrong_settings_are_refused(bad):
    with pytest.raises(UsageError):
        Settings(**bad)


images = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12).map(lambda s: (*s, 3)))
numbers = st.integers(-4, 14)
rects = st.none() | st.tuples(numbers, numbers, numbers, numbers)


@settings(max_examples=60)
@given(images, rects)
def test_any_rect_and_any_image_works_or_raises_our_error_and_nothing_outside_is_foreground(image, rect):
    before = image.copy()
    try:
        cutout = remove_background(image, rect=rect)
    except BgremoveError:
        pass
    else:
        outside = np.ones(image.shape[:2], bool)
        outside[cutout.rect.slices] = False
        assert not cutout.foreground[outside].any()
        assert (cutout.mask[outside] == Label.BACKGROUND).all()
        assert cutout.mask.shape == image.shape[:2]
    assert (image == before).all()
