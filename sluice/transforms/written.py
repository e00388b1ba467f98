"""Writes the function of a derived table from a query in SQL, as PySpark that a person maintains.

What has no plain form there is refused by name: subqueries, windows, unions, orders and limits.
"""

from __future__ import annotations

import ast
import keyword
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sluice.contracts import AnyContract
from sluice.contracts.columns import NAME
from sluice.shortened import shortened
from sluice.transforms.written_kinds import kind_of, not_understood

_BINARY: dict[type[exp.Expr], str] = {
    exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%", exp.EQ: "==", exp.NEQ: "!=", exp.GT: ">",
    exp.GTE: ">=", exp.LT: "<", exp.LTE: "<=", exp.And: "&", exp.Or: "|",
}  # fmt: skip
_CALLS: dict[type[exp.Expr], str] = {
    exp.Lower: "lower", exp.Upper: "upper", exp.Length: "length", exp.Abs: "abs", exp.Year: "year",
    exp.Month: "month", exp.Day: "dayofmonth", exp.Sum: "sum", exp.Avg: "avg", exp.Min: "min", exp.Max: "max",
}  # fmt: skip
_SEVERAL: dict[type[exp.Expr], str] = {
    exp.Coalesce: "coalesce", exp.Concat: "concat",
}  # fmt: skip
_TYPES = {"VARCHAR": "string", "TEXT": "string", "INT": "int", "INTEGER": "int", "BIGINT": "bigint", "DOUBLE": "double",
          "DATE": "date", "TIMESTAMP": "timestamp", "BOOLEAN": "boolean"}  # fmt: skip
_LINE = 120


class RefusedSelect(ValueError):
    """A query that has no plain form in PySpark; its text says which part, and why."""


@dataclass(frozen=True)
class Written:
    """A function: its ``text``, a module; its ``inputs`` by parameter; and the columns that may be the table's key.

    ``sources`` are the columns, with their tables, whose values come into each column; it is one of them as it is for
    those that are ``passed``.
    """

    text: str
    inputs: dict[str, str]
    key: tuple[str, ...] = ()
    sources: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    passed: frozenset[str] = frozenset()


@dataclass
class _Tables:
    """The tables of a query by alias, and how each of their columns is called once they are joined."""

    by_alias: dict[str, AnyContract] = field(default_factory=dict)
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    optional: set[tuple[str, str]] = field(default_factory=set)

    def name_of(self, column: exp.Column) -> str:
        """Return what a column is called; ``RefusedSelect`` when there is none, or several, or it may be missing."""
        found = [
            at for at in self.names if at[1] == column.name.lower() and column.table.lower() in ("", at[0])
        ]  # fmt: skip
        if len({self.names[at] for at in found}) != 1:
            there = ", ".join(sorted({name for _, name in self.names}))
            many = "in several of the tables" if found else f"in none of the tables; there are {there}"
            raise RefusedSelect(f"the column {column.sql()} is {many}")
        if found[0] in self.optional:
            raise RefusedSelect(f"{column.sql()} is joined by: name the first table's column instead")
        return self.names[found[0]]

    def has(self, column: exp.Column) -> bool:
        """Return whether a name is that of a column of the tables, whatever else it is."""
        return bool(column.table) or any(name == column.name.lower() for _, name in self.names)

    def sources_of(self, item: exp.Expr) -> tuple[tuple[str, str], ...]:
        """Return the columns, with their tables, whose values come into an expression; a count of them has none."""
        if isinstance(item, exp.Count):
            return ()
        if not isinstance(item, exp.Column):
            inner = (self.sources_of(each) for each in item.iter_expressions())
            return tuple(dict.fromkeys(source for found in inner for source in found))
        called = self.name_of(item)
        return tuple((self.by_alias[at[0]].table, at[1]) for at, given in self.names.items() if given == called)

    def type_of(self, column: exp.Column) -> str:
        """Return the name of a column's type."""
        called = self.name_of(column)
        alias, name = next(at for at, given in self.names.items() if given == called)
        return self.by_alias[alias].column(name).type.name


