"""The rooms of the package: which may import which, and that none knows a project that is measured."""

import ast
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
    allowed = {"pytest", "psutil"}
    for name in ("__init__", "errors", "measure/__init__", "measure/arm", "measure/target", "measure/channel",
                 "measure/messages", "measure/control", "measure/process_tree"):  # fmt: skip
        for imported in _imported(HERE / f"{name}.py"):
            root = imported.split(".")[0]
            assert (
                not root
                or root in allowed
                or root in __import__("sys").stdlib_module_names
                or (root == "pytest_benchmark")
            ), f"{name} imports {imported}"
