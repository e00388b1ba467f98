"""The tables of a query that becomes a function: how they are joined, and what their columns are called then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from sluice.contracts import AnyContract
from sluice.shortened import shortened
from sluice.transforms.written_kinds import RefusedSelect
from sluice.transforms.written_text import wrapped

#: The types of a joined column and of the one that it equals that may differ: each value of the first is of the other.
_WIDENED = ("int", "bigint")


@dataclass
class Tables:
    """The tables of a query by alias, and how each of their columns is called once they are joined.

    Those of ``optional`` are called like a column that they equal, and are missing where a LEFT JOIN found no row.
    """

    by_alias: dict[str, AnyContract] = field(default_factory=dict)
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    optional: set[tuple[str, str]] = field(default_factory=set)

    def earlier(self) -> Tables:
        """Return the tables that are joined so far, which stay these when another one comes to them."""
        return Tables(dict(self.by_alias), dict(self.names), set(self.optional))

    def _meant(self, column: exp.Column) -> tuple[str, str]:
        """Return the alias and name of a column; ``RefusedSelect`` for none, several, or one that may be missing."""
        found = [at for at in self.names if at[1] == column.name.lower() and column.table.lower() in ("", at[0])]
        if len({self.names[at] for at in found}) != 1:
            there = ", ".join(sorted({name for _, name in self.names}))
            many = "in several of the tables" if found else f"in none of the tables; there are {there}"
            raise RefusedSelect(f"the column {column.sql()} is {many}")
        if found[0] in self.optional:
            raise RefusedSelect(f"{column.sql()} is joined by: name the first table's column instead")
        return found[0]

    def _type(self, at: tuple[str, str]) -> str:
        return str(self.by_alias[at[0]].column(at[1]).type)

    def name_of(self, column: exp.Column) -> str:
        """Return what a column is called; ``RefusedSelect`` when there is none, or several, or it may be missing."""
        return self.names[self._meant(column)]

    def type_of(self, column: exp.Column) -> str:
        """Return a column's type."""
        return self._type(self._meant(column))

    def written(self, column: exp.Column) -> str:
        """Return a column as PySpark: one that stands for a column of another type is cast to its own."""
        at = self._meant(column)
        back = f'.cast("{self._type(at)}")' if self.stands_in(*at) else ""
        return f'F.col("{self.names[at]}"){back}'

    def stands_in(self, alias: str, column: str) -> bool:
        """Return whether a column of another type stands for this one, which equals it."""
        first = next(at for at, name in self.names.items() if name == self.names[alias, column])
        return self._type(first) != self._type((alias, column))

    def has(self, column: exp.Column) -> bool:
        """Return whether a name is that of a column of the tables, whatever else it is."""
        return bool(column.table) or any(name == column.name.lower() for _, name in self.names)

    def sources_of(self, item: exp.Expr) -> tuple[tuple[str, str], ...]:
        """Return the columns, with their tables, whose values come into an expression; a count of them has none.

        Of a column its own table is the first, then come those of the columns that equal it.
        """
        if isinstance(item, exp.Count):
            return ()
        if not isinstance(item, exp.Column):
            inner = (self.sources_of(each) for each in item.iter_expressions())
            return tuple(dict.fromkeys(source for found in inner for source in found))
        meant = self._meant(item)
        alike = (at for at, given in self.names.items() if given == self.names[meant])
        return tuple(dict.fromkeys((self.by_alias[at[0]].table, at[1]) for at in (meant, *alike)))

    def starred(self, item: exp.Expr) -> Iterator[exp.Expr]:
        """Yield the columns that ``*`` or ``t.*`` stands for; any other expression as it is."""
        of_one = isinstance(item, exp.Column) and isinstance(item.this, exp.Star)
        if not (of_one or isinstance(item, exp.Star)):
            yield item
            return
        if not of_one and len(self.by_alias) > 1:
            raise RefusedSelect("*: with a join, name the columns, or write t.* for those of one table")
        alias = item.args["table"].name.lower() if of_one else next(iter(self.by_alias))
        if alias not in self.by_alias:
            raise RefusedSelect(f"{item.sql()}: the tables are called {', '.join(self.by_alias)}")
        yield from (exp.column(column.name, table=alias) for column in self.by_alias[alias].columns)


def joined(tree: exp.Select, tables: Tables, contracts: Mapping[str, AnyContract]) -> list[str]:
    """Add the tables of a query, and return the steps that give what it asks of them in one frame."""
    source = tree.args.get("from_") or tree.args.get("from")
    if source is None or not isinstance(source.this, exp.Table):
        raise RefusedSelect("FROM names one table")
    first = _add(source.this, tables, contracts)
    for column in tables.by_alias[first].columns:
        tables.names[first, column.name] = column.name
    steps = [tables.by_alias[first].name]
    asked = _asked(tree)
    for join in tree.args.get("joins") or ():
        steps.append(_join(join, tables, contracts, asked))
    return steps


def _asked(tree: exp.Expr) -> set[str] | None:
    """Return the names of all columns that a query names, of whichever table; None when it asks for all, by a star."""
    if any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star)):
        return None
    using = (each.name for join in tree.args.get("joins") or () for each in join.args.get("using") or ())
    return {name.lower() for name in (*using, *(column.name for column in tree.find_all(exp.Column)))}


