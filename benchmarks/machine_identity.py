"""Which machine a run was made on: what two runs must share before one may be compared with the other.

Nothing in it changes from one run to the next on a machine that is left alone: no clock frequency, no free memory,
no host name. A machine under another name is the same machine; the same name with another processor is not.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from typing import Any

from bgremove import machine

Identity = Mapping[str, str]

_GIB = 2**30


def identity() -> dict[str, str]:
    """What this machine is, as flat text that JSON holds unchanged.

    Memory is rounded to whole GiB: what firmware and kernel keep for themselves differs a little between boots.
    """
    here = machine.describe()
    libraries = {f"version of {name}": version for name, version in here["libraries"].items()}
    return {
        "processor": str(here["cpu_model"]),
        "architecture": f"{platform.system()} {platform.machine()}",
        "usable cores": str(here["usable_cpus"]),
        "memory": f"{round(here['memory_bytes'] / _GIB)} GiB",
        "python": str(here["python"]),
        **libraries,
    }


def digest(of: Identity) -> str:
    """Eight characters for `of`, the same in every process and on every system.

    >>> digest({"memory": "8 GiB", "usable cores": "2"}) == digest({"usable cores": "2", "memory": "8 GiB"})
    True
    """
    return hashlib.blake2b(json.dumps(dict(of), sort_keys=True).encode(), digest_size=4).hexdigest()


def of_run(run: Mapping[str, Any]) -> Identity:
    """The identity that a stored run carries; empty if it was stored without this project's conftest."""
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
