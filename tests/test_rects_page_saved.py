"""The page on which rects are corrected: what is saved of it, what is not, and how it ends."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.rects_page import HEIGHT, NAMES, WIDTH, page_of

pytestmark = pytest.mark.whole_run


@pytest.fixture
def page(blank_browser, tmp_path):
    with page_of(blank_browser, tmp_path) as page:
        yield page


def test_what_cannot_be_cut_out_is_said_and_not_kept(page):
    page.go_to("b.png")
    before = page.rect()
    page.press("r")
    page.drag((0, 0), (WIDTH, HEIGHT))
    page.wait(lambda: "Not saved" in page.text("status"))
    assert "covers all of the image" in page.text("status")
    assert page.rect() == before


def test_what_was_not_saved_is_still_said_on_the_next_photo_and_at_the_end(page):
    page.go_to("b.png")
    page.press("r")
    page.drag((0, 0), (WIDTH, HEIGHT))
    page.press("p")
    page.wait(lambda: page.text("name") == NAMES[0])
    page.wait(lambda: page.text("status").startswith("b.png: not saved: rect"))
    page.at("done").click()
    page.wait(lambda: page.browser.find_elements(By.CLASS_NAME, "ended"))
    assert "b.png: not saved: rect" in page.browser.find_element(By.CLASS_NAME, "ended").text


def test_a_window_that_has_not_seen_the_last_change_says_so(page):
    page.go_to("b.png")
    frame = page.at("frame")
    frame.send_keys(Keys.ARROW_RIGHT)
    page.wait(lambda: page.text("status") == "Saved")
    first = page.browser.current_window_handle
    address = page.browser.current_url
    page.browser.switch_to.new_window("tab")
    page.browser.get(address)
    page.wait(lambda: page.text("progress"))
    page.go_to("b.png")
    page.at("frame").send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    page.wait(lambda: page.text("status") == "Saved")
    kept = page.rect()
    page.browser.close()
    page.browser.switch_to.window(first)
    frame.send_keys(Keys.ARROW_RIGHT)
    page.wait(lambda: "another window" in page.text("status"))
    assert page.rect() == kept


def test_a_photo_that_is_gone_costs_itself_only(page):
    (page.table.parent / "c.png").unlink()  # the first
    page.browser.refresh()
    page.wait(lambda: "there is no such file" in page.text("status"))
    page.press("n")
    page.wait(lambda: page.text("progress") == "2 of 3")
    page.press("p")
    page.wait(lambda: "there is no such file" in page.text("status"))
    page.press("u")
    page.wait(lambda: page.text("status") == "There is nothing to undo")


def test_done_ends_it_and_says_where_the_rects_are(page):
    page.at("done").click()
    page.wait(lambda: page.browser.find_elements(By.CLASS_NAME, "ended"))
    words = page.browser.find_element(By.CLASS_NAME, "ended").text
    assert "3 photos" in words
    assert "rects.csv" in words
