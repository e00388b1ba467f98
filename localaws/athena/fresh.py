"""Names of lambdas' parameters that no query has: what is put in a lambda keeps what its own names mean."""

from __future__ import annotations

from sqlglot import exp

#: A character for private use, with which all such names begin; a query that names anything so is refused.
MARK = "\ue000"


def fresh(*within: exp.Expr) -> exp.Identifier:
    """Return a name that is in none of these expressions, and the same one for the same expressions."""
    return several(1, *within)[0]


def several(count: int, *within: exp.Expr) -> list[exp.Identifier]:
    """Return so many names that are in none of these expressions."""
    names = [each.name for value in within for each in value.find_all(exp.Identifier)]
    first = 1 + max((int(name.removeprefix(MARK)) for name in names if name.startswith(MARK)), default=0)
    return [exp.to_identifier(f"{MARK}{first + number}", quoted=True) for number in range(count)]
