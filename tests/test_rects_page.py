"""The page on which rects are corrected, in a headless Chromium: what a person does there, and what comes of it."""

import numpy as np
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser import look
from tests.rects_folder import read_rects
from tests.rects_page import HEIGHT, NAMES, WIDTH, page_of

pytestmark = pytest.mark.whole_run


@pytest.fixture
def page(blank_browser, tmp_path):
    with page_of(blank_browser, tmp_path) as page:
        yield page


def near(rect, other, within=3):
    return all(abs(one - two) <= within for one, two in zip(rect, other, strict=True))


def test_from_photo_to_photo_with_a_key_doubtful_ones_first_and_nothing_goes_wrong(page):
    assert page.text("name") == "c.png"
    assert page.text("progress") == "1 of 3"
    assert page.text("left") == "1 of them looks doubtful"
    assert page.browser.find_elements(By.CSS_SELECTOR, "#doubts li")
    page.press("n")
    page.wait(lambda: page.text("progress") == "2 of 3")
    assert page.text("name") == NAMES[0]
    page.press("n")
    page.wait(lambda: page.text("progress") == "3 of 3")
    page.press("n")
    page.wait(lambda: page.text("status") == "This is the last one")
    page.press("d")
    page.wait(lambda: page.text("progress") == "1 of 3")
    page.press("p")
    page.wait(lambda: page.text("status") == "This is the first one")
    assert page.browser.execute_script("return document.querySelectorAll('[onerror], img[src=x]').length") == 0
    assert page.browser.get_log("browser") == []


