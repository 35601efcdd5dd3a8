"""What makes a machine another one, as far as stored runs go."""

import os
import subprocess
import sys

import numpy as np
import psutil
import pytest

from benchgate import notes
from benchgate.guard import machine


def test_the_identity_of_a_machine_does_not_change_with_its_load(monkeypatch, tmp_path):
    before = machine.identity(tmp_path)
    memory = psutil.virtual_memory()
    busy = memory._replace(available=1, total=memory.total + 50 * 2**20)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: busy)
    assert machine.identity(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [("_cpu_model", lambda _: "another"), ("_usable_cores", lambda _: "99"), ("_versions", lambda _: [("numpy", "0")])],
)
def test_the_identity_of_a_machine_is_what_decides_its_speed(monkeypatch, tmp_path, name, value):
    before = machine.identity(tmp_path)
    monkeypatch.setattr(machine, name, value)
    after = machine.identity(tmp_path)
    assert machine.digest(after) != machine.digest(before)
    assert machine.differences(before, after)


def test_libraries_count_that_the_project_depends_on(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["numpy>=1", "not-installed-here"]\n')
    assert [key for key in machine.identity(tmp_path) if key.startswith("version")] == ["version of numpy"]
    assert f", numpy {np.__version__}, benchgate " in notes.machine(tmp_path), "and stand in a report"


@pytest.mark.parametrize(("quota", "cores"), [("max 100000", None), ("50000 100000", "0.5"), ("900000000 1000", None)])
def test_a_container_with_a_quota_is_another_machine(tmp_path, quota, cores):
    file = tmp_path / "cpu.max"
    file.write_text(quota)
    assert machine._usable_cores(file) == (cores or machine._usable_cores(tmp_path / "absent"))


def test_the_plugin_loads_nothing_that_a_run_without_benchmarks_does_not_need():
    script = "import sys, benchgate.guard.plugin; print({'numpy', 'packaging.requirements', 'psutil'} & {*sys.modules})"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"
