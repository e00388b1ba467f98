"""Declaration checks: whether a transform's write mode, recompute key and inputs fit the contracts.

No transform runs for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sluice.contracts import Contract
from sluice.errors import TransformError
from sluice.project import Lead
from sluice.tables.arrow import data_arrow
from sluice.transforms import ENGINES, Source
from sluice.transforms.discover import Found
from sluice.transforms.history import IS_CURRENT, VALID_FROM, VALID_TO
from sluice.writes import WRITE_MODES


def lead_of(given: Source, key: tuple[str, ...]) -> Lead:
    """Return an input's change propagation as runs use it; ``key`` is the key of the input's contract."""
    return Lead(given.on, given.through, given.matching, key if given.newest is not None else ())


def check_declaration(item: Found, contracts: Mapping[str, Contract]) -> None:
    """Raise ``TransformError``, with every reason, for a declaration that does not fit the contracts."""
    contract = contracts[item.table]
    problems = [*_of_write(item, contract), *_of_sources(item, contracts)]
    if problems:
        raise TransformError(f"{item.file}: {item.table} is not declared well: {'; '.join(problems)}.")


def _of_write(item: Found, contract: Contract) -> Iterator[str]:
    columns = {column.name for column in contract.columns}
    mode = WRITE_MODES.get(item.write)
    if mode is None:
        yield f"write is {item.write!r}, not one of {', '.join(WRITE_MODES)}"
    elif item.by and not mode.by:
        yield f"write={item.write!r} takes no `by`"
    elif mode.by and not item.by:
        yield f"write={item.write!r} needs `by`, the columns of the result by which changed rows are recomputed"
    if item.engine not in ENGINES:
        yield f"engine is {item.engine!r}, not one of {', '.join(ENGINES)}"
    for name in item.by:
        if name not in columns:
            yield f"by={name!r} is no column of {contract.file}"
    if mode is None:
        return
    identities = tuple(field.column for field in contract.partitioning if field.transform == "identity")
    if mode.by_partitions and (item.by != identities or len(identities) != len(contract.partitioning)):
        yield f"by={item.by} are not the contract's identity partitions {identities}"
    if mode.history:
        if missing := [name for name in (VALID_FROM, VALID_TO, IS_CURRENT) if name not in columns]:
            yield f"the contract lacks {', '.join(missing)}"
        if contract.key != (*item.by, VALID_FROM):
            yield f"the contract's key is {contract.key}, not {(*item.by, VALID_FROM)}"


def _of_sources(item: Found, contracts: Mapping[str, Contract]) -> Iterator[str]:
    mode = WRITE_MODES.get(item.write)
    if mode is not None and mode.only_added and len(item.sources) != 1:
        yield f"write={item.write!r} takes one input: rows already written would not follow a change of another input"
    tables = list(item.inputs.values())
    for name, given in item.sources.items():
        if not given.on and given.through is None:
            if given.matching:
                yield f"{name} has `matching` and no `through`"
            continue
        if not item.by:
            yield f"{name} has `on` or `through`, which write={item.write!r} does not use"
        if given.on and given.through is not None:
            yield f"{name} has both `on` and `through`"
        if tables.count(given.table) > 1:
            yield f"{given.table} is declared as two inputs: changes of one table cannot belong to both"
        own = set(data_arrow(contracts[given.table]).names)
        wanted = [*given.on, *(mine for mine, _ in given.matching)]
        yield from (f"{name}: {given.table} has no column {column}" for column in wanted if column not in own)
        if given.on and len(given.on) != len(item.by):
            yield f"{name}: on={given.on} must name a column for each of by={item.by}"
        if given.through is not None:
            yield from _of_path(name, item, contracts)


def _of_path(name: str, item: Found, contracts: Mapping[str, Contract]) -> Iterator[str]:
    """Yield what is wrong with a join path: it must lead along ``through`` to an input that declares ``on``."""
    given = item.sources[name]
    if not given.matching:
        yield f"{name}: through={given.through!r} needs `matching` columns"
    seen = {name}
    place: str | None = given.through
    while place is not None:
        if place not in item.sources:
            yield f"{name}: through={place!r} is no parameter of the function"
            return
        if place in seen:
            yield f"{name}: its join path leads back to {place}"
            return
        seen.add(place)
        following = item.sources[place]
        if not following.on and following.through is None:
            yield f"{name}: its join path ends at {place}, which declares neither `on` nor `through`"
            return
        place = following.through
    assert given.through is not None
    theirs = set(data_arrow(contracts[item.inputs[given.through]]).names)
    for _, column in given.matching:
        if column not in theirs:
            yield f"{name}: {given.through} has no column {column}"