def selected(table: str, contract: AnyContract) -> Written:
    """Return the function that selects all columns of one table, to begin with."""
    columns = ", ".join(f'"{column.name}"' for column in contract.columns)
    parameter = contract.name
    there = all(contract.must_be_present(contract.column(name)) for name in contract.key)
    key = contract.key if there and contract.derived else ()  # what arrives may arrive twice
    body = _wrapped(f"{parameter}.select(", columns.split(", "), ")")
    names = [column.name for column in contract.columns]
    return Written(
        _module(table, {parameter: contract.table}, body, uses_functions=False),
        {parameter: contract.table},
        key,
        {name: ((contract.table, name),) for name in names},
        frozenset(names),
    )


def function_of(table: str, query: str, contracts: Mapping[str, AnyContract]) -> Written:
    """Return the function that gives the rows of a query over contracted tables; ``RefusedSelect`` says why not."""
    try:
        trees = sqlglot.parse(query, read="trino")
    except (SqlglotError, RecursionError) as error:
        raise RefusedSelect(f"it is no query in Athena's SQL: {str(error).splitlines()[0]}") from None
    if len(trees) != 1 or not isinstance(trees[0], exp.Select):
        raise RefusedSelect("one SELECT is wanted")
    tree = trees[0]
    _refuse_clauses(tree)
    if more := not_understood(tree):
        raise RefusedSelect(more)
    tables = _Tables()
    steps = _joined(tree, tables, contracts)
    if where := tree.args.get("where"):
        steps.append(f".where({_bare(_value(where.this, tables))})")
    items = [(_named(item), _unaliased(item)) for item in _items(tree, tables)]
    twice = [name for name, count in Counter(name for name, _ in items).items() if count > 1]
    if twice:
        raise RefusedSelect(f"{twice[0]} twice: write AS and a name of its own for each")
    key: tuple[str, ...] = ()
    group = tree.args.get("group")
    if group is not None or any(item.find(exp.AggFunc) for _, item in items):
        grouped = _grouped(tree, items, tables)
        steps += grouped[0]
        key = grouped[1]
    else:
        steps.append(_wrapped(".select(", [_as(name, item, tables) for name, item in items], ")"))
        key = _kept_key(items, tables)
    if tree.args.get("distinct"):
        steps.append(".distinct()")
        key = ()
    inputs = {contract.name: contract.table for contract in tables.by_alias.values()}
    text = "".join(steps)
    body = text if len(text) < _LINE - 11 and "\n" not in text else _lines(steps)
    sources = {name: tables.sources_of(item) for name, item in items}
    passed = frozenset(name for name, item in items if isinstance(item, exp.Column))
    return Written(_module(table, inputs, body, uses_functions="F." in text), inputs, key, sources, passed)


def _refuse_clauses(tree: exp.Select) -> None:
    reasons = {
        "with_": "WITH: write its query where it is used, or make a table of it",
        "having": "HAVING: filter in a table that reads this one",
        "qualify": "QUALIFY: number rows in the function, by hand",
        "order": "ORDER BY: a table has no order",
        "limit": "LIMIT: which rows there are would be chance",
        "offset": "OFFSET: which rows there are would be chance",
        "laterals": "LATERAL: write it in the function, by hand",
    }
    for clause, why in reasons.items():
        if tree.args.get(clause):
            raise RefusedSelect(why)
    for kind, why in ((exp.Subquery, "a query inside of a query"), (exp.Window, "OVER (a window)"), (exp.Select, "")):
        found = next((node for node in tree.find_all(kind) if node is not tree), None)
        if found is not None:
            raise RefusedSelect(f"{why or 'a query inside of a query'}: write it in the function, by hand")


def _joined(tree: exp.Select, tables: _Tables, contracts: Mapping[str, AnyContract]) -> list[str]:
    """Return the steps that give all tables' columns in one frame."""
    source = tree.args.get("from_") or tree.args.get("from")
    if source is None or not isinstance(source.this, exp.Table):
        raise RefusedSelect("FROM names one table")
    first = _add(source.this, tables, contracts)
    for column in tables.by_alias[first].columns:
        tables.names[first, column.name] = column.name
    steps = [tables.by_alias[first].name]
    for join in tree.args.get("joins") or ():
        steps.append(_join(join, tables, contracts))
    return steps


