import json
import re
from dataclasses import replace
from itertools import pairwise

import pytest

from bgremove.batch.records import FORMAT_VERSION
from bgremove.comparison.compare import Contender, result_of
from bgremove.comparison.report import answer, choice
from bgremove.comparison.statistics import BreakEven, Interval, amdahl, serial_fraction
from bgremove.errors import UsageError
from bgremove.report import Outputs
from bgremove.report.drawing import Plot, Table
from bgremove.report.figures import (
    cpu_over_time,
    crossovers,
    lanes,
    scalings,
    stage_means_s,
    summary,
    typical,
    worker_shares,
)
from bgremove.report.markdown import markdown
from bgremove.report.plots import plots_of
from bgremove.report.report import load_json, report_from_json
from bgremove.report.trace import trace
from bgremove.report.words import cards, strategies_table
from tests.report_values import EVIL, READ_S, STARTUP_S, WRITE_S, comparison, content, made_round, segment_s

pytestmark = pytest.mark.pixels

IMAGES = 7
SECONDS = [READ_S + segment_s(image) + WRITE_S for image in range(IMAGES)]


def report(**options):
    return report_from_json(json.loads(json.dumps(content(IMAGES, **options))))


def of(name, **options):
    return next(each for each in report(**options).contenders if each.name == name)


def test_what_auto_would_have_chosen_is_told_beside_the_fastest():
    told = {name: choice(comparison(IMAGES, auto=name)) for name in ("threads", "processes", "pool")}
    assert told["threads"] == "`auto` would have chosen `threads`, which was the fastest, start included."
    interval = r"1\.\d\d \(1\.\d\d to 1\.\d\d\)"
    assert re.search(
        f"`processes`, which took {interval} times as long, start included, as `threads`", told["processes"]
    )
    assert told["pool"].endswith("`pool`, which was not compared; the fastest was `threads`.")


def test_auto_is_not_called_slower_than_what_is_faster_by_chance():
    made = comparison(IMAGES, auto="sequential")
    loop, threads, _ = made.results
    rounds = tuple(replace(each, startup_s=startup) for each, startup in zip(loop.rounds, (0.5, 0.0, 0.1), strict=True))
    other = replace(threads, rounds=rounds, wall_s=tuple(0.99 * wall for wall in loop.wall_s), startup_s=0.0)
    told = choice(replace(made, results=(loop, other)))
    assert "which was not shown to be slower than the fastest, `threads`: " in told


def test_the_answer_says_from_how_many_images_on_where_there_are_fewer():
    """`processes` are faster by the image; their start of half a second is paid back after more than three of these."""
    processes = (("sequential", 1), ("processes", 2))
    pays = r"^Yes, parallel pays: .* it pays from \d+ .*images on"
    assert re.search(rf"{pays}, more than there are here \(", answer(comparison(3, processes)))
    assert re.search(rf"{pays} \(", answer(comparison(100, processes)))
    one = answer(comparison(1, (("sequential", 1), ("threads", 2))))
    assert "interleaved rounds of 1 image;" in one


def test_the_answer_of_one_image_says_when_there_would_be_a_gain():
    made = comparison(1, (("sequential", 1), ("threads", 2)))
    loop, threads = made.results
    slower = replace(threads, speedup=Interval(0.9, 0.8, 0.95), pays_from=BreakEven(2, 1, 2))
    assert re.search(
        r"^No, parallel .* \(0\.80 to 0\.95\) .*; start-up included, it pays from 2 \(1 to 2\) images on \(",
        answer(replace(made, results=(loop, slower))),
    )


