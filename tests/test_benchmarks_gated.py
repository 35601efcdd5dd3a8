"""What this project asks its gate to compare."""

from pathlib import Path

import pytest

from benchgate.measure.collecting import collect
from benchgate.measure.places import Places
from benchgate.measure.site import Site
from benchgate.measure.suite import Suite

pytestmark = pytest.mark.whole_run


def test_the_gate_of_this_project_has_cases_enough_and_forgives_processes_only(tmp_path: Path) -> None:
    root = Path(__file__).parents[1]
    site = Site("head", root, Suite(("benchmarks",), ("-m", "gate")), 60.0, tmp_path, Places(root))
    (collected,) = collect(site)
    assert collected.errors == {}
    assert len(collected.cases) >= 12
    in_processes = {case for case in collected.cases if "[pool" in case or "[processes" in case}
    assert in_processes
    assert collected.tolerances == dict.fromkeys(in_processes, 0.1)