def test_a_rect_is_moved_resized_and_drawn_anew_and_its_cutout_changes(page):
    page.go_to("b.png")
    x, y, width, height = page.rect()
    seen = page.cutout()
    page.drag((x + width // 2, y + height // 2), (x + width // 2 + 9, y + height // 2 - 7))
    page.settle(seen)
    assert near(page.rect(), (x + 9, y - 7, width, height))

    seen, (x, y, width, height) = page.cutout(), page.rect()
    page.drag((x + width, y + height), (x + width // 2, y + height // 2))
    page.settle(seen)
    assert near(page.rect(), (x, y, width // 2, height // 2))

    seen, (x, y, width, height) = page.cutout(), page.rect()
    page.drag((x, y + height // 2), (x - 20, y + height // 2 + 30))
    page.settle(seen)
    assert near(page.rect(), (x - 20, y, width + 20, height))

    seen = page.cutout()
    page.press("r")
    page.drag((350, 260), (200, 130), (60, 40))
    page.settle(seen)
    assert near(page.rect(), (60, 40, 290, 220))

    page.press("u", "u", "u", "u")
    page.wait(lambda: page.text("status") == "Saved" and near(page.rect(), (x - 9, y + 7, 2 * width, 2 * height), 6))
    assert page.browser.get_log("browser") == []


def test_a_slip_of_the_hand_changes_nothing(page):
    page.go_to("b.png")
    before = page.rect()
    page.press("r")
    page.drag((200, 150), (201, 151))
    page.press("u")
    page.wait(lambda: page.text("status") == "There is nothing to undo")
    assert page.rect() == before


def test_strokes_are_kept_as_hints_undone_and_erased(page):
    page.go_to("b.png")
    x, y, width, height = page.rect()
    inside, across = (x + width // 2, y + height // 2), (x + width // 2 + 40, y + height // 2)
    seen = page.cutout()
    page.press("b")
    page.drag(inside, across)
    page.settle(seen)
    labels = page.labels()
    assert labels.shape == (HEIGHT, WIDTH)
    assert labels[inside[1], inside[0] + 20] == 0
    assert set(np.unique(labels)) == {0, 128}

    seen = page.cutout()
    page.press("o")
    page.drag((x + 5, y + 5), (x + 45, y + 5))
    page.settle(seen)
    assert page.labels()[y + 5, x + 25] == 255

    page.press("e")
    page.drag((x + 45, y + 5), (x + 25, y + 5))
    page.wait(lambda: page.labels()[y + 5, x + 35] == 128)
    assert page.labels()[y + 5, x + 8] == 255

    page.press("u", "u")
    page.wait(lambda: not (page.labels() == 255).any())
    page.press("u")
    page.wait(lambda: page.labels() is None)

    page.press("p")
    page.wait(lambda: page.text("progress") == "2 of 3")
    assert page.browser.get_log("browser") == []


def test_hints_are_shown_again(page):
    page.go_to("b.png")
    x, y, width, height = page.rect()
    page.press("b")
    page.drag((x + width // 2, y + height // 2), (x + width // 2 + 40, y + height // 2))
    page.wait(lambda: page.labels() is not None)
    page.browser.refresh()
    page.wait(lambda: page.text("progress"))
    page.go_to("b.png")
    script = "return [...document.getElementById('marks').getContext('2d').getImageData(...arguments, 1, 1).data]"
    red, _, blue, alpha = page.browser.execute_script(script, x + width // 2 + 20, y + height // 2)
    assert red - blue > 100
    assert alpha > 50


def test_a_rect_is_changed_by_touch(page):
    page.go_to("b.png")
    x, y, width, height = page.rect()
    seen = page.cutout()
    page.browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
    page.touch((x + width, y + height), (x + width - 30, y + height - 20), (x + width - 60, y + height - 40))
    page.browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
    page.settle(seen)
    assert near(page.rect(), (x, y, width - 60, height - 40))


def test_everything_can_be_done_from_the_keyboard(page):
    page.go_to("b.png")
    x, y, width, height = page.rect()
    frame = page.at("frame")
    frame.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    page.wait(lambda: page.rect() == (x + 1, y + 1, width, height))
    side = frame.find_element(By.CSS_SELECTOR, "[aria-label='left side']")
    side.send_keys(Keys.SHIFT, Keys.ARROW_RIGHT)
    page.wait(lambda: page.rect() == (x + 11, y + 1, width - 10, height))
    page.at("width").send_keys(Keys.CONTROL, "a", Keys.NULL, "50", Keys.ENTER)
    page.wait(lambda: page.rect() == (x + 11, y + 1, 50, height))
    page.press(Keys.ESCAPE)
    page.at("stage").send_keys("b", Keys.ARROW_LEFT, " ")
    page.wait(lambda: page.labels() is not None and page.labels()[HEIGHT // 2, WIDTH // 2 - 6] == 0)


def test_keys_work_where_a_number_was_typed(page):
    page.go_to("b.png")
    x, y, _, height = page.rect()
    page.at("width").send_keys(Keys.CONTROL, "a", Keys.NULL, "50", "p")
    page.wait(lambda: page.text("name") == NAMES[0])
    assert read_rects(page.table)[str(page.table.parent / "b.png")] == (x, y, 50, height)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_a_phone_and_can_be_read(page, scheme, width):
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    look(page.browser, scheme)
    page.go_to("b.png")
    assert page.browser.execute_script("return scrollY") == 0
    assert page.browser.execute_script("return document.documentElement.scrollWidth") <= width
    unnamed = """
        return [...document.querySelectorAll('button, input, [tabindex="0"]')].filter(
            (each) => !(each.textContent.trim() || each.ariaLabel || each.labels?.[0]?.textContent.trim())).length"""
    assert page.browser.execute_script(unnamed) == 0
    assert page.browser.execute_script(CONTRASTS) == []


CONTRASTS = """
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
function light(colours) {
  for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
  const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((c) => {
    const part = c / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
const paper = getComputedStyle(document.body).backgroundColor;
const found = [];
for (const each of document.querySelectorAll("h1, #left, button, #tools span, legend, label, figcaption, li, .note")) {
  if (!each.textContent.trim() || !each.checkVisibility()) continue;
  const style = getComputedStyle(each);
  const one = light([paper, style.backgroundColor]);
  const other = light([style.color]);
  const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  if (ratio < 4.5) found.push(`${each.tagName} ${each.textContent.trim().slice(0, 20)}: ${ratio.toFixed(2)}`);
}
return found;
"""
"""Texts whose contrast to what is behind them is under 4.5, which WCAG 2.2 asks for."""
