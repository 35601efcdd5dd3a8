"""What a measured process makes of the fixture and of ids, with a driver that only pretends."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from benchgate.measure.arm import ArmPlugin
from benchgate.measure.channel import ArmEnd
from benchgate.measure.messages import Answer, Call, Command, FinishCase, Ready
from benchgate.measure.plan import Plan

CASE = "bench_toy.py::test_work"


class Driver:
    """Gives commands in their order, and notes what it is told."""

    def __init__(self, *commands: Command) -> None:
        self.commands, self.told = [*commands], list[Answer]()

    def send(self, message: Answer) -> None:
        self.told.append(message)

    def receive(self) -> Command:
        return self.commands.pop(0)


def plugin(driver: Driver, root: str = "/root", first: tuple[str, ...] = ()) -> ArmPlugin:
    return ArmPlugin(cast("ArmEnd", driver), Plan(root, [], [*first], [], [], 0))


def fixture(driver: Driver) -> Any:
    """As pytest-benchmark's: one round is all that it sees, and it takes the time of that."""

    class Fixture:
        fullname = CASE

        def __init__(self) -> None:
            self.stats = SimpleNamespace(stats=SimpleNamespace(data=[]))

        def pedantic(self, target: Callable[[], object]) -> object:
            result = target()
            self.stats.stats.data.append(1e6)
            return result

    arm = plugin(driver)
    arm._replace_rounds(Fixture)
    arm._present.begin(CASE)
    return Fixture()


def work() -> int:
    return 42


@pytest.mark.parametrize(("use", "once"), [
    (lambda benchmark: benchmark(work), False),
    (lambda benchmark: benchmark.pedantic(work), True),
    (lambda benchmark: benchmark.pedantic(work, rounds=1), True),
    (lambda benchmark: benchmark.pedantic(work, (), {}, None, None, 1, 0, 1), True),
    (lambda benchmark: benchmark.pedantic(work, (), {}, None, None, 5), False),
    (lambda benchmark: benchmark.pedantic(work, iterations=2), False),
    (lambda benchmark: benchmark.pedantic(work, warmup_rounds=1), False),
    (lambda benchmark: benchmark.pedantic(work, setup=lambda: None), False),
])  # fmt: skip
def test_a_case_is_called_once_where_its_plugin_would_call_it_once(use: Callable[[Any], object], once: bool) -> None:
    driver = Driver(FinishCase(measured=True))
    use(fixture(driver))
    (ready,) = driver.told
    assert isinstance(ready, Ready)
    assert ready.once is once
    assert not (once and ready.loopable)


def test_the_figures_of_a_case_are_of_its_calls_and_not_of_the_other_arms_turns() -> None:
    calls = [Call(loops, None, 0, watch_memory=watched) for loops, watched in ((1, True), (1, False), (2, False))]
    benchmark = fixture(Driver(*calls, calls[-1], FinishCase(measured=True)))
    assert benchmark(work) == 42
    data = benchmark.stats.stats.data
    assert len(data) == 2, "neither the call whose memory was watched, nor the first, which warms up"
    assert max(data) < 1e6


def test_an_id_is_the_same_wherever_the_worktree_and_its_build_lie(tmp_path: Path) -> None:
    for arm in ("base", "head"):
        (tmp_path / "real" / arm).mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    of_arms = [
        [
            plugin(Driver(), root, (f"/cache/{arm}",))._case(f"bench_toy.py::test_work[{place}/toy.py]")
            for place in (root, os.path.realpath(root), f"/cache/{arm}")
        ]
        for arm in ("base", "head")
        for root in [str(tmp_path / "link" / arm)]
    ]
    assert of_arms[0] == of_arms[1]
    assert of_arms[0][-1] == "bench_toy.py::test_work[{build}/toy.py]"


def test_an_id_is_the_same_where_the_folder_of_the_worktree_has_letters_that_pytest_escapes() -> None:
    of_arms = {plugin(Driver(), f"/home/é/{arm}")._case(rf"bench.py::test[/home/\xe9/{arm}/é]") for arm in ("a", "b")}
    assert of_arms == {"bench.py::test[{worktree}/é]"}
