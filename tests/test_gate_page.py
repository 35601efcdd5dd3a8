"""The gate's page in a headless Chromium: the same dress as the report's, and nothing asked of anybody."""

import io
import json
import random

import numpy as np
import PIL.Image
import pytest

from benchgate.comparison import Result
from benchgate.decide.estimate import Estimate
from benchgate.decide.findings import CaseFinding, MetricFinding
from benchgate.explain.flame import svg
from benchgate.explain.profiles import Explanation, Growth
from benchgate.history.page import page as history_page
from benchgate.history.series import Change, Series, Step
from benchgate.measure.records import Pair
from benchgate.report.page import page
from benchgate.revisions.git import Revision
from benchgate.settings import Settings
from tests.browser import contrasts, look
from tests.report_values import EVIL

pytestmark = pytest.mark.whole_run

SLOW = f"bench/bench_codec.py::test_encode[{EVIL}]"


def metric(name, verdict, change, noise, pairs=20, base=0.0123):
    values = [change + random.Random(n).gauss(0, noise) for n in range(pairs)]
    return MetricFinding.of(name, verdict, Estimate.of(values), 9000.0, (base, base * (1 + change)))


@pytest.fixture(scope="module")
def result():
    findings = [
        CaseFinding("bench/bench_codec.py::test_same", "unchanged", "", (metric("wall", "unchanged", 0.001, 0.008),)),
        CaseFinding("bench/bench_io.py::test_noisy", "inconclusive", "too noisy for a tolerance of 3%: wall of its "
                    "pairs spreads by 22.0%", (metric("wall", "inconclusive", 0.02, 0.2, pairs=12),), 0, 0.03),
        CaseFinding("bench/bench_codec.py::test_little", "regressed", "", (metric("wall", "regressed", 0.04, 0.005),)),
        CaseFinding(SLOW, "regressed", "", (
            metric("wall", "regressed", 0.31, 0.01), metric("cpu", "regressed", 0.3, 0.01),
            metric("memory", "unchanged", 0.0, 0.001, base=5e7),
        ), 0, 0.05),
        CaseFinding("bench/bench_codec.py::test_fast", "improved", "", (metric("wall", "improved", -0.08, 0.01),)),
        CaseFinding("bench/bench_io.py::test_gone", "missing", "base has this case, head has not"),
    ]  # fmt: skip
    pairs = [Pair(number, 1, 2, 3.5, (), ()) for number in range(40)]
    notes = ["measured: `codec` from base/src, head/src", f"on 2 cores, {EVIL}"]
    return Result(Revision("v1.0", "a" * 40), Revision("working tree", "b" * 40), findings, pairs, notes)


@pytest.fixture(scope="module")
def files(tmp_path_factory, result):
    folder = tmp_path_factory.mktemp("pages")
    before = {("test", "encode (codec.py)"): 0.01, ("test", "encode (codec.py)", EVIL): 0.002}
    graph = svg(SLOW, {**before, ("test", "encode (codec.py)"): 0.0145}, before, ["encode (codec.py)"])
    growth = Growth("encode (codec.py)", 0.01, 0.0145, 0.375, 0.02)
    explanations = [Explanation(SLOW, (growth,), graph, "py-spy, 200 samples a second")]
    made = {"gate": page(result, explanations, Settings(("bench",)))}
    steps = tuple(Step("a" * 40, "b" * 40, 0.001 * n, 0.002) for n in range(9))
    series = [Series(SLOW, steps, (1.0, 1.001, 1.0, 1.1, 1.1, 1.101, 1.1, 1.1, 1.1), (Change(3, 3, 1.1),))]
    made["history"] = history_page(series, "wall time", ["9 comparisons"], lambda commit: commit[:7])
    for name, text in made.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in made}


@pytest.fixture(params=["gate", "history"])
def browser(request, blank_browser, files):
    blank_browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    look(blank_browser, "light")
    blank_browser.get(files[request.param].as_uri())
    return blank_browser


def test_nothing_is_asked_of_anybody_and_nothing_goes_wrong(browser):
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith(("data:", "file:"))] == []
    assert len([url for url in asked if url.startswith("file:")]) == 1
    assert browser.get_log("browser") == []


def test_ids_are_text_and_sections_are_named(browser):
    assert browser.execute_script("return document.querySelectorAll('img, script, b, [onerror]').length") == 0
    assert SLOW in browser.find_element("tag name", "main").text
    sections = browser.execute_script("return [...document.querySelectorAll('main section')].map(each => each.id)")
    links = browser.execute_script("return [...document.querySelectorAll('nav a')].map(a => a.getAttribute('href'))")
    assert links == [f"#{name}" for name in sections]
    drawings = browser.find_elements("css selector", "section svg[role=img]")
    assert drawings
    assert all(drawing.accessible_name for drawing in drawings)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_schemes_can_be_read(browser, scheme):
    look(browser, scheme)
    seen = np.asarray(PIL.Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("L"))
    assert (np.median(seen) > 127) == (scheme == "light")
    names = ["ink", "muted", "link", "slower", "faster", "open"]
    for name, contrast in contrasts(browser, names).items():  # what WCAG 2.1 asks of text
        assert contrast >= 4.5, name


def test_a_phone_never_scrolls_sideways(browser):
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    assert browser.execute_script("return document.documentElement.scrollWidth") == 360


def test_the_gravest_comes_first(blank_browser, files):
    blank_browser.get(files["gate"].as_uri())
    title = blank_browser.find_element("tag name", "h1").text
    assert title.startswith(f"2 of 6 cases regressed, first {SLOW}: wall +3")
    rows = blank_browser.find_elements("css selector", "tbody th")
    named = [row.text for row in rows if row.text]
    assert named[0] == SLOW
    assert [name.rpartition("::")[2] for name in named[1:]] == [
        "test_little", "test_gone", "test_noisy", "test_fast", "test_same",
    ]  # fmt: skip
