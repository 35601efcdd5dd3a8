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


def look(browser, scheme):
    """Show the page in the ``light`` or ``dark`` scheme."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
