"""Finds windows and limits whose order leaves ties: rows among which each engine, and each run, picks another one.

An order leaves none when the columns of the window, its partition's and its order's, hold a key of the rows; or when
they hold everything that is read of the rows, so that rows that tie are alike (0.0 and -0.0 are taken for alike). Keys
come from contracts and groupings, and go through joins and projections. What cannot be shown is a finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, product
from typing import Any, NamedTuple

from sqlglot import exp
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.schema import MappingSchema

from sluice.transforms.functions.recorded import ALIASES, SparkCalls
from sluice.transforms.functions.spark_types import UNKNOWN, duckdb_type

#: Functions of a window that look at single rows by their place; those that rank give rows that tie the same number.
_BY_PLACE = {"row_number", "lag", "lead", "ntile", "first", "last", "nth_value"}
_GENERATORS = {"explode", "explode_outer"}
_HALF = ("SEMI", "ANTI")
_WHOLE = ("tinyint", "smallint", "int", "bigint")
_LEAVES = "its order leaves ties, among which each engine picks another row; order also by"
#: More keys than this of one relation are not followed.
_MOST = 16

#: A column by the alias of its relation, and by its name; the alias is empty where it does not matter.
_Column = tuple[str, str]
_Keys = list[frozenset[str]]


class Tie(NamedTuple):
    """A window or limit whose order leaves ties: the function, its text, and which columns are missing."""

    name: str
    text: str
    why: str


class _Known(NamedTuple):
    """What is known of a relation: its keys, and by column that numbers rows the columns within which it does so."""

    keys: _Keys
    numbered: Mapping[str, frozenset[str]]


_NOTHING = _Known([], {})


def ties(
    tree: exp.Expr,
    tables: Mapping[str, Mapping[str, str]],
    keys: Mapping[str, Iterable[Iterable[str]]],
    types: Mapping[str, str],
) -> list[Tie]:
    """Return every window and limit of a recorded query whose order may leave ties.

    ``tables`` are Spark's types by column and table, ``keys`` the sets of columns that no two rows of a table share,
    ``types`` what ``lowered`` says of the query's columns and operands.
    """
    if not any(_by_place(window) for window in tree.find_all(exp.Window)) and not tree.find(exp.Limit):
        return []
    schema = MappingSchema(dialect="spark")
    for table, columns in tables.items():
        schema.add_table(table, {name: duckdb_type(kind) for name, kind in columns.items()}, dialect="duckdb")
    tree = qualify(
        tree.copy(), schema=schema, dialect=SparkCalls(), validate_qualify_columns=False, expand_alias_refs=False,
        identify=True,
    )  # fmt: skip
    # What a query selects and nothing reads must not count.
    tree = pushdown_projections(tree)
    known: dict[int, _Known] = {}
    found: list[Tie] = []
    for scope in traverse_scope(tree):
        rows = _Rows(scope, {name: list(map(frozenset, each)) for name, each in keys.items()}, known, types)
        found += rows.ties()
        known[id(scope.expression)] = rows.made()
    return list(dict.fromkeys(found))


class _Rows:
    """The rows that one SELECT reads and makes."""

    def __init__(
        self, scope: Scope, tables: Mapping[str, _Keys], known: Mapping[int, _Known], types: Mapping[str, str]
    ) -> None:
        self.select, self.tables, self.known, self.types = scope.expression, tables, known, types
        self.sources: dict[str, _Known] = {alias: self._of(source) for alias, source in scope.sources.items()}

    def _of(self, source: Any) -> _Known:
        if isinstance(source, exp.Table):
            return _Known(self.tables.get(f"{source.db}.{source.name}", []), {})
        return self.known.get(id(source.expression), _NOTHING)

    def ties(self) -> Iterator[Tie]:
        """Yield the windows and the limit of this SELECT whose order may leave ties."""
        select = self.select
        if not isinstance(select, exp.Select):
            return
        many = _generates(select)
        keys = [] if many else self._read()
        own = [each for each in select.find_all(exp.Window) if each.find_ancestor(exp.Select) is select]
        placed = [each for each in own if _by_place(each)]
        # Two windows of one row each number rows that tie as they like, so that their pairs differ.
        alone = len({(each.args["order"].sql(), str(each.args.get("partition_by"))) for each in placed}) == 1
        for window in placed:
            yield from self._tie(_name(window), window, _held(window), keys, alone=alone)
        if select.args.get("limit"):
            ordered = _columns(select.args["order"].expressions if select.args.get("order") else [])
            if {each.alias_or_name for each in select.expressions} <= {name for table, name in ordered if not table}:
                return  # by all that comes out
            if _groups(select):
                yield from self._grouped_tie(select.args["limit"], {name for _, name in ordered}, many=many)
            else:
                alone = not placed and not many
                yield from self._tie("limit", select.args["limit"], self._of_outputs(ordered), keys, alone=alone)

    def _grouped_tie(self, limit: exp.Expr, held: set[str], *, many: bool) -> Iterator[Tie]:
        names = {each.alias_or_name for each in self.select.expressions}
        if missing := sorted(names - held) if many or not any(key <= held for key in self._grouped()) else []:
            yield Tie("limit", limit.sql(dialect="spark"), f"{_LEAVES} {', '.join(missing)}")

    def _tie(
        self, name: str, node: exp.Expr, held: set[_Column], keys: list[frozenset[_Column]], *, alone: bool = True
    ) -> Iterator[Tie]:
        held = self._equal(held)
        if any(key <= held for key in keys):
            return
        missing = sorted({column for _, column in self._looked_at(held) - held})
        if missing or not alone:
            short = min(([column for _, column in sorted(key - held)] for key in keys), key=len, default=[])
            way = f"; or by {', '.join(short)}, with which it holds a key" if short else ""
            more = ", ".join(missing) or "a key, since what this select makes beside it orders otherwise"
            yield Tie(name, node.sql(dialect="spark").replace("`", ""), f"{_LEAVES} {more}{way}")

    def _equal(self, held: set[_Column]) -> set[_Column]:
        """Return the columns, and those that inner joins hold equal to one of them."""
        found = set(held)
        for join in self.select.args.get("joins") or []:
            if not join.side and join.kind.upper() in ("", "INNER"):
                for one, other in _equalities(join.args.get("on")):
                    if {(c.table, c.name) for c in other.find_all(exp.Column)} <= found and self._fixes(one, other):
                        found |= _plain([one])
        return found

    def _fixes(self, one: exp.Expr, other: exp.Expr) -> bool:
        """Return whether no two values of the column ``one`` are equal to one value of ``other``."""
        return isinstance(one, exp.Column) and _one_each(
            *(self.types.get(each.sql(), UNKNOWN) for each in (one, other))
        )

    def _of_outputs(self, columns: set[_Column]) -> set[_Column]:
        """Return columns of an order, of which some name what is selected, as columns that are read."""
        made = {each.alias_or_name: each.unalias() for each in self.select.expressions}
        found = set(columns)
        for table, name in columns:
            if not table and isinstance(inner := made.get(name), exp.Column):
                found.add((inner.table, inner.name))
        return found

    def _looked_at(self, held: set[_Column]) -> set[_Column]:
        """Return the columns that the SELECT reads; of an aggregate over a whole partition those of the partition."""
        found: set[_Column] = set()
        waiting: list[exp.Expr] = [each.unalias() for each in self.select.expressions]
        while waiting:
            node = waiting.pop()
            if isinstance(node, exp.Column):
                if node.table or "#" not in node.name:  # the parameter of a function of elements
                    found.add((node.table, node.name))
            elif isinstance(node, exp.Window) and not node.args.get("order") and _within(node) <= held:
                continue  # one value for all rows that tie
            elif isinstance(node, exp.Window) and _by_place(node):
                waiting.append(node.this)  # rows that tie have the same places to go round, by whatever order
            else:
                waiting += node.iter_expressions()
        return found

    def _read(self) -> list[frozenset[_Column]]:
        """Return the keys of the rows that are read: of what stands in FROM, and of its joins."""
        select = self.select
        base = select.args.get("from_")
        if base is None:
            return [frozenset()]
        keys = self._keys_of(base.this.alias_or_name)
        for join in select.args.get("joins") or []:
            keys = self._joined(keys, join)
        return keys[:_MOST]

    def _keys_of(self, alias: str) -> list[frozenset[_Column]]:
        known = self.sources.get(alias, _NOTHING)
        keys = [*known.keys, *self._first_of_each(alias, known)]
        return [frozenset((alias, name) for name in key) for key in keys]

    def _first_of_each(self, alias: str, known: _Known) -> Iterator[frozenset[str]]:
        """Yield the columns within which a column numbers rows, where only the first ones are read."""
        where = self.select.args.get("where")
        for part in _parts_of(where.this if where else None):
            sides = (part.this.unnest(), part.expression.unnest()) if isinstance(part, exp.EQ) else ()
            columns = [each for each in sides if isinstance(each, exp.Column) and each.table == alias]
            if columns and any(isinstance(each, exp.Literal) and not each.is_string for each in sides):
                yield from (known.numbered[each.name] for each in columns if each.name in known.numbered)

    def _joined(self, keys: list[frozenset[_Column]], join: exp.Join) -> list[frozenset[_Column]]:
        side, kind = join.side.upper(), join.kind.upper()
        if kind in _HALF or side in _HALF:
            return keys
        alias = join.this.alias_or_name
        theirs = self._keys_of(alias)
        if side == "FULL":
            return []  # of rows without a match, keys that hold a null may come from either side
        found = [one | other for one, other in product(keys, theirs)]
        matched, ours = (set(self._fixed(join.args.get("on"), alias, own=own)) for own in (True, False))
        if side in ("", "LEFT") and any(key <= matched for key in theirs):
            found = [*keys, *found]
        if side in ("", "RIGHT") and any(key <= ours for key in keys):
            found = [*theirs, *found]
        return found[:_MOST]

    def _fixed(self, condition: exp.Expr | None, alias: str, *, own: bool) -> Iterator[_Column]:
        """Yield the columns of ``alias``, or without ``own`` of the rest, that a condition holds equal to others."""
        for one, other in _equalities(condition):
            mine = isinstance(one, exp.Column) and (one.table == alias) == own
            if mine and all((each.table == alias) != own for each in other.find_all(exp.Column)):
                yield from _plain([one]) if self._fixes(one, other) else ()

    def made(self) -> _Known:
        """Return what is known of the rows that this query makes."""
        select = self.select
        if isinstance(select, exp.SetOperation):
            whole = bool(select.args.get("distinct"))
            names = frozenset(each.alias_or_name for each in select.selects)
            return _Known([names] if whole else [], {})
        if not isinstance(select, exp.Select):
            return _NOTHING
        names_of: dict[_Column, list[str]] = {}
        for each in select.expressions:
            if isinstance(inner := each.unalias(), exp.Column):
                names_of.setdefault((inner.table, inner.name), []).append(each.alias_or_name)
        if _generates(select):
            return _NOTHING
        keys = self._grouped() if _groups(select) else list(_renamed(self._read(), names_of))
        if select.args.get("distinct") is not None:
            keys.append(frozenset(each.alias_or_name for each in select.expressions))
        numbered = {} if _groups(select) else dict(self._numbered(names_of))
        return _Known(keys[:_MOST], numbered)

    def _numbered(self, names_of: Mapping[_Column, list[str]]) -> Iterator[tuple[str, frozenset[str]]]:
        """Yield each column that numbers rows, with the columns within which it does so."""
        for each in self.select.expressions:
            inner = each.unalias()
            within: frozenset[_Column] | None = None
            if isinstance(inner, exp.Window) and _name(inner) == "row_number":
                parts = inner.args.get("partition_by") or []
                within = _plain(parts) if all(isinstance(p.unalias().unnest(), exp.Column) for p in parts) else None
            elif isinstance(inner, exp.Column) and not self.select.args.get("joins"):
                known = self.sources.get(inner.table, _NOTHING).numbered
                if inner.name in known:
                    within = frozenset((inner.table, name) for name in known[inner.name])
            if within is not None:
                for names in _renamed([within], names_of):
                    yield each.alias_or_name, names

    def _grouped(self) -> _Keys:
        """Return the key of what a grouping makes, if all of it is selected."""
        group = self.select.args.get("group")
        if group is None:
            return [frozenset()]
        if any(group.args.get(many) for many in ("cube", "rollup", "grouping_sets")):
            return []
        made = {each.unalias().sql(): each.alias_or_name for each in self.select.expressions}
        by = [each.sql() for each in group.expressions]
        return [frozenset(made[each] for each in by)] if all(each in made for each in by) else []


def _groups(select: exp.Select) -> bool:
    """Return whether a SELECT makes one row of many: by a grouping, or by aggregates alone."""
    from sluice.transforms.functions.tables import aggregating

    if select.args.get("group") is not None:
        return True
    for each in select.expressions:
        for node in each.find_all(exp.Func):
            if (_name_of(node) in aggregating() or isinstance(node, exp.AggFunc)) and node.find_ancestor(
                exp.Window, exp.Select
            ) is select:
                return True
    return False


def _renamed(keys: Iterable[frozenset[_Column]], names_of: Mapping[_Column, list[str]]) -> Iterator[frozenset[str]]:
    """Yield the keys of which every column is selected, by the names that the columns have then."""
    for key in keys:
        if all(column in names_of for column in key):
            yield frozenset(names_of[column][0] for column in key)


def _by_place(window: exp.Window) -> bool:
    """Return whether a window has an order, and looks at rows by their place in it."""
    if not window.args.get("order"):
        return False  # the lint finds those that need one
    spec = window.args.get("spec")
    rows = spec is not None and str(spec.args.get("kind")).upper() == "ROWS"
    bounds = [str(spec.args.get(each)).upper().strip("'") for each in ("start", "end")] if spec else []
    return _name(window) in _BY_PLACE or (rows and bounds != ["UNBOUNDED", "UNBOUNDED"])


def _name(window: exp.Window) -> str:
    inner = window.this.unalias()
    return _name_of(inner.this if isinstance(inner, exp.IgnoreNulls | exp.RespectNulls) else inner)


def _name_of(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return ALIASES.get(node.name.lower(), node.name.lower())
    return node.sql_name().lower() if isinstance(node, exp.Func) else ""


def _held(window: exp.Window) -> set[_Column]:
    """Return the plain columns of a window's partition and order."""
    order = window.args["order"].expressions if window.args.get("order") else []
    return _columns(chain(window.args.get("partition_by") or [], order))


