"""Which machine a run was made on: what two runs must share before one may be compared with the other.

Nothing in it changes from one run to the next on a machine that is left alone: no clock frequency, no free memory,
no host name. A machine under another name is the same machine; the same name with another processor is not.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

Identity = Mapping[str, str]

_GIB = 2**30


def identity(project: Path) -> dict[str, str]:
    """What this machine is for the project in a folder, as flat text that JSON holds unchanged.

    Memory is rounded to whole GiB: what firmware and kernel keep for themselves differs a little between boots. Of
    libraries, those count that the project's pyproject.toml names as its dependencies.
    """
    import psutil  # noqa: PLC0415 - a run of pytest that measures nothing does not pay for it

    return {
        "processor": _cpu_model(Path("/proc/cpuinfo")),
        "architecture": f"{platform.system()} {platform.machine()}",
        "usable cores": _usable_cores(Path("/sys/fs/cgroup/cpu.max")),
        "memory": f"{round(psutil.virtual_memory().total / _GIB)} GiB",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        **{f"version of {name}": number for name, number in _versions(_dependencies(project / "pyproject.toml"))},
    }


def digest(of: Identity) -> str:
    """Eight characters for `of`, the same in every process and on every system.

    >>> digest({"memory": "8 GiB", "usable cores": "2"}) == digest({"usable cores": "2", "memory": "8 GiB"})
    True
    """
    return hashlib.blake2b(json.dumps(dict(of), sort_keys=True).encode(), digest_size=4).hexdigest()


def of_run(run: Mapping[str, Any]) -> Identity:
    """The identity that a stored run carries; empty if it was stored without this plugin."""
    found: Identity = run.get("machine_info", {}).get("identity", {})
    return found


def differences(stored: Identity, here: Identity) -> list[str]:
    """What differs, in words; empty if the two are the same machine.

    >>> differences({"usable cores": "2"}, {"usable cores": "4"})
    ['usable cores: 2 there, 4 here']
    """
    if not stored:
        return ["it does not say which machine it was made on"]
    return [
        f"{key}: {stored.get(key, 'none')} there, {here.get(key, 'none')} here"
        for key in sorted(stored.keys() | here.keys())
        if stored.get(key) != here.get(key)
    ]


def _cpu_model(cpuinfo: Path) -> str:
    lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _usable_cores(quota_file: Path) -> str:
    """The processors this process may use, and the quota of its container if that is less."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = (
        quota_file.read_text(encoding="ascii").partition(" ") if quota_file.exists() else ("max", "", "1")
    )
    allowed = float("inf") if quota == "max" else int(quota) / int(period)
    return f"{min(float(count), allowed):g}"


def _dependencies(pyproject: Path) -> Iterable[str]:
    if not pyproject.exists():
        return
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - as above

    try:
        project = tomllib.loads(pyproject.read_text(encoding="utf-8")).get("project", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return  # pytest has said so, if it reads it
    for requirement in project.get("dependencies", []):
        try:
            yield Requirement(requirement).name
        except InvalidRequirement:
            continue


def _versions(names: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name in names:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue
