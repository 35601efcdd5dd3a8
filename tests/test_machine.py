import json
import os

import psutil
import pytest

from bgremove import machine
from bgremove.errors import UsageError


@pytest.fixture
def cpus(monkeypatch):
    """Lets this process use eight CPUs."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.fixture
def root(tmp_path):
    """Stands for ``/``; called with the text of files, it writes them."""

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        return tmp_path

    return write


V2 = {"proc/self/cgroup": "0::/outer/inner"}
V1 = {"proc/self/cgroup": "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8),
        ({**V2, "sys/fs/cgroup/outer/inner/cpu.max": "max 100000"}, 8),
        ({**V2, "sys/fs/cgroup/outer/inner/cpu.max": "200000 100000"}, 2),
        ({**V2, "sys/fs/cgroup/outer/inner/cpu.max": "150000 100000"}, 2),
        ({**V2, "sys/fs/cgroup/outer/inner/cpu.max": "10000 100000"}, 1),
        ({**V2, "sys/fs/cgroup/outer/inner/cpu.max": "1600000 100000"}, 8),
        # the limit of an outer group holds, too
        (
            {
                **V2,
                "sys/fs/cgroup/outer/inner/cpu.max": "max 100000",
                "sys/fs/cgroup/outer/cpu.max": "300000 100000",
            },
            3,
        ),
        # inside a container the path is the host's, and only the mount itself is there
        ({**V2, "sys/fs/cgroup/cpu.max": "400000 100000"}, 4),
        ({**V2, "sys/fs/cgroup/outer/inner/cpu.max": "nonsense"}, 8),
        (
            {
                **V1,
                "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "250000",
                "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000",
            },
            3,
        ),
        (
            {
                **V1,
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            8,
        ),
        (
            {
                **V1,
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            2,
        ),
    ],
)
@pytest.mark.usefixtures("cpus")
def test_usable_cpus_follow_affinity_and_quota(root, files, expected):
    assert machine.usable_cpus(root(files)) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 10_000),
        ({**V2, "sys/fs/cgroup/outer/inner/memory.max": "max"}, 10_000),
        (
            {
                **V2,
                "sys/fs/cgroup/outer/inner/memory.max": "5000",
                "sys/fs/cgroup/outer/inner/memory.current": "3000",
                "sys/fs/cgroup/outer/inner/memory.stat": "anon 2000\ninactive_file 700\nactive_file 300",
            },
            2700,
        ),
        (
            {
                **V2,
                "sys/fs/cgroup/outer/inner/memory.max": "5000",
                "sys/fs/cgroup/outer/inner/memory.current": "6000",
            },
            0,
        ),
        (
            {
                **V1,
                "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "5000",
                "sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes": "3000",
                "sys/fs/cgroup/memory/docker/abc/memory.stat": "cache 5\ntotal_inactive_file 100",
            },
            2100,
        ),
        # version 1 writes a number near 2**63 for "no limit"
        (
            {
                **V1,
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": "3000",
            },
            10_000,
        ),
    ],
)
def test_available_memory_follows_system_and_limit(root, files, expected, monkeypatch):
    free = psutil.virtual_memory()._replace(available=10_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    assert machine.available_bytes(root(files)) == expected


def test_this_machine_offers_something():
    assert 1 <= machine.usable_cpus() <= os.cpu_count()
    assert machine.available_bytes() > 0


def test_workers_are_limited_by_cpus_and_by_memory_and_are_one_at_least():
    assert machine.workers_for(100, cpus=4, available=1000) == 4
    assert machine.workers_for(300, cpus=4, available=1000) == 3
    assert machine.workers_for(3000, cpus=4, available=1000) == 1
    with pytest.raises(UsageError):
        machine.workers_for(0)


def test_the_description_is_plain_and_names_what_is_installed():
    described = json.loads(json.dumps(machine.describe()))
    assert described["usable_cpus"] >= 1
    assert described["cpu_model"]
    assert "numpy" in described["libraries"]
    assert described["default_start_method"] == described["start_methods"][0] != "fork"
    assert json.loads(json.dumps(machine.describe_opencv()))["threads"] >= 1