def _add(found: exp.Table, tables: _Tables, contracts: Mapping[str, AnyContract]) -> str:
    name = f"{found.db}.{found.name}".lower()
    if name not in contracts:
        raise RefusedSelect(f"there is no contract of {found.sql()}; there are {', '.join(sorted(contracts))}")
    alias = (found.alias or found.name).lower()
    contract = contracts[name]
    if alias in tables.by_alias or contract.name in {each.name for each in tables.by_alias.values()}:
        raise RefusedSelect(f"{name} twice: write the join in the function, by hand")
    tables.by_alias[alias] = contract
    return alias


def _join(join: exp.Join, tables: _Tables, contracts: Mapping[str, AnyContract]) -> str:
    how = {"LEFT": "left", "": "inner"}.get(join.side or "")
    if how is None or join.kind not in ("", "INNER", "OUTER") or join.method:
        raise RefusedSelect(f"{shortened(join.sql(), 60)}: only JOIN and LEFT JOIN have a plain form here")
    if not isinstance(join.this, exp.Table):
        raise RefusedSelect("JOIN names a table")
    before = set(tables.names.values())
    earlier = _Tables(tables.by_alias, dict(tables.names), set(tables.optional))
    alias = _add(join.this, tables, contracts)
    contract = tables.by_alias[alias]
    pairs = _pairs(join, alias, contract, earlier)
    renamed = []
    for column in contract.columns:
        name = pairs.get(column.name) or (f"{contract.name}_{column.name}" if column.name in before else column.name)
        tables.names[alias, column.name] = name
        if column.name in pairs and how == "left":
            tables.optional.add((alias, column.name))
        renamed.append(f'"{name}"' if name == column.name else f'F.col("{column.name}").alias("{name}")')
    right = _wrapped(f"{contract.name}.select(", renamed, ")")
    keys = ", ".join(f'"{name}"' for name in pairs.values())
    return _wrapped(".join(", [right, f"[{keys}]", f'"{how}"'], ")")


def _pairs(join: exp.Join, alias: str, contract: AnyContract, before: _Tables) -> dict[str, str]:
    """Return by the joined table's columns what equals them in the tables before it."""
    if using := join.args.get("using"):
        return {each.name: before.name_of(exp.column(each.name)) for each in using}
    condition = join.args.get("on")
    if condition is None:
        raise RefusedSelect("JOIN says ON or USING which columns are equal")
    found = {}
    for part in condition.flatten() if isinstance(condition, exp.And) else [condition]:
        sides = (part.this, part.expression) if isinstance(part, exp.EQ) else ()
        mine = [s for s in sides if isinstance(s, exp.Column) and s.table.lower() == alias]
        theirs = [s for s in sides if isinstance(s, exp.Column) and s.table.lower() not in ("", alias)]
        if len(mine) != 1 or len(theirs) != 1 or mine[0].name not in {c.name for c in contract.columns}:
            raise RefusedSelect(
                f"{part.sql()}: ON compares a column of each table, as a.x = b.y, and joins such by AND"
            )
        found[mine[0].name] = before.name_of(theirs[0])
    if len(set(found.values())) < len(found):
        raise RefusedSelect(f"two columns of {contract.name} equal one: write the join in the function, by hand")
    return found


def _items(tree: exp.Select, tables: _Tables) -> Iterable[exp.Expr]:
    for item in tree.expressions:
        if isinstance(item, exp.Star):
            if len(tables.by_alias) > 1:
                raise RefusedSelect("*: with a join, name the columns")
            (contract,) = tables.by_alias.values()
            yield from (exp.column(column.name) for column in contract.columns)
        else:
            yield item


def _named(item: exp.Expr) -> str:
    name = item.alias_or_name.lower()
    if not name or (not isinstance(item, exp.Alias | exp.Column)):
        raise RefusedSelect(f"{item.sql()} has no name: write AS and one")
    if not NAME.fullmatch(name):
        raise RefusedSelect(f"{name!r} is no name of a column: lower case letters, digits, underscores")
    return name


def _unaliased(item: exp.Expr) -> exp.Expr:
    return item.unalias()


def _as(name: str, item: exp.Expr, tables: _Tables) -> str:
    """Return an expression with its name, as a column alone where it is one."""
    if isinstance(item, exp.Column) and tables.name_of(item) == name:
        return f'"{name}"'
    return f'{_value(item, tables)}.alias("{name}")'


def _grouped(
    tree: exp.Select, items: Sequence[tuple[str, exp.Expr]], tables: _Tables
) -> tuple[list[str], tuple[str, ...]]:
    """Return the steps that group, and the names of the columns that are grouped by."""
    group = tree.args.get("group")
    keys = [_value(_key(each, items, tables), tables) for each in group.expressions] if group is not None else []
    by = [(name, item) for name, item in items if _value(item, tables) in keys]
    if len(by) != len(keys):
        raise RefusedSelect("GROUP BY: each of its columns stands among those that are selected, once")
    for _, item in by:
        if item.find(exp.AggFunc):
            raise RefusedSelect(f"GROUP BY: {item.sql('trino')} is an aggregate")
    made = [(name, item) for name, item in items if (name, item) not in by]
    for _, item in made:
        if not item.find(exp.AggFunc):
            raise RefusedSelect(f"{item.sql()} is neither grouped by nor an aggregate")
        for name, grouped in by:
            if not isinstance(grouped, exp.Column) and name in {tables.name_of(c) for c in item.find_all(exp.Column)}:
                raise RefusedSelect(
                    f"{name} is an aggregated column, too: write AS and another name for what is grouped by"
                )
    steps = [_wrapped(".groupBy(", [_as(name, item, tables) for name, item in by], ")")] if by else []
    if made:
        steps.append(_wrapped(".agg(", [f'{_value(item, tables)}.alias("{name}")' for name, item in made], ")"))
    elif by:
        steps[-1] = _wrapped(".select(", [_as(name, item, tables) for name, item in by], ")")
        steps.append(".distinct()")
    if [name for name, _ in items] != [name for name, _ in (*by, *made)]:
        steps.append(_wrapped(".select(", [f'"{name}"' for name, _ in items], ")"))
    present = all(isinstance(item, exp.Column) and _always(item, tables) for _, item in by)
    return steps, tuple(name for name, _ in by) if present else ()


def _key(given: exp.Expr, items: Sequence[tuple[str, exp.Expr]], tables: _Tables) -> exp.Expr:
    """Return what is grouped by: what is selected at a place, else a column of the tables, else what has the name."""
    if isinstance(given, exp.Literal) and given.is_int and 1 <= int(given.this) <= len(items):
        return items[int(given.this) - 1][1]
    if not isinstance(given, exp.Column) or tables.has(given):
        return given
    return next((item for name, item in items if given.name.lower() == name), given)


def _always(column: exp.Column, tables: _Tables) -> bool:
    """Return whether a column of the first table has a value in every row."""
    alias, contract = next(iter(tables.by_alias.items()))
    known = {each.name: each for each in contract.columns}
    return column.table.lower() in ("", alias) and column.name in known and contract.must_be_present(known[column.name])


def _kept_key(items: Sequence[tuple[str, exp.Expr]], tables: _Tables) -> tuple[str, ...]:
    """Return the key of the only table when it is selected as it is."""
    if len(tables.by_alias) != 1:
        return ()
    (contract,) = tables.by_alias.values()
    kept = {item.name: name for name, item in items if isinstance(item, exp.Column) and _always(item, tables)}
    whole = contract.derived and contract.key and set(contract.key) <= kept.keys()  # what arrives may arrive twice
    return tuple(kept[name] for name in contract.key) if whole else ()


def _value(node: exp.Expr, tables: _Tables) -> str:
    """Return an expression as PySpark; ``RefusedSelect`` for what has no plain form."""
    kind = type(node)
    if kind is exp.Div and "double" not in (_kind(node.this, tables), _kind(node.expression, tables)):
        raise RefusedSelect(
            f"{shortened(node.sql('trino'), 60)}: Athena divides whole numbers without a rest and rounds decimals, "
            "PySpark does not; cast one of them to a double"
        )
    if kind is exp.Avg and _kind(node.this, tables) not in ("whole", "double"):
        raise RefusedSelect(
            f"{shortened(node.sql('trino'), 60)}: Athena rounds the average of decimals, PySpark does not; "
            "cast what is averaged to a double"
        )
    if kind in _BINARY:
        left, right = _value(node.this, tables), _value(node.expression, tables)
        return f"({left} {_BINARY[kind]} {right})"
    if kind in _CALLS:
        return f"F.{_CALLS[kind]}({_value(node.this, tables)})"
    if kind in _SEVERAL:
        given = [each for each in (node.this, *node.expressions) if isinstance(each, exp.Expr)]
        return f"F.{_SEVERAL[kind]}({', '.join(_value(each, tables) for each in given)})"
    write = _OTHERS.get(kind)
    if write is None:
        raise RefusedSelect(f"{shortened(node.sql('trino'), 60)}: it has no plain form here")
    return write(node, tables)