def _columns(nodes: Iterable[exp.Expr]) -> set[_Column]:
    return set(_plain(each.this if isinstance(each, exp.Ordered) else each for each in nodes))


def _plain(nodes: Iterable[exp.Expr]) -> frozenset[_Column]:
    inner = (each.unalias().unnest() for each in nodes)
    return frozenset((each.table, each.name) for each in inner if isinstance(each, exp.Column))


def _parts_of(condition: exp.Expr | None) -> Iterator[exp.Expr]:
    """Yield the conditions that all hold."""
    if condition is None:
        return
    plain = condition.unnest()
    if isinstance(plain, exp.And):
        yield from _parts_of(plain.this)
        yield from _parts_of(plain.expression)
    else:
        yield plain


def _equalities(condition: exp.Expr | None) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    """Yield what a condition holds equal, each side first."""
    for part in _parts_of(condition):
        if isinstance(part, exp.EQ | exp.NullSafeEQ):
            one, other = part.this.unnest(), part.expression.unnest()
            yield one, other
            yield other, one


def _one_each(column: str, other: str) -> bool:
    """Return whether at most one value of a column of a type is equal to a value of another type, on Spark.

    Texts are compared with numbers as numbers, of which many texts are one; whole numbers and decimals with doubles as
    doubles, of which one stands for many.
    """
    if column in (UNKNOWN, other):
        return column != UNKNOWN
    if column.startswith("decimal"):
        return other in _WHOLE or other.startswith("decimal")
    if column == "bigint":
        return other not in (UNKNOWN, "double", "float")
    return column != "string"


def _generates(select: exp.Select) -> bool:
    """Return whether a SELECT makes several rows of one."""
    return any(_name_of(node) in _GENERATORS for each in select.expressions for node in each.find_all(exp.Func))


def _within(window: exp.Window) -> set[_Column]:
    """Return every column that a window's partition is made of."""
    return {(c.table, c.name) for part in window.args.get("partition_by") or [] for c in part.find_all(exp.Column)}
