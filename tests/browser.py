"""A headless Chromium for tests of pages: nothing of a user's, and no network but loopback."""

import os
import shutil
from contextlib import contextmanager

import pytest
from selenium import webdriver

BROWSERS = ("chromium", "google-chrome")
MISSING = "the tests of pages need Chromium and its driver; on Debian: apt-get install -y chromium chromium-driver"


@contextmanager
def chromium(profile):
    """A driver of a browser whose profile is the empty folder `profile`; both end with the block."""
    binary = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)  # CI installs them
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
        f"--user-data-dir={profile}", "--window-size=1100,900",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(driver, log_output=os.devnull)
    browser = webdriver.Chrome(options=options, service=service)
    try:
        yield browser
    finally:
        browser.quit()


def forget(browser):
    """Show nothing, in the light and in a window of its own size; what was told until now is not told again."""
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    look(browser, "light")
    browser.get("about:blank")
    for kind in ("browser", "performance"):
        browser.get_log(kind)


def look(browser, scheme):
    """Show the page in the ``light`` or ``dark`` scheme."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def contrasts(browser, names):
    """The contrast of each of the page's colours with its paper, as WCAG 2.1 counts it."""
    return browser.execute_script(
        """
        const canvas = document.createElement("canvas").getContext("2d");
        const luminance = (colour) => {
          canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
          const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((value) => value / 255)
            .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const style = getComputedStyle(document.documentElement);
        const paper = luminance(style.getPropertyValue("--paper"));
        return Object.fromEntries(arguments[0].map((name) => {
          const other = luminance(style.getPropertyValue("--" + name));
          return [name, (Math.max(paper, other) + 0.05) / (Math.min(paper, other) + 0.05)];
        }));
        """,
        names,
    )