def _kind(node: exp.Expr, tables: _Tables) -> str:
    return kind_of(node, tables.type_of)


def _literal(node: exp.Expr, _: _Tables) -> str:
    if node.is_string:
        return f"F.lit({_text(node.name)})"
    if node.is_int:
        return f"F.lit({int(node.name)})"
    whole, _point, fraction = node.name.partition(".")
    if not (whole + fraction).isdigit():
        raise RefusedSelect(f"{node.name}: write it as a decimal")
    digits = len((whole + fraction).lstrip("0")) or 1
    return f'F.lit("{node.name}").cast("decimal({max(digits, len(fraction))},{len(fraction)})")'


def _text(text: str) -> str:
    """Return a text as Python has it, between double quotes."""
    return f'"{text}"' if text.isprintable() and not set(text) & set('"\\') else repr(text)


def _plain(node: exp.Expr) -> str:
    if not isinstance(node, exp.Literal):
        raise RefusedSelect(f"{node.sql()}: IN lists texts and numbers")
    if not (node.is_string or node.is_int):
        raise RefusedSelect(f"{node.sql()}: IN lists texts and whole numbers")
    return _text(node.name) if node.is_string else node.name


def _is(node: exp.Expr, tables: _Tables) -> str:
    if not isinstance(node.expression, exp.Null):
        raise RefusedSelect(f"{node.sql()}: IS is followed by NULL or NOT NULL")
    return f"{_value(node.this, tables)}.isNull()"


def _not(node: exp.Expr, tables: _Tables) -> str:
    if isinstance(node.this, exp.Is) and isinstance(node.this.expression, exp.Null):
        return f"{_value(node.this.this, tables)}.isNotNull()"
    return f"(~{_value(node.this, tables)})"  # else what follows, as .alias(…), would come first


def _in(node: exp.Expr, tables: _Tables) -> str:
    return f"{_value(node.this, tables)}.isin({', '.join(map(_plain, node.expressions))})"


def _between(node: exp.Expr, tables: _Tables) -> str:
    low, high = (_value(node.args[side], tables) for side in ("low", "high"))
    return f"{_value(node.this, tables)}.between({low}, {high})"


def _case(node: exp.Expr, tables: _Tables) -> str:
    found = "F"
    for branch in node.args["ifs"]:
        test = exp.EQ(this=node.this.copy(), expression=branch.this.copy()) if node.this else branch.this
        found += f".when({_bare(_value(test, tables))}, {_value(branch.args['true'], tables)})"
    default = node.args.get("default")
    return f"{found}.otherwise({_value(default, tables)})" if default is not None else found


def _if(node: exp.Expr, tables: _Tables) -> str:
    found = f"F.when({_bare(_value(node.this, tables))}, {_value(node.args['true'], tables)})"
    other = node.args.get("false")
    return f"{found}.otherwise({_value(other, tables)})" if other is not None else found


def _cast(node: exp.Expr, tables: _Tables) -> str:
    spelled = node.args["to"].sql("trino").upper()
    kind = spelled.lower() if spelled.startswith("DECIMAL(") else _TYPES.get(spelled, "")
    if not kind:
        raise RefusedSelect(f"CAST AS {spelled}: no such type of a table")
    given = _kind(node.this, tables)
    if kind in ("int", "bigint") and given not in ("whole", "text", "boolean"):
        raise RefusedSelect(
            f"{shortened(node.sql('trino'), 60)}: Athena rounds to whole numbers, PySpark cuts the fraction off; "
            "write what is meant in the function, by hand"
        )
    if kind == "string" and given in ("double", "timestamp"):
        raise RefusedSelect(
            f"{shortened(node.sql('trino'), 60)}: Athena and PySpark write a {given} differently; "
            "write what is meant in the function, by hand"
        )
    return f'{_value(node.this, tables)}.cast("{kind.replace(" ", "")}")'


