"""Which test functions are long proofs, and which are laws: told from the source, nothing is imported."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator

from tests.folders import ROOT

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@functools.cache
def proofs() -> set[str]:
    """All test functions that are marked as proofs: whole, by their module, or some of their parameters."""
    return _all(proofs_in)


@functools.cache
def laws() -> set[str]:
    """All test functions that Hypothesis finds the cases for."""
    return _all(laws_in)


def proofs_in(source: str) -> set[str]:
    """Return the test functions of a module with `pytest.mark.proof` in a decorator, a fixture, or what these name.

    `tests.laws.some` puts the mark on parameters.
    """
    if "proof" not in source and "some(" not in source:
        return set()
    tree = ast.parse(source)
    given = _given(tree)
    if _has_proof(given.get("pytestmark", []), given):
        return {each.name for each in _tests(tree)}
    return {each.name for each in _tests(tree) if _has_proof([*each.decorator_list, *_fixtures(each)], given)}


def laws_in(source: str) -> set[str]:
    """Return the test functions of a module with Hypothesis' `given`, by whatever name, among their decorators."""
    if "hypothesis" not in source:
        return set()
    tree = ast.parse(source)
    calls = set(_names_of_given(tree))
    return {
        each.name
        for each in _tests(tree)
        if any(isinstance(mark, ast.Call) and ast.unparse(mark.func) in calls for mark in each.decorator_list)
    }


def _names_of_given(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "hypothesis":
            yield from (each.asname or each.name for each in node.names if each.name == "given")
        if isinstance(node, ast.Import):
            yield from (f"{each.asname or each.name}.given" for each in node.names if each.name == "hypothesis")


def _all(of: Callable[[str], set[str]]) -> set[str]:
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return {f"{file.relative_to(ROOT)}::{name}" for file in files for name in of(file.read_text())}


def _tests(tree: ast.AST) -> Iterator[_Function]:
    for node in ast.walk(tree):
        if isinstance(node, _Function) and node.name.startswith("test_"):
            yield node


def _fixtures(test: _Function) -> list[ast.expr]:
    """Return the names of the fixtures that a test asks for."""
    return [ast.Name(each.arg) for each in test.args.args]


def _given(tree: ast.Module) -> dict[str, list[ast.AST]]:
    """Return what each name of a module is given: the values of its assignments, or its function."""
    found: dict[str, list[ast.AST]] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for name in (part.id for each in targets for part in ast.walk(each) if isinstance(part, ast.Name)):
                found.setdefault(name, []).extend([node.value] if node.value else [])
        elif isinstance(node, _Function) and not node.name.startswith("test_"):
            found.setdefault(node.name, []).append(node)
    return found


def _has_proof(nodes: list[ast.AST] | list[ast.expr], given: dict[str, list[ast.AST]]) -> bool:
    """Whether the mark is in these nodes, or in what the names in them are given, however far away in the module."""
    left, seen = list[ast.AST](nodes), set[str]()
    while left:
        for part in ast.walk(left.pop()):
            if isinstance(part, ast.Attribute) and ast.unparse(part) == "pytest.mark.proof":
                return True
            if isinstance(part, ast.Call) and ast.unparse(part.func) == "some":
                return True
            if isinstance(part, ast.Name) and part.id not in seen:
                seen.add(part.id)
                left += given.get(part.id, [])
    return False
