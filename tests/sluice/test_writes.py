"""What each way to write a table needs is asked of the way itself, never of its name."""

from __future__ import annotations

import ast
from typing import get_args

import pytest

from sluice.errors import TransformError
from sluice.transforms import WRITES, source, transform
from sluice.transforms.declaration_checks import check_declaration
from sluice.transforms.discover import DiscoveredTransform
from sluice.writes import WRITE_MODES, WriteMode, WriteName
from tests.folders import ROOT
from tests.sluice.refresh.small_shop import CONTRACTS, project

CODE = [path for folder in ("sluice", "infra", "lambdas") for path in sorted((ROOT / folder).rglob("*.py"))]
BY_TABLE = {contract.table: contract for contract in CONTRACTS}


def declared(table: str, write: str, recompute_key: tuple[str, ...]) -> DiscoveredTransform:
    """A table of one input, as discovered."""

    @transform(write=write, recompute_key=recompute_key, orders=source("bronze.orders"))  # type: ignore[arg-type]
    def made(orders: object) -> object:
        return orders

    return DiscoveredTransform(**vars(made), table=table, source_hash="", file="made.py", line=1)


def names_compared(tree: ast.AST) -> list[str]:
    """The texts that ``….write`` is compared with."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Attribute) and side.attr == "write" for side in sides):
                found += [text.value for side in sides for text in ast.walk(side) if isinstance(text, ast.Constant)]
    return found


@pytest.mark.slow
def test_no_code_asks_for_a_way_to_write_by_its_name() -> None:
    assert names_compared(ast.parse("if item.write in ('merge', 'scd2') or 'x' == a.b.write: pass")) == [
        "merge", "scd2", "x",
    ]  # fmt: skip
    assert {str(path): found for path in CODE if (found := names_compared(ast.parse(path.read_text())))} == {}


def test_the_names_that_a_type_checker_offers_are_those_of_the_modes() -> None:
    assert get_args(WriteName) == tuple(WRITE_MODES) == WRITES


@pytest.mark.slow
def test_the_table_of_each_mode_is_made_by_both_engines() -> None:
    assert {made.write for made in project().transforms} == set(WRITE_MODES)


def test_every_mode_is_one_that_a_run_can_follow() -> None:
    for name, mode in WRITE_MODES.items():
        assert sum((mode.recompute_key, mode.whole, mode.only_added)) == 1, name
        assert mode.recompute_key or not (mode.key_is_partitions or mode.history), name
    assert len(set(map(repr, WRITE_MODES.values()))) == len(WRITE_MODES)


@pytest.mark.parametrize(("name", "mode"), WRITE_MODES.items())
def test_a_recompute_key_is_needed_where_affected_keys_are_recomputed_and_refused_elsewhere(
    name: str, mode: WriteMode
) -> None:
    own = next(made for made in project().transforms if made.write == name)
    with pytest.raises(
        TransformError, match="needs `recompute_key`" if mode.recompute_key else "takes no `recompute_key`"
    ):
        check_declaration(declared(own.table, name, () if mode.recompute_key else ("day",)), BY_TABLE)
    check_declaration(declared(own.table, name, own.recompute_key), BY_TABLE)


def test_a_way_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(TransformError, match=rf"write is 'upsert', not one of {', '.join(WRITE_MODES)}\b"):
        check_declaration(declared("gold.totals", "upsert", ("day",)), BY_TABLE)
