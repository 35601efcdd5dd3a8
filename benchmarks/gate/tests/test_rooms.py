"""The rooms of the package: which may import which, and that none knows a project that is measured."""

import ast
import sys
from pathlib import Path

import benchgate

HERE = Path(benchgate.__file__).parent


def _imported(file: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append("." * node.level + (node.module or ""))
    return names


def test_no_room_knows_a_project() -> None:
    for file in HERE.rglob("*.py"):
        assert not {name for name in _imported(file) if name.split(".")[0] in {"bgremove", "benchmarks"}}, file


def test_what_a_measured_process_loads_needs_pytest_alone() -> None:
    """Whatever else is loaded there comes before the project, which may be that very library."""
    allowed = {"pytest", "_pytest", "psutil", *sys.stdlib_module_names}
    loaded = (
        "arm", "channel", "children.sitecustomize", "control", "messages", "origin", "plan", "present", "process_tree",
        "spawned", "system", "target", "uncollected",
    )  # fmt: skip
    own = _imported(HERE / "measure/children/sitecustomize.py")
    assert {name.partition(".")[0] for name in own} <= sys.stdlib_module_names
    files = (HERE / "measure" / f"{name.replace('.', '/')}.py" for name in loaded)
    for file in (HERE / "__init__.py", HERE / "errors.py", *files):
        for name in _imported(file):
            assert name.startswith(".") or name.split(".")[0] in allowed, f"{file.name} imports {name}"
            assert name in {"..errors", "."} or not name.startswith(".") or name[1:] in loaded, f"{file.name}: {name}"
