"""The event loop holds its tasks weakly: one that nobody keeps can vanish in the middle of its work."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import monitor

ROOT = Path(monitor.__file__).parents[1]
"""Where the packages are that are tested: the checkout, or what a wheel has installed."""

PACKAGES = ("probes", "alerting", "config", "monitor")
MAKERS = ("create_task", "ensure_future")
"""Calls that begin a task and hand it to whoever has to keep it."""
GROUPS = ("tasks", "group", "tg")
"""Names of task groups: these keep what they begin."""


def dropped(tree: ast.Module) -> Iterator[int]:
    """Yield the lines of calls that begin a task which nobody keeps: the call is a statement of its own, is assigned to
    a name that is never read again, or to `_`."""
    for scope in ast.walk(tree):
        if not isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module | ast.Lambda):
            continue
        for node in own_nodes(scope):
            if (isinstance(node, ast.Expr) and makes_task(node.value)) or (
                isinstance(node, ast.Lambda) and makes_task(node.body)
            ):
                yield node.lineno
            elif (
                isinstance(node, ast.Assign | ast.AnnAssign)
                and node.value is not None
                and makes_task(node.value)
            ):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [target.id for target in targets if isinstance(target, ast.Name)]
                if len(names) == len(targets) and not any(is_read(scope, name, node) for name in names):
                    yield node.lineno


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Iterate over the nodes of a scope without those of the functions in it."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += ast.iter_child_nodes(node)


def makes_task(node: ast.expr) -> bool:
    """True for a call such as loop.create_task(…), but not of a task group, nor one that is awaited."""
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name not in MAKERS:
        # asyncio.create_task(…).add_done_callback(…) keeps nothing either
        return isinstance(node.func, ast.Attribute) and makes_task(node.func.value)
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    return not (isinstance(owner, ast.Name) and owner.id in GROUPS)


def is_read(scope: ast.AST, name: str, but: ast.AST) -> bool:
    """True where a name is read anywhere in a scope: it is awaited, stored, or given to somebody."""
    return any(
        isinstance(node, ast.Name)
        and node.id == name
        and isinstance(node.ctx, ast.Load)
        and not is_method_owner(node, scope)
        for node in ast.walk(scope)
        if node is not but
    )


def is_method_owner(name: ast.Name, scope: ast.AST) -> bool:
    """True where a name is only asked for an attribute: `task.add_done_callback(…)` keeps no task."""
    return any(isinstance(node, ast.Attribute) and node.value is name for node in ast.walk(scope))


def modules() -> list[Path]:
    """Return every module of the four packages."""
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def test_every_task_of_the_daemon_is_kept_by_somebody():
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in modules()
        for line in dropped(ast.parse(path.read_text(encoding="utf-8")))
    ]

    assert len(modules()) > 100
    assert found == []


def test_the_daemon_begins_tasks_at_all():
    """Else the rule above would hold of nothing."""
    calls = [
        node
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and makes_task(node)
    ]

    assert len(calls) >= 5


@pytest.mark.parametrize(
    "body",
    [
        "loop.create_task(work())",
        "asyncio.ensure_future(work())",
        "asyncio.create_task(work()).add_done_callback(print)",
        "_ = asyncio.create_task(work())",
        "task = asyncio.create_task(work())",
        "task = loop.create_task(work())\n    task.add_done_callback(print)",
        "later(lambda: loop.create_task(work()))",
    ],
)
def test_a_task_that_nobody_keeps_is_found(body):
    assert len(list(dropped(ast.parse(f"async def run(loop):\n    {body}\n")))) == 1


@pytest.mark.parametrize(
    "body",
    [
        "self.task = loop.create_task(work())",
        "task = loop.create_task(work())\n    self.tasks.add(task)",
        "task = loop.create_task(work())\n    self.tasks[task] = row\n    task.add_done_callback(self.done)",
        "task = loop.create_task(work())\n    await task",
        "running = [loop.create_task(work())]\n    await asyncio.wait(running)",
        "tasks.create_task(work())",
        "return asyncio.create_task(work())",
    ],
)
def test_a_task_that_is_kept_is_left_alone(body):
    assert list(dropped(ast.parse(f"async def run(self, loop, tasks):\n    {body}\n"))) == []
