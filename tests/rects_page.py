"""The page on which rects are corrected, as a person meets it in a headless Chromium."""

import threading
from contextlib import contextmanager

import cv2
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from bgremove.batch import read_table
from bgremove.rects import Table
from bgremove.rects.edit import EditServer, Session, survey
from bgremove.settings import Settings
from fixtures.scenes import make_scene
from tests.report_values import EVIL

SETTINGS = Settings(metadata="none")
HEIGHT, WIDTH = 300, 400
NAMES = [EVIL.replace("/", "") + ".png", "b.png", "c.png"]
PATIENCE_S = 60


@contextmanager
def page_of(browser, folder):
    """The page of three photos, the last of which is vague, as it opens."""
    paths = make_photos(folder)
    table = Table(folder / "rects.csv")
    session = Session(table, [entry for _, entry in survey(paths, table, SETTINGS)], SETTINGS)
    table.save()
    with shown(browser, session) as page:
        yield page


def make_photos(folder):
    """Where they are."""
    for seed, name in enumerate(NAMES):
        scene = make_scene(HEIGHT, WIDTH, seed + 1, contrast=0 if name == "c.png" else 1)
        (folder / name).write_bytes(cv2.imencode(".png", scene.image)[1].tobytes())
    return [folder / name for name in NAMES]


@contextmanager
def shown(browser, session):
    """The page of a session, as it opens."""
    with EditServer(session) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        browser.get("about:blank")
        browser.get_log("browser")
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.get(server.url)
        yield Page(browser, session.table.file)
        server.shutdown()
        thread.join()


class Page:
    """The page as a person meets it."""

    def __init__(self, browser, table):
        self.browser = browser
        self.table = table
        self.wait(lambda: self.text("progress"))

    def wait(self, condition):
        return WebDriverWait(self.browser, PATIENCE_S, 0.05).until(lambda _: condition())

    def at(self, name):
        return self.browser.find_element(By.ID, name)

    def text(self, name):
        return self.at(name).text

    def cutout(self):
        return self.at("cutout").get_attribute("src")

    def press(self, *keys):
        ActionChains(self.browser).send_keys(*keys).perform()

    def rect(self):
        """As the table has it, of the photo that is shown."""
        return read_table(self.table).rects[str(self.table.parent / self.text("name"))]

    def labels(self):
        """The image of hints, of the photo that is shown; None if it has none."""
        file = read_table(self.table).hints.get(str(self.table.parent / self.text("name")))
        return None if file is None else cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)

    def place(self, x, y):
        """Where a pixel of the photo is in the window."""
        box = self.browser.execute_script(
            "const r = document.getElementById('stage').getBoundingClientRect(); return [r.x, r.y, r.width, r.height]"
        )
        return round(box[0] + x * box[2] / WIDTH), round(box[1] + y * box[3] / HEIGHT)

    def drag(self, *points):
        chain = ActionChains(self.browser, duration=0)
        for index, (x, y) in enumerate(map(self.place, *zip(*points, strict=True))):
            chain.w3c_actions.pointer_action.move_to_location(x, y)
            if index == 0:
                chain.w3c_actions.pointer_action.pointer_down()
        chain.w3c_actions.pointer_action.pointer_up()
        chain.perform()

    def touch(self, *points):
        for index, (x, y) in enumerate(map(self.place, *zip(*points, strict=True))):
            kind = "touchStart" if index == 0 else "touchMove"
            self.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        self.browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def settle(self, before):
        """Wait for another cutout than `before`, and until all is saved."""
        self.wait(lambda: self.cutout() != before and self.text("status") == "Saved")

    def go_to(self, name):
        while self.text("name") != name:
            shown = self.text("progress")
            self.press("n")
            self.wait(lambda shown=shown: self.text("progress") != shown)
