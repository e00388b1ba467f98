"""Lowers a query of recorded PySpark calls to DuckDB's SQL: every expression by its signature.

Types are Spark's: those of columns come from the contracts, those of calls from the signatures. A call that no
signature takes, or whose signature is refused, is a finding; its type is unknown, and so nothing above it is judged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from sqlglot import exp
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, ScopeType, traverse_scope
from sqlglot.schema import MappingSchema

from sluice.confined import literal, quoted
from sluice.nearest import did_you_mean
from sluice.transforms.functions import keys
from sluice.transforms.functions.coercion import coerced
from sluice.transforms.functions.nodes import LATEST_SENT, NODES, Unproven, is_moment, untried
from sluice.transforms.functions.recorded import ALIASES, SparkCalls
from sluice.transforms.functions.signatures import Argument, Refused, Signature
from sluice.transforms.functions.spark_types import (
    NULL,
    UNKNOWN,
    duckdb_type,
    element,
    family,
    fields,
    holds,
    is_array,
    spark_type,
    struct_of,
)
from sluice.transforms.functions.tables import aggregating, signatures, verdicts
from sluice.transforms.functions.written import written

_LONGEST = 90
#: Letters of an argument's SQL from which on it is written once.
_LONG = 300
_GENERATORS = ("explode", "explode_outer")
#: A rank that a query before has left in DuckDB's 64 bits; Spark's is an int.
RANK = "rank"
_RANKS = ("row_number", "rank", "dense_rank")
_MANY = (exp.Cube, exp.Rollup, exp.GroupingSets)
_OF_COLUMNS = {*_MANY, exp.Column, exp.Identifier, exp.Tuple, exp.Paren}
#: Arguments of operators' nodes that are read, or that change nothing here.
_READ = {"this", "expression", "expressions", "negate", "safe", "typed"}
#: What takes a null of no type.
_OF_NULL = {"is_null", "is_not_null", "cast", "try_cast"}
_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)

_Made = Argument
_UNKNOWN = Argument("NULL", UNKNOWN)


class Lowered(NamedTuple):
    """A recorded query: DuckDB's SQL, what in it is unproven, and Spark's types by the text of columns and operands."""

    sql: str
    unproven: list[Unproven]
    types: dict[str, str]


def lowered(
    tree: exp.Expr,
    tables: Mapping[str, Mapping[str, str]],
    accept: Mapping[str, str] | None = None,
    told: Mapping[str, str] | None = None,
) -> Lowered:
    """Return DuckDB's SQL of a recorded query on ``tables``, which are Spark's types by column and table.

    The SQL is sound only when every finding is one that ``accept`` names. ``told`` are the verdicts by signature, when
    not those of the table.
    """
    schema = MappingSchema(dialect="spark")
    for table in sorted({f"{each.db}.{each.name}" for each in tree.find_all(exp.Table)} & tables.keys()):
        columns = tables[table]
        schema.add_table(table, {name: duckdb_type(kind) for name, kind in columns.items()}, dialect="duckdb")
    tree = qualify(
        tree.copy(), schema=schema, dialect=SparkCalls(), validate_qualify_columns=False, expand_alias_refs=False,
        identify=True,
    )  # fmt: skip
    types_of: dict[int, dict[str, str]] = {}
    found: list[Unproven] = []
    types: dict[str, str] = {}
    for scope in traverse_scope(tree):
        reader = _Scope(
            scope, tables, types_of, found, accept=accept or {}, told=verdicts() if told is None else told
        )  # fmt: skip
        types_of[id(scope.expression)] = reader.lower()
        types |= reader.types
    return Lowered(tree.sql(dialect="duckdb"), found, types)


class _Scope:
    """One SELECT or UNION: the types of what it reads, and the lowering of its expressions."""

    def __init__(
        self,
        scope: Scope,
        tables: Mapping[str, Mapping[str, str]],
        known: Mapping[int, dict[str, str]],
        found: list[Unproven],
        *,
        accept: Mapping[str, str],
        told: Mapping[str, str],
    ) -> None:
        self.scope, self.tables, self.known, self.found, self.accept = scope, tables, known, found, accept
        self.told = told
        self.bound: dict[str, str] = {}
        #: By the text of columns and of what is compared, which has the name of a relation before each column.
        self.types: dict[str, str] = {}
        self.selected: dict[str, str] = {}
        #: Keys of doubles, as the query writes them, that come out without the sign of zero.
        self.unsigned: frozenset[str] = frozenset()
        self.names = 0

    def lower(self) -> dict[str, str]:
        """Replace every expression of the scope by DuckDB's; return the types of its columns by name."""
        select = self.scope.expression
        if isinstance(select, exp.SetOperation):
            return self._union(select)
        if not isinstance(select, exp.Select):
            self._unproven(type(select).__name__.lower(), select, "no such query is known; use DataFrame's methods")
            return {}
        types: dict[str, str] = {}
        self._refuse_generators(select)
        groups = self._groups(select)
        distinct = select.args.get("distinct") is not None
        for each in [*select.expressions]:
            made = self._rank(each) or self.made(each.unalias())
            made = self._key("distinct", each, made) if distinct else made
            types[each.alias_or_name] = made.type
            kept = exp.to_identifier(each.alias_or_name, quoted=True)
            each.replace(exp.Alias(this=exp.Var(this=made.sql), alias=kept))
        for slot in ("where", "having", "qualify"):
            if condition := select.args.get(slot):
                condition.set("this", exp.Var(this=self._condition(condition.this).sql))
        for join in select.args.get("joins") or []:
            if join.args.get("on"):
                join.set("on", exp.Var(this=self._condition(join.args["on"]).sql))
        for each in groups:
            each.replace(exp.Var(this=self._key("groupBy", each, self.made(each)).sql))
        self.selected = types
        for ordered in select.args["order"].expressions if select.args.get("order") else ():
            ordered.replace(exp.Var(this=self._ordered(ordered)))
        return types

    def _refuse_generators(self, select: exp.Select) -> None:
        """Refuse to make rows of an array where the engines do so at another moment, or Spark not at all."""
        found = [each for each in select.find_all(exp.Func) if each.name.lower() in _GENERATORS]
        own = [each for each in found if each.find_ancestor(exp.Select) is select]
        alone = [each.unalias() for each in select.expressions]
        if len(own) > 1:
            self._unproven("explode", select, "two in one select are all pairs on Spark alone; take two withColumn")
        elif own and not any(own[0] is each for each in alone):
            self._unproven(
                "explode", own[0], "it stands alone in its column on Spark; compute with it in a next select"
            )
        elif own and any(each.find_ancestor(exp.Select) is select for each in select.find_all(exp.Window)):
            self._unproven(
                "explode", own[0], "beside a window the engines make its rows before or after; take two selects"
            )

    def _condition(self, node: exp.Expr) -> _Made:
        made = self.made(node)
        if made.type not in ("boolean", UNKNOWN):
            return self._unproven("filter", node, f"the condition is {made.type}, which Spark refuses; compare it")
        return made

    def _rank(self, node: exp.Expr) -> _Made | None:
        """Return a rank as the 64 bits that DuckDB counts in, if a later query casts it; None for anything else.

        DuckDB keeps only the first rows of a window whose rank is compared, unless a cast stands between.
        """
        inner = node.unalias()
        if self.scope.scope_type != ScopeType.CTE or not isinstance(inner, exp.Window):
            return None
        made = self.made(inner)
        begin, end = "CAST(", " AS INTEGER)"
        if inner.this.unalias().name.lower() not in _RANKS or made.type != "int":
            return made
        return _Made(made.sql.removeprefix(begin).removesuffix(end), RANK)

    def _groups(self, select: exp.Select) -> list[exp.Expr]:
        """Return what a query groups by, and know the doubles among them, which are written so in what it selects."""
        group = select.args.get("group")
        if group is None:
            return []
        found = list(group.expressions)
        for many in group.find_all(exp.Cube, exp.Rollup, exp.GroupingSets):
            if {type(node) for node in many.walk()} - _OF_COLUMNS:
                self._unproven(type(many).__name__.lower(), many, "name columns in it, made by withColumn")
            found += [each for each in many.find_all(exp.Column) if each.find_ancestor(*_MANY) is many]
        made = [self.made(each) for each in found]
        for each, key in zip(found, made, strict=True):
            counted = {node.name.lower() for node in each.find_all(exp.Anonymous)} & aggregating()
            if key.literal or counted or each.find(exp.AggFunc):  # a literal, which the parser took for a place
                self._unproven("groupBy", each, "a literal is a place among the columns on one engine; leave it out")
        self.unsigned = frozenset(
            each.sql() for each, key in zip(found, made, strict=True) if key.type in ("double", "float")
        )
        return found

    def _key(self, rule: str, node: exp.Expr, made: _Made) -> _Made:
        try:
            return keys.grouped(made) if not made.sql.endswith("+ CAST(0 AS DOUBLE))") else made
        except Refused as refused:
            return self._unproven(rule, node, str(refused))

    def _union(self, union: exp.SetOperation) -> dict[str, str]:
        left, right = (self.known.get(id(side.unnest()), {}) for side in (union.left, union.right))
        types = {}
        for (name, one), other in zip(left.items(), right.values(), strict=False):
            types[name] = other if one == NULL else one
            if one != other and NULL not in (one, other) and UNKNOWN not in (one, other):
                self._unproven(
                    "union", union, f"{name} is {one} in one and {other} in the other; cast both to one type"
                )
            kept = isinstance(union, exp.Union) and not union.args.get("distinct")
            if not kept and holds(types[name], "double", "float", "map"):
                self._unproven(
                    type(union).__name__.lower(), union, f"{name} is {types[name]}, whose -0.0 and 0.0, or maps, the "
                    "engines compare and keep otherwise; use a left_semi or left_anti join and distinct",
                )  # fmt: skip
        return types

    def made(self, node: exp.Expr) -> _Made:
        """Return what an expression is on DuckDB."""
        made = self._made(node)
        if isinstance(node, exp.Column) or isinstance(node.parent, exp.EQ | exp.NullSafeEQ | exp.Paren):
            self.types[node.sql()] = made.type
        return made

    def _made(self, node: exp.Expr) -> _Made:
        if self.unsigned and node.sql() in self.unsigned:
            written, self.unsigned = self.unsigned, frozenset()
            made = self._key("groupBy", node, self.made(node))
            self.unsigned = written
            return made
        for kind, make in _MAKERS.items():
            if isinstance(node, kind):
                return make(self, node)
        if isinstance(node, exp.Anonymous):
            return self._named(node)
        if type(node) in NODES:
            return self._operator(node)
        return self._unproven(type(node).__name__.lower(), node, "it was never tried on both engines")

    def _operator(self, node: exp.Expr) -> _Made:
        """Return what a node is that stands for one function; what else it says must be known."""
        if unread := {name for name, value in node.args.items() if value} - _READ:
            return self._unproven(NODES[type(node)], node, f"{', '.join(sorted(unread))} was never tried here")
        arguments = [each for each in (node.this, *node.expressions, node.args.get("expression")) if each]
        made = self._call(NODES[type(node)], [a for a in arguments if isinstance(a, exp.Expr)], node)
        return made._replace(sql=f"(NOT {made.sql})") if node.args.get("negate") and made.type != UNKNOWN else made

    def _named(self, node: exp.Anonymous) -> _Made:
        name, recorded = node.name.lower(), isinstance(node.this, str)
        if name.startswith("#") and not recorded:  # a name between backticks, in a text of the transform
            return self._unproven(name, node, "no function is called so")
        if name.startswith("#") and name != LATEST_SENT:
            return self._constant(name, node)
        return self._call(name, node.expressions, node)

    def _call(self, name: str, arguments: list[exp.Expr], node: exp.Expr, over: str = "") -> _Made:
        name = ALIASES.get(name, name)
        if len(arguments) == 1 and isinstance(arguments[0], exp.Distinct) and name in ("count", "sum"):
            name, arguments = f"{name}_distinct", arguments[0].expressions
        written = self.unsigned
        if name in aggregating():
            self.unsigned = frozenset()  # an aggregate sees the values themselves
        given = self._arguments(name, arguments)
        self.unsigned = written
        if UNKNOWN in [each.type for each in given]:
            return _UNKNOWN
        if name in ("cast", "try_cast"):
            if given[1].value == given[0].type:
                return given[0]._replace(value=None, literal=False)
            given[1] = _Made("", f"→{given[1].value}")
            if given[0].type == NULL or is_moment(given[0], given[1].type):
                kind = given[1].type[1:]
                return _Made(f"CAST({given[0].sql} AS {duckdb_type(kind)})", kind)
        try:
            given = coerced(name, given)
        except Refused as refused:
            return self._unproven(name, node, f"on ({', '.join(each.type for each in given)}) {refused}")
        return self._signed(name, given, node, over)

    def _signed(self, name: str, given: list[_Made], node: exp.Expr, over: str) -> _Made:
        """Return a call by the signature that takes its arguments."""
        types = [each.type for each in given]
        if types and set(types) == {NULL} and name not in _OF_NULL:
            return self._unproven(name, node, "of nulls alone the engines give other types; cast the null to one")
        known = signatures().get(name, [])
        chosen = next((each for each in known if each.takes(types)), None)
        if chosen is None:
            return self._unproven(name, node, untried(name, types, known, self.told))
        why = self.told.get(chosen.key, "it was never tried on both engines")
        way = f"; {chosen.instead}" if chosen.instead else ""
        on = f"on ({', '.join(types)}) "
        try:
            _refuse_mixed(chosen, types)
            made = self._spelled(chosen, given, over) if chosen.sql else _UNKNOWN
        except Refused as refused:
            said = [] if not why else [f"{why}{way}"]
            said += [] if str(refused) == why else [str(refused)]  # what refuses it is often why it is not proven
            return self._unproven(name, node, f"{on}{'; '.join(said)}")
        if not why:
            return made
        if not chosen.sql:
            return self._unproven(name, node, f"{on}{why}{way}")
        told = f'{on}{why}{way}; where that makes no difference: accept={{"{chosen.key}": "reason"}}'
        self._unproven(name, node, told, accept=chosen.key)
        return made if chosen.key in self.accept else _UNKNOWN

    def _arguments(self, name: str, arguments: list[exp.Expr]) -> list[_Made]:
        given: list[_Made] = []
        for each in arguments:
            if isinstance(each, exp.Lambda):
                given.append(self._lambda(name, each, given))
            elif isinstance(each, exp.Star):
                given.append(_Made("*", "*"))
            else:
                given.append(self.made(each))  # with its name: on Spark F.lit(3).alias("n") is no literal
        return given

    def _lambda(self, name: str, node: exp.Lambda, before: list[_Made]) -> _Made:
        of = element(before[0].type) if before and is_array(before[0].type) else UNKNOWN
        names = [each.name for each in node.expressions]
        if len(names) > 1 and name in ("filter", "transform"):
            return self._unproven(name, node, "a function of element and index was never tried; take the element alone")
        outside = dict(self.bound)
        kinds = [before[1].type, of] if name == "aggregate" and len(before) > 1 else [of, "int"]
        self.bound.update(zip(names, kinds, strict=False))
        body = self.made(node.this.unalias())
        self.bound = outside
        return _Made(f"lambda {', '.join(map(quoted, names))}: {body.sql}", f"lambda:{body.type}")

    def _spelled(self, chosen: Signature, given: list[_Made], over: str) -> _Made:
        """Return a call's SQL, in which a long argument stands once, however often its signature looks at it."""
        made = written(chosen, given, over)
        if chosen.kind != "value" or not any(len(a.sql) > _LONG and made.sql.count(a.sql) > 1 for a in given):
            return made
        bound, named = [], []
        for each in given:
            compound = "(" in each.sql and not each.literal and not each.type.startswith("lambda:")
            self.names += compound
            named.append(each._replace(sql=f"sluice_{self.names}") if compound else each)
            bound += [(f"sluice_{self.names}", each.sql)] if compound else []
        sql = written(chosen, named, over).sql
        for name, value in bound:
            sql = f"list_transform([{value}], lambda {name}: {sql})[1]"
        return made._replace(sql=sql)

    def _constant(self, name: str, node: exp.Anonymous) -> _Made:
        text = node.expressions[0].name
        kind = name[1:]
        if kind == "decimal":
            digits = text.lstrip("-").replace(".", "").lstrip("0")
            scale = len(text.partition(".")[2])
            kind = f"decimal({max(len(digits), scale, 1)},{scale})"
        return _Made(f"CAST({literal(text)} AS {duckdb_type(kind)})", kind, text, True)

    def _column(self, node: exp.Column) -> _Made:
        name, source = node.name, self.scope.sources.get(node.table)
        if not node.table and name in self.bound:
            return _Made(quoted(name), self.bound[name])
        if not node.table and name in self.selected:  # an order by what is selected
            return _Made(quoted(name), self.selected[name])
        if isinstance(source, Scope):
            types: Mapping[str, str] = self.known.get(id(source.expression), {})
        elif isinstance(source, exp.Table):
            types = self.tables.get(f"{source.db}.{source.name}", {})
        else:
            types = {}
        if name not in types:
            return self._unproven("column", node, _not_there(name, types or self._columns()))
        made = _Made(node.sql(dialect="duckdb", identify=True), types[name])
        if made.type != RANK:
            return made
        return _Made(made.sql if isinstance(node.parent, _COMPARISONS) else f"CAST({made.sql} AS INTEGER)", "int")

    def _columns(self) -> list[str]:
        """Return the columns of all that the query reads, as far as they are known."""
        found: list[str] = []
        for source in self.scope.sources.values():
            if isinstance(source, Scope):
                found += self.known.get(id(source.expression), {})
            elif isinstance(source, exp.Table):
                found += self.tables.get(f"{source.db}.{source.name}", {})
        return found

    def _bound(self, node: exp.Identifier) -> _Made:
        """Return a parameter of a function that a text writes, as x -> x + 1."""
        if node.name in self.bound:
            return _Made(quoted(node.name), self.bound[node.name])
        return self._unproven("identifier", node, "it is no column and no parameter of a function around it")

    def _literal(self, node: exp.Literal) -> _Made:
        text = node.name
        if node.is_string:
            return _Made(literal(text), "string", text, True)
        if text.isdigit() and int(text) >= 2**63:
            return self._unproven("literal", node, "a whole number of more than 64 bits was never tried")
        if text.isdigit():
            kind = "int" if int(text) < 2**31 else "bigint"
            return _Made(text, kind, int(text), True)
        if "e" in text.lower():
            return _Made(f"CAST({literal(text)} AS DOUBLE)", "double", text, True)
        scale = len(text.partition(".")[2])
        kind = f"decimal({max(len(text.replace('.', '').lstrip('0')), scale, 1)},{scale})"
        return _Made(f"CAST({literal(text)} AS {duckdb_type(kind)})", kind, text, True)

    def _cast(self, node: exp.Cast) -> _Made:
        kind = node.args["to"].sql(dialect="duckdb")
        name = "try_cast" if node.args.get("safe") else "cast"
        if not isinstance(node, exp.TryCast):  # DATE '…', which is an error on Spark where a cast is null
            made = self.made(node.this)
            if made.type == "string" and not is_moment(made, f"→{spark_type(kind)}"):
                return self._unproven(name, node, "it is no day or moment as 2026-01-31 or 2026-01-31 12:00:00")
        return self._call(name, [node.this, exp.Literal.string(spark_type(kind))], node)

    def _negated(self, node: exp.Neg) -> _Made:
        inner = node.this
        # Spark takes -7 for a literal, and -(7) for none: beside a decimal each has other places.
        if isinstance(inner, exp.Literal) and not inner.is_string:
            made = self.made(inner)
            value = -made.value if isinstance(made.value, int) else f"-{made.value}"
            kind = "int" if value == -(2**31) else made.type
            return _Made(f"(-{made.sql})", kind, value, True)
        return self._call("negate", [inner], node)

    def _case(self, node: exp.Case) -> _Made:
        if node.this:
            return self._unproven("case", node, "CASE with a value was never tried; use F.when")
        arguments = [part for each in node.args["ifs"] for part in (each.this, each.args["true"])]
        otherwise = node.args.get("default")
        return self._call("when", [*arguments, *([otherwise] if otherwise else [])], node)

    def _window(self, node: exp.Window) -> _Made:
        ordered = node.args["order"].expressions if node.args.get("order") else []
        parts = [self._compared(each) for each in node.args.get("partition_by") or []]
        inside = [
            f"PARTITION BY {', '.join(parts)}" if parts else "",
            f"ORDER BY {', '.join(map(self._ordered, ordered))}" if ordered else "",
            self._frame(node.args.get("spec")),
        ]
        inner, over = node.this.unalias(), f" OVER ({' '.join(filter(None, inside))})"
        if isinstance(inner, exp.Anonymous):
            return self._call(inner.name.lower(), inner.expressions, inner, over)
        if type(inner) in NODES:
            return self._call(NODES[type(inner)], [a for a in (inner.this, *inner.expressions) if a], inner, over)
        return self._unproven("over", node, "this was never tried over a window")

    def _compared(self, node: exp.Expr) -> str:
        try:
            return keys.compared(self.made(node)).sql
        except Refused as refused:
            return self._unproven("partitionBy", node, str(refused)).sql

    def _frame(self, spec: exp.Expr | None) -> str:
        if spec is None:
            return ""
        bounds = [spec.args.get("start"), spec.args.get("end")]
        whole = all(str(each).upper().strip("'") in ("UNBOUNDED", "CURRENT ROW") for each in bounds)
        if str(spec.args.get("kind")).upper() == "RANGE" and not whole:
            self._unproven("rangeBetween", spec, "a range of values was never tried; use rowsBetween")
        begin, end = (_place(spec, side) for side in ("start", "end"))
        if begin > end:
            self._unproven("rowsBetween", spec, "it ends before it begins, which Spark refuses")
        return spec.sql(dialect="duckdb")

    def _ordered(self, node: exp.Expr) -> str:
        if not isinstance(node, exp.Ordered):
            node = exp.Ordered(this=node, desc=False, nulls_first=True)
        down, first = bool(node.args.get("desc")), node.args.get("nulls_first")
        first = not down if first is None else first
        made = self.made(node.this.unalias())
        try:
            made = keys.ordered(made)
        except Refused as refused:
            made = self._unproven("orderBy", node.this, str(refused))
        return f"{made.sql} {'DESC' if down else 'ASC'} NULLS {'FIRST' if first else 'LAST'}"

    def _bracket(self, node: exp.Bracket) -> _Made:
        of, (key,) = self.made(node.this), node.expressions
        if of.type.startswith("struct<") and isinstance(key, exp.Literal):
            return self._field(of, key.name, node)
        if of.type.startswith("struct<") and isinstance(key, exp.Column):
            return self._field(of, key.name, node)
        return self._call("getitem", [node.this, key], node) if of.type != UNKNOWN else _UNKNOWN

    def _dot(self, node: exp.Dot) -> _Made:
        return self._field(self.made(node.this), node.expression.name, node)

    def _field(self, of: _Made, name: str, node: exp.Expr) -> _Made:
        if of.type == UNKNOWN:
            return _UNKNOWN
        kinds = fields(of.type) if of.type.startswith("struct<") else {}
        if name.lower() not in kinds:
            return self._unproven("getField", node, f"{of.type} has no field {name}")
        return _Made(f"struct_extract({of.sql}, {literal(name.lower())})", kinds[name.lower()])

    def _struct(self, node: exp.Struct) -> _Made:
        parts = {each.this.name.lower(): self.made(each.expression.unalias()) for each in node.expressions}
        if UNKNOWN in {each.type for each in parts.values()}:
            return _UNKNOWN
        inner = ", ".join(f"{quoted(name)} := {each.sql}" for name, each in parts.items())
        return _Made(f"struct_pack({inner})", struct_of({name: each.type for name, each in parts.items()}))

    def _is(self, node: exp.Is) -> _Made:
        if not isinstance(node.expression, exp.Null):
            return self._unproven("is", node, "IS is tried with NULL alone; compare with <=>")
        return self._call("is_null", [node.this], node)

    def _interval(self, node: exp.Interval) -> _Made:
        unit, number = str(node.args.get("unit") or "").upper().rstrip("S"), node.this
        if unit not in ("SECOND", "MINUTE", "HOUR", "DAY", "WEEK") or not str(number.name).lstrip("-").isdigit():
            return self._unproven("interval", node, "intervals of whole seconds to weeks are proven; see add_months")
        return _Made(f"INTERVAL ({number.name}) {unit}", "interval", None, True)

    def _in(self, node: exp.In) -> _Made:
        if node.args.get("query"):
            return self._unproven("in", node, "a query inside of IN was never tried; join instead")
        return self._call("isin", [node.this, *node.expressions], node)

    def _between(self, node: exp.Between) -> _Made:
        if node.args.get("symmetric"):
            return self._unproven("between", node, "SYMMETRIC is none of Spark's; write the lower bound first")
        return self._call("between", [node.this, node.args["low"], node.args["high"]], node)

    def _unproven(self, name: str, node: exp.Expr, why: str, accept: str = "") -> _Made:
        plain = node.transform(lambda part: exp.column(part.name) if isinstance(part, exp.Column) else part)
        text = plain.sql(dialect="spark").replace("`", "")
        finding = Unproven(name, text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…", why, accept)
        self.found[:] = [each for each in self.found if each[:3] != finding[:3]]
        self.found.append(finding)
        return _UNKNOWN


def _not_there(name: str, columns: Collection[str]) -> str:
    """Return why a column is none of ``columns``, which are empty where those are not known."""
    if meant := did_you_mean(name, columns):
        return f"there is no column {name} here;{meant}"
    return f"its type is not known; it may be misspelt: {name}"


def _refuse_mixed(chosen: Signature, types: list[str]) -> None:
    """Refuse arrays, structs or maps of several types where a signature takes any, but all of one."""
    open_ones = {each.removesuffix("…") for each in chosen.arguments} & {"array", "struct", "map"}
    found = sorted({each for each in types if family(each) in open_ones})
    if len(found) > 1:
        raise Refused(f"the types differ: {' and '.join(found)}; cast the parts alike, or make both of the same fields")


def _place(spec: exp.Expr, side: str) -> float:
    """Return how many rows behind the current one a frame begins or ends."""
    bound, way = spec.args.get(side), str(spec.args.get(f"{side}_side") or "").upper()
    if str(bound).upper().strip("'") == "CURRENT ROW" or bound is None:
        return 0
    ahead = -1 if way == "PRECEDING" else 1
    unbounded = str(bound).upper().strip("'") == "UNBOUNDED"
    text = bound.sql() if isinstance(bound, exp.Expr) else str(bound)
    return ahead * (math.inf if unbounded else float(text) if text.lstrip("-").isdigit() else 0)


_MAKERS: dict[type[exp.Expr], Callable[[_Scope, exp.Expr], _Made]] = {
    exp.Paren: lambda scope, node: scope.made(node.this),
    exp.Alias: lambda scope, node: scope.made(node.this)._replace(literal=False),
    exp.Column: _Scope._column,  # type: ignore[dict-item]
    exp.Identifier: _Scope._bound,  # type: ignore[dict-item]
    exp.Literal: _Scope._literal,  # type: ignore[dict-item]
    exp.Null: lambda scope, node: _Made("NULL", NULL, None, True),
    exp.Boolean: lambda scope, node: _Made(node.sql("duckdb"), "boolean", literal=True, value=bool(node.this)),
    exp.If: lambda scope, node: scope._call(
        "if", [node.this, node.args["true"], node.args.get("false") or exp.Null()], node
    ),
    exp.TryCast: _Scope._cast,  # type: ignore[dict-item]
    exp.Cast: _Scope._cast,  # type: ignore[dict-item]
    exp.Neg: _Scope._negated,  # type: ignore[dict-item]
    exp.Case: _Scope._case,  # type: ignore[dict-item]
    exp.Window: _Scope._window,  # type: ignore[dict-item]
    exp.Bracket: _Scope._bracket,  # type: ignore[dict-item]
    exp.Dot: _Scope._dot,  # type: ignore[dict-item]
    exp.Struct: _Scope._struct,  # type: ignore[dict-item]
    exp.Is: _Scope._is,  # type: ignore[dict-item]
    exp.Interval: _Scope._interval,  # type: ignore[dict-item]
    exp.In: _Scope._in,  # type: ignore[dict-item]
    exp.Between: _Scope._between,  # type: ignore[dict-item]
}