def _add(found: exp.Table, tables: Tables, contracts: Mapping[str, AnyContract]) -> str:
    name = f"{found.db}.{found.name}".lower()
    if name not in contracts:
        raise RefusedSelect(f"there is no contract of {found.sql()}; there are {', '.join(sorted(contracts))}")
    alias = (found.alias or found.name).lower()
    contract = contracts[name]
    if alias in tables.by_alias or contract.name in {each.name for each in tables.by_alias.values()}:
        raise RefusedSelect(f"{name} twice: write the join in the function, by hand")
    tables.by_alias[alias] = contract
    return alias


def _join(join: exp.Join, tables: Tables, contracts: Mapping[str, AnyContract], asked: set[str] | None) -> str:
    """Return the step that joins a table; of its columns it takes those that are ``asked`` for, or all."""
    how = {"LEFT": "left", "": "inner"}.get(join.side or "")
    if how is None or join.kind not in ("", "INNER", "OUTER") or join.method:
        raise RefusedSelect(f"{shortened(join.sql(), 60)}: only JOIN and LEFT JOIN have a plain form here")
    if not isinstance(join.this, exp.Table):
        raise RefusedSelect("JOIN names a table")
    before = tables.earlier()
    alias = _add(join.this, tables, contracts)
    contract = tables.by_alias[alias]
    pairs = _pairs(join, alias, contract, before)
    names = _names(contract, pairs, set(before.names.values()))
    for column, name in names.items():
        tables.names[alias, column] = name
        if column in pairs and how == "left":
            tables.optional.add((alias, column))
    widened = {column for column in pairs if tables.stands_in(alias, column)}
    taken = {column: name for column, name in names.items() if asked is None or column in pairs or column in asked}
    renamed = [_renamed(column, name, column in widened) for column, name in taken.items()]
    right = wrapped(f"{contract.name}.select(", renamed, ")")
    keys = ", ".join(f'"{name}"' for name in pairs.values())
    return wrapped(".join(", [right, f"[{keys}]", f'"{how}"'], ")")


def _renamed(column: str, name: str, widened: bool) -> str:
    """Return a column of a joined table under its name there, of the type of the column that it equals."""
    if name == column and not widened:
        return f'"{name}"'
    cast = f'.cast("{_WIDENED[1]}")' if widened else ""
    return f'F.col("{column}"){cast}.alias("{name}")'


def _names(contract: AnyContract, pairs: Mapping[str, str], before: set[str]) -> dict[str, str]:
    """Return what each column of a joined table is called: its own name, or one that no column has yet."""
    own = [column.name for column in contract.columns]
    found: dict[str, str] = {}
    for column in own:
        name = pairs.get(column, column)
        if column not in pairs and column in before:
            taken = before | {*own, *found.values()}
            tried = (f"{contract.name}_{column}{f'_{more}' * (more > 1)}" for more in range(1, len(taken) + 2))
            name = next(each for each in tried if each not in taken)
        found[column] = name
    return found


def _pairs(join: exp.Join, alias: str, contract: AnyContract, before: Tables) -> dict[str, str]:
    """Return by the joined table's columns what equals them in the tables before it."""
    condition = join.args.get("on")
    equal: Sequence[tuple[exp.Column, exp.Column]]
    if using := join.args.get("using"):
        equal = [(exp.column(each.name, table=alias), exp.column(each.name)) for each in using]
    elif condition is None:
        raise RefusedSelect("JOIN says ON or USING which columns are equal")
    else:
        equal = [_equal(part, alias) for part in _conditions(condition)]
    found = {}
    types = {column.name: str(column.type) for column in contract.columns}
    for mine, theirs in equal:
        name = mine.name.lower()
        if name not in types:
            raise RefusedSelect(f"{contract.table} has no column {name}; it has {', '.join(types)}")
        other = before.type_of(theirs)
        if types[name] != other and (types[name], other) != _WIDENED:
            turned = (other, types[name]) == _WIDENED and not join.side
            raise RefusedSelect(
                f"{mine.sql()} is {types[name]}, {theirs.sql()} is {other}, and one column has the values of both: "
                + ("begin with the other table, or " * turned)
                + "write the join in the function, by hand"
            )
        found[name] = before.name_of(theirs)
    if len(found) < len(equal) or len(set(found.values())) < len(found):
        raise RefusedSelect(f"two columns of {contract.name} equal one: write the join in the function, by hand")
    return found


def _conditions(condition: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the conditions that AND joins, whatever parentheses they stand in."""
    inner = condition.unnest()
    if isinstance(inner, exp.And):
        for side in (inner.this, inner.expression):
            yield from _conditions(side)
    else:
        yield inner


def _equal(part: exp.Expr, alias: str) -> tuple[exp.Column, exp.Column]:
    """Return the columns of the joined table and of one before it that a condition says to be equal."""
    sides = (part.this.unnest(), part.expression.unnest()) if isinstance(part, exp.EQ) else ()
    mine = [s for s in sides if isinstance(s, exp.Column) and s.table.lower() == alias]
    theirs = [s for s in sides if isinstance(s, exp.Column) and s.table.lower() not in ("", alias)]
    if len(mine) != 1 or len(theirs) != 1:
        raise RefusedSelect(f"{part.sql()}: ON compares a column of each table, as a.x = b.y, and joins such by AND")
    return mine[0], theirs[0]
