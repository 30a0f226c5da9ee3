"""The house keeps its shape: floors, sizes, types, no cycles."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SERVER = ROOT / "src" / "wardlight"
SOURCES = sorted([*SERVER.rglob("*.py"), *(ROOT / "sdk/src").rglob("*.py"), *(ROOT / "demo/src").rglob("*.py")])

FLOORS = (
    ("problems", "clock", "looking"),
    ("records", "config", "tls"),
    ("strength",),
    ("store", "alertmanager"),
    ("ledger", "notify", "access"),
    ("audit",),
    ("protect",),
    ("receive",),
    ("query",),
    ("incidents", "rules", "heartbeats", "changes", "watch", "rounds", "diagnose", "errors", "dashboards"),
    ("escalation",),
    ("api", "console"),
    ("server",),
    ("stack",),
    ("cli",),
    ("__main__",),
)
"""Rooms from the ground up. A room knows the rooms below it; those on its own floor it doesn't."""

LATE_IMPORTS = (
    "chdb", "pyarrow", "uvicorn", "ptars", "wardlight", "httpx", "psutil", "grpc", "websockets", "willow_clinic",
    "apprise",
)  # fmt: skip
"""What may be imported inside a function: what is heavy at start or optional."""


def floor_of(room: str) -> int:
    return next(at for at, rooms in enumerate(FLOORS) if room in rooms)


def room_of(path: Path) -> str:
    return path.relative_to(SERVER).parts[0].removesuffix(".py")


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def p95(sizes: dict[str, int]) -> tuple[int, list[tuple[str, int]]]:
    ordered = sorted(sizes.items(), key=lambda item: item[1])
    return ordered[int(len(ordered) * 0.95)][1], ordered[-8:]


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(path) for path in SERVER.rglob("*.py")} - {"__init__"}
    assert rooms <= {room for floor in FLOORS for room in floor}


@pytest.mark.parametrize("path", sorted(SERVER.rglob("*.py")), ids=lambda path: str(path.relative_to(SERVER)))
def test_imports_run_downwards_only(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        return
    for name in imported(ast.parse(path.read_text())):
        parts = name.split(".")
        if parts[0] == "wardlight" and len(parts) > 1 and parts[1] not in (room, "__version__"):
            assert floor_of(parts[1]) < floor_of(room), f"{room} must not know {parts[1]}"


def test_the_sdk_and_the_demo_know_nothing_of_the_server() -> None:
    for path in [*(ROOT / "sdk/src").rglob("*.py"), *(ROOT / "demo/src").rglob("*.py")]:
        assert not [name for name in imported(ast.parse(path.read_text())) if name.split(".")[0] == "wardlight"], path


def test_there_are_no_import_cycles() -> None:
    graph: dict[str, set[str]] = {}
    names = {module_name(path): path for path in SOURCES}
    for name, path in names.items():
        full = set(imported(ast.parse(path.read_text())))
        graph[name] = {target for target in full | {one.rpartition(".")[0] for one in full} if target in names}
        graph[name] -= {name} | {package for package in names if name.startswith(package + ".")}
    seen: dict[str, int] = {}

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " → ".join((*way[way.index(name) :], name))
        if name not in seen:
            for target in graph[name]:
                visit(target, (*way, name))
            seen[name] = 1

    for name in graph:
        visit(name, ())


def module_name(path: Path) -> str:
    source = next(parent for parent in path.parents if parent.name == "src")
    return ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__")


def test_functions_are_short() -> None:
    size, longest = p95({name: (node.end_lineno or 0) - node.lineno + 1 for name, node in functions()})
    assert size <= 40, longest


def test_files_are_short() -> None:
    size, longest = p95({str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES})
    assert size <= 600, longest


def test_everything_is_typed() -> None:
    untyped = []
    for name, node in functions():
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        if node.returns is None or any(a.annotation is None and a.arg not in ("self", "cls") for a in arguments):
            untyped.append(name)
    assert untyped == []


def test_imports_inside_functions_are_for_what_is_heavy_or_optional() -> None:
    for name, node in functions():
        for inner in ast.walk(node):
            if isinstance(inner, ast.ImportFrom | ast.Import):
                modules = [inner.module or ""] if isinstance(inner, ast.ImportFrom) else [n.name for n in inner.names]
                assert all(module.split(".")[0] in LATE_IMPORTS for module in modules), f"{name}: {modules}"


def test_no_lock_file_carries_an_address() -> None:
    for path in [*(ROOT / "requirements").glob("*.txt"), *ROOT.glob("**/package-lock.json")]:
        if ".venv" not in path.parts and "node_modules" not in path.parts:
            assert "://" not in path.read_text(), path