def test_figures_of_a_strategy():
    loop, processes = summary(of("sequential")), summary(of("processes"))
    assert loop.image_s == pytest.approx(sorted(SECONDS * 3)[IMAGES * 3 // 2], rel=0.05)
    assert loop.total_s == pytest.approx(1.02 * sum(SECONDS) + 0.002 * IMAGES)
    assert processes.startup_s == STARTUP_S
    assert processes.total_s > STARTUP_S + 1.02 * sum(SECONDS) / 2
    assert loop.cpu_utilisation == 0.5


def test_the_time_of_an_image_by_stage():
    means = stage_means_s(of("sequential", rounds=3))
    assert means["read"] == pytest.approx(1.02 * READ_S)
    assert means["segment"] == pytest.approx(1.02 * sum(map(segment_s, range(IMAGES))) / IMAGES)
    assert means["write"] == pytest.approx(1.02 * WRITE_S)
    assert means["other"] == pytest.approx(0, abs=1e-6)
    assert means["queue"] == pytest.approx(0.001, abs=1e-6)
    assert means["return"] == pytest.approx(0.001, abs=1e-6)


def test_the_time_of_the_workers_adds_up_and_the_tail_is_that_of_the_one_that_ends_first():
    round_ = typical(of("processes"))
    shares = worker_shares(round_)
    assert len(shares) == 2
    assert sum(share.images for share in shares) == IMAGES
    for share in shares:
        parts = share.startup_s + share.work_s + share.wait_s + share.tail_s
        assert parts == pytest.approx(round_.total_s, abs=1e-5)
        assert share.startup_s == STARTUP_S
    assert max(share.tail_s for share in shares) > 0.05
    assert min(share.tail_s for share in shares) == pytest.approx(0.001, abs=1e-5)


def test_a_lane_is_a_worker_and_holds_its_images_in_order():
    for spans in lanes(typical(of("processes"))).values():
        assert [span.image for span in spans] == sorted(span.image for span in spans)
        assert all(a.ended_s <= b.started_s for a, b in pairwise(spans))


def test_cpu_over_time_is_of_all_cpus():
    moments_s, used = cpu_over_time(typical(of("sequential")), cpus=2)
    assert moments_s == sorted(moments_s)
    assert used == [pytest.approx(0.5, abs=0.02)] * len(used)


def test_the_crossover_is_where_pays_from_says():
    for line in crossovers(report())[1:]:
        loop, first = crossovers(report())[0], line.contender.pays_from.images
        assert first is not None
        assert line.total_s(first) < loop.total_s(first)
        assert first == 1 or line.total_s(first - 1) >= loop.total_s(first - 1)


def test_what_the_loop_takes_to_start_is_no_cost_of_the_others():
    def found(loop_s):
        loop = [made_round(8, 1, loop_s, 0.0, 1.0)] * 3
        return result_of(Contender("threads", 2), [made_round(8, 2, 1.0, 0.0, 1.0)] * 3, loop).pays_from.images

    assert found(1.0) < found(0.5) < found(0.0)


def test_amdahls_law_is_fitted_to_the_points_of_each_strategy():
    chosen = [("sequential", 1), *(("threads", count) for count in (1, 2, 4))]
    (scaling,) = scalings(report(chosen=chosen))
    assert scaling.workers == (1, 2, 4)
    assert scaling.serial == serial_fraction(scaling.workers, scaling.speedups)
    assert serial_fraction([2, 4, 8], [amdahl(0.2, n) for n in (2, 4, 8)]) == pytest.approx(0.2)
    assert scalings(report(chosen=[("sequential", 1), ("threads", 1)])) == []


def test_the_questions_four_figures_come_first():
    shown = {card.name: card.value for card in cards(report())}
    assert list(shown) == ["Time an image", f"Total for {IMAGES} images", "CPUs used", "Speed-up"]
    assert shown["CPUs used"] == "50% → 100%"
    assert re.fullmatch(r"\d+ → \d+\.\d ms", shown["Time an image"])


def test_a_column_without_figures_is_left_out():
    alone = report(chosen=[("sequential", 1)])
    assert "pays from, images (95%)" in strategies_table(report()).headings
    assert "pays from, images (95%)" not in strategies_table(alone).headings


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format_version": FORMAT_VERSION + 1}, "a newer bgremove is needed"),
        ({"format_version": FORMAT_VERSION - 1}, "run it anew"),
        ({"format_version": None}, "run it anew"),
        ({"kind": "gate"}, "its kind is 'gate'"),
        ({"strategies": 5}, "it is not what --json writes"),
        ({"images": [{}]}, "it is not what --json writes"),
    ],
)
def test_another_format_is_refused_and_the_file_named(tmp_path, change, told):
    file = tmp_path / "figures.json"
    file.write_text(json.dumps(content() | change))
    with pytest.raises(UsageError, match=r"^.*figures\.json: .*" + re.escape(told)):
        load_json(file)


@pytest.mark.parametrize("text", ["", "[1, 2]", "{", "\xff"])
def test_what_is_no_json_of_ours_is_refused(tmp_path, text):
    file = tmp_path / "figures.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"figures\.json: "):
        load_json(file)


def test_one_json_gives_the_page_the_text_the_plots_and_the_trace(tmp_path):
    made = content()
    Outputs(tmp_path / "a.html", tmp_path / "plots", tmp_path / "t.json").write(made)
    Outputs(tmp_path / "a.md").write(made)
    names = {plot.name for plot in plots_of(report_from_json(made))}
    assert names == {"speedup", "times", "stages", "workers", "timeline", "load", "scaling", "crossover"}
    assert {file.name for file in (tmp_path / "plots").iterdir()} == {
        f"{name}.{suffix}" for name in names for suffix in ("svg", "png")
    }
    assert (tmp_path / "plots/times.png").read_bytes().startswith(b"\x89PNG")
    assert made["answer"].replace("`", "") in (tmp_path / "a.html").read_text()
    assert json.loads((tmp_path / "t.json").read_text())["traceEvents"]


def test_every_plot_has_words_and_numbers_and_the_same_report_gives_the_same_bytes():
    for one, other in zip(plots_of(report()), plots_of(report()), strict=True):
        assert one.words.endswith(".")
        assert one.table.rows
        assert {len(row) for row in one.table.rows} == {len(one.table.headings)}
        assert one.inline_svg() == other.inline_svg()


def test_plots_in_a_page_have_no_colours_of_their_own_and_no_ids_in_common():
    ids = []
    for plot in plots_of(report()):
        svg = plot.inline_svg()
        assert "var(--blue)" in svg
        assert set(re.findall(r"#[0-9a-f]{6}\b", svg)) <= {"#ffffff", "#000000"}
        ids += re.findall(r' id="([^"]+)"', svg)
    assert len(ids) == len(set(ids))


def test_text_of_a_plot_is_never_a_formula_or_markup():
    plot = Plot("p", "t", "w.", Table(("a",), ()), 1.0, lambda figure: figure.text(0.5, 0.5, "$x$ <b> & $$"))
    assert "$x$ &lt;b&gt; &amp; $$" in plot.inline_svg()


def test_markdown_shows_names_as_they_are_and_nothing_of_them_is_markup():
    evil = report(failed=[EVIL, "a`b|c.jpg", "@all.jpg"])
    text = markdown(evil, plots_of(evil))
    assert f"`photos/{EVIL}`: \\<img" in text
    assert "``photos/a`b|c.jpg``: a\\`b\\|c.jpg" in text
    assert not re.search(r"(?<![\\`/])<(?!/?(details|summary)>)", text)
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert len(tables) > 30
    assert text.count("<details>") == text.count("</details>") == len(plots_of(evil)) + 1


def test_a_trace_holds_every_image_of_every_round_with_its_stages_inside():
    made = report()
    events = trace(made)["traceEvents"]
    images = [event for event in events if event["ph"] == "X" and event["cat"].startswith("round") and event["tid"]]
    assert len(images) == 3 * 3 * IMAGES
    stages = [event for event in events if event.get("cat") == "stage"]
    assert len(stages) == 3 * len(images)
    for event in images:
        place, end = (event["pid"], event["tid"]), event["ts"] + event["dur"]
        inside = [
            each for each in stages if (each["pid"], each["tid"]) == place and event["ts"] - 1 <= each["ts"] < end
        ]
        assert [each["name"] for each in inside] == ["read", "segment", "write"]
        assert sum(each["dur"] for each in inside) == pytest.approx(event["dur"], abs=2)
    assert {event["args"]["name"] for event in events if event["ph"] == "M"} >= {"sequential", "threads x2", "worker 2"}
    assert f"photos/{EVIL}" in {event["name"] for event in images}