def _count(node: exp.Expr, tables: _Tables) -> str:
    if isinstance(node.this, exp.Star) or node.this is None:
        return 'F.count("*")'
    if isinstance(node.this, exp.Distinct):
        return f"F.count_distinct({', '.join(_value(each, tables) for each in node.this.expressions)})"
    return f"F.count({_value(node.this, tables)})"


def _round(node: exp.Expr, tables: _Tables) -> str:
    places = node.args.get("decimals")
    if places is not None and not (isinstance(places, exp.Literal) and places.is_int):
        raise RefusedSelect(f"{shortened(node.sql('trino'), 60)}: round is given a number of digits, 0 or more")
    return f"F.round({_value(node.this, tables)}{f', {int(places.name)}' if places is not None else ''})"


def _trim(node: exp.Expr, tables: _Tables) -> str:
    return f"F.trim({_value(node.this, tables)})"


_OTHERS: dict[type[exp.Expr], Callable[[exp.Expr, _Tables], str]] = {
    exp.Column: lambda node, tables: f'F.col("{tables.name_of(node)}")',  # type: ignore[arg-type]
    exp.Literal: _literal,
    exp.Boolean: lambda node, _: f"F.lit({bool(node.this)})",
    exp.Null: lambda _node, _tables: "F.lit(None)",
    exp.Paren: lambda node, tables: _value(node.this, tables),
    exp.Neg: lambda node, tables: f"(-{_value(node.this, tables)})",
    exp.Is: _is,
    exp.Not: _not,
    exp.In: _in,
    exp.Between: _between,
    exp.Case: _case,
    exp.If: _if,
    exp.Cast: _cast,
    exp.Count: _count,
    exp.Round: _round,
    exp.Trim: _trim,
    exp.Nullif: lambda node, tables: f"F.nullif({_value(node.this, tables)}, {_value(node.expression, tables)})",
    exp.DPipe: lambda node, tables: f"F.concat({_value(node.this, tables)}, {_value(node.expression, tables)})",
    exp.Date: lambda node, tables: f'{_value(node.this, tables)}.cast("date")',
    exp.TsOrDsToDate: lambda node, tables: f'{_value(node.this, tables)}.cast("date")',
}


def _bare(text: str) -> str:
    """Return an expression without the parentheses around all of it."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    try:
        bare = ast.dump(ast.parse(text[1:-1], mode="eval"))
    except SyntaxError:
        return text  # they are around its first and its last part
    return text[1:-1] if bare == ast.dump(ast.parse(text, mode="eval")) else text


def _wrapped(before: str, items: Sequence[str], after: str) -> str:
    """Return a call in one line, or with a line for each argument."""
    line = f"{before}{', '.join(items)}{after}"
    if len(line) <= _LINE - 12:
        return line
    return before + "".join(f"\n    {item}," for item in items) + "\n" + after


def _lines(steps: Sequence[str]) -> str:
    first, *rest = ["\n".join("        " + line for line in step.split("\n")) for step in steps]
    return "(\n" + "\n".join([first, *rest]) + "\n    )"


def _module(table: str, inputs: Mapping[str, str], body: str, *, uses_functions: bool) -> str:
    if word := next(filter(keyword.iskeyword, inputs), ""):
        raise RefusedSelect(f"{word} is a word of Python, and can be no parameter: write the function by hand")
    name = table.rpartition(".")[2]
    functions = "from pyspark.sql import functions as F\n" if uses_functions else ""
    declared = ", ".join(f'{parameter}="{source}"' for parameter, source in inputs.items())
    parameters = ", ".join(f"{parameter}: DataFrame" for parameter in inputs)
    return (
        f'"""``{table}``: TODO."""\n\nfrom pyspark.sql import DataFrame\n{functions}'
        f"from sluice.transforms import transform\n\n\n@transform({declared})\n"
        f'def {name}({parameters}) -> DataFrame:\n    """Return TODO."""\n    return {body}\n'
    )
