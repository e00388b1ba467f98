"""The graph's layout: nothing overlaps, edges lead to the right, and the same tables are drawn the same."""

from __future__ import annotations

import random
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.cli.ui import layout
from sluice.cli.ui.layout import GAP, Item, Layout, laid_out
from tests.laws import cases

Inputs = dict[str, tuple[str, ...]]


@st.composite
def projects(draw: st.DrawFn) -> Inputs:
    """Tables of three layers and one of no layer; each is made from tables that are named before it."""
    names = [f"{layer}.t{n}" for layer in ("bronze", "silver", "gold", "other") for n in range(draw(st.integers(0, 7)))]
    if draw(st.booleans()):
        names = draw(st.permutations(names))
    made: Inputs = {}
    for name in names:
        before = [] if name.startswith("bronze") else sorted(made)
        made[name] = tuple(draw(st.lists(st.sampled_from(before), max_size=4))) if before else ()
    return made


def tables(drawn: Layout) -> dict[str, Item]:
    placed = [item for column in drawn.columns for item in column if not item.is_way]
    assert len({item.of for item in placed}) == len(placed)
    return {item.of: item for item in placed}


def check(inputs: Inputs) -> Layout:
    """Hold what always holds of a layout, and return it."""
    drawn = laid_out(inputs)
    placed = tables(drawn)
    assert set(placed) == set(inputs)
    for column in drawn.columns:
        assert all(above.y + above.height + GAP <= below.y + 0.2 for above, below in pairwise(column))
        assert {(item.x, item.width) for item in column} == {(column[0].x, column[0].width)}
    assert all(left[0].x + left[0].width < right[0].x for left, right in pairwise(drawn.columns))
    for item in placed.values():
        assert item.x > 0
        assert item.y > 0
        assert item.x + item.width < drawn.width
        assert item.y + item.height < drawn.height
    return drawn


@pytest.mark.slow
@settings(max_examples=cases(1000), deadline=None)
@given(projects())
def test_no_two_overlap_and_each_edge_leads_to_the_right_column_by_column(inputs: Inputs) -> None:
    drawn = check(inputs)
    placed = tables(drawn)
    wanted = {(each, name) for name, given in inputs.items() for each in given}
    assert set(drawn.edges) == wanted
    assert len(drawn.edges) == len(wanted)
    for path in drawn.paths():
        assert path[0] == placed[path[0].of]
        assert path[-1] == placed[path[-1].of]
        assert all(way.is_way and way.of == path[0].of for way in path[1:-1])
        at = [next(n for n, column in enumerate(drawn.columns) if item in column) for item in path]
        assert at == list(range(at[0], at[0] + len(path)))


@pytest.mark.slow
@settings(max_examples=cases(400), deadline=None)
@given(projects(), st.randoms(use_true_random=False))
def test_the_order_in_which_tables_are_told_changes_nothing(inputs: Inputs, chance: random.Random) -> None:
    shuffled = list(inputs.items())
    chance.shuffle(shuffled)
    again = {name: tuple(chance.sample(given, len(given))) for name, given in shuffled}
    assert laid_out(again) == laid_out(inputs)


@settings(max_examples=cases(400), deadline=None)
@given(st.data())
def test_even_a_cycle_is_drawn_and_ends(data: st.DataObject) -> None:
    names = [f"{layer}.t{n}" for layer in ("silver", "gold") for n in range(4)]
    inputs = {name: tuple(data.draw(st.lists(st.sampled_from([*names, "gold.gone"]), max_size=4))) for name in names}
    drawn = check(inputs)
    placed = tables(drawn)
    assert all(placed[begin].x < placed[end].x for begin, end in drawn.edges)


def test_layers_stand_from_left_to_right_whatever_reads_what() -> None:
    inputs: Inputs = {
        "bronze.a": (), "bronze.z": (), "silver.a": ("bronze.a",), "silver.b": ("silver.a",), "gold.alone": (),
        "gold.b": ("bronze.z",), "gold.c": ("gold.b", "silver.b"),
    }  # fmt: skip
    placed = tables(check(inputs))
    right = {layer: max(i.x for of, i in placed.items() if of.startswith(layer)) for layer in ("bronze", "silver")}
    assert all(item.x > right["bronze"] for of, item in placed.items() if of.startswith("silver"))
    assert all(item.x > right["silver"] for of, item in placed.items() if of.startswith("gold"))


def test_a_lower_layer_that_is_made_from_a_higher_one_stands_behind_it() -> None:
    placed = tables(check({"gold.a": ("bronze.a",), "bronze.a": (), "silver.late": ("gold.a",)}))
    assert placed["bronze.a"].x < placed["gold.a"].x < placed["silver.late"].x


def crossings(drawn: Layout) -> int:
    """Count the crossings pair by pair, in another way than the layout does."""
    steps = {(left, right) for path in drawn.paths() for left, right in pairwise(path)}
    return sum(
        a.x == c.x and (a.y - c.y) * (b.y - d.y) < 0 for (a, b), (c, d) in combinations(sorted(steps, key=str), 2)
    )


@pytest.mark.parametrize("seed", range(5))
def test_what_can_be_drawn_without_a_crossing_is(seed: int) -> None:
    chance = random.Random(seed)
    numbers = chance.sample(range(100), 12)
    inputs: Inputs = {}
    for silver, gold in zip(numbers, chance.sample(numbers, 12), strict=True):
        inputs |= {
            f"bronze.t{silver}": (),
            f"silver.t{gold}": (f"bronze.t{silver}",),
            f"gold.t{silver}": (f"silver.t{gold}",),
        }
    assert crossings(laid_out(inputs)) == 0


@settings(max_examples=cases(300), deadline=None)
@given(projects())
def test_of_all_orders_that_were_tried_the_one_with_fewest_crossings_is_drawn(inputs: Inputs) -> None:
    found = []
    for sweeps in range(9):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(layout, "_SWEEPS", sweeps)
            found.append(crossings(laid_out(inputs)))
    assert found == sorted(found, reverse=True)


@pytest.mark.parametrize("of", [(0,), (4,), (1, 3), (0, 1, 4)])
def test_a_table_that_has_its_column_to_itself_is_level_with_the_middle_of_its_inputs(of: tuple[int, ...]) -> None:
    inputs = {f"bronze.{n}": () for n in range(5)} | {"gold.a": tuple(f"bronze.{n}" for n in of)}
    placed = tables(laid_out(inputs))
    assert placed["gold.a"].middle == pytest.approx(sum(placed[f"bronze.{n}"].middle for n in of) / len(of), abs=0.2)


def test_no_table_is_a_layout_of_nothing() -> None:
    assert laid_out({}).columns == ()
