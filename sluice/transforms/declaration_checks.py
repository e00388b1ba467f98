"""Declaration checks: whether a transform's write mode, recompute key and inputs fit the contracts.

No transform runs for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sluice.compiled import Propagation
from sluice.contracts import Contract
from sluice.errors import TransformError
from sluice.nearest import nearest
from sluice.tables.arrow import data_arrow
from sluice.transforms import ENGINES, Input
from sluice.transforms.discover import DiscoveredTransform
from sluice.transforms.history import IS_CURRENT, VALID_FROM, VALID_TO
from sluice.transforms.retention_checks import check_retention
from sluice.writes import WRITE_MODES


def propagation_of(given: Input, key: tuple[str, ...]) -> Propagation:
    """Return an input's change propagation as runs use it; ``key`` is the key of the input's contract."""
    return Propagation(given.on, given.join, given.join_on, key if given.newest is not None else ())


def check_declaration(item: DiscoveredTransform, contracts: Mapping[str, Contract]) -> None:
    """Raise ``TransformError``, with every reason, for a declaration that does not fit the contracts."""
    contract = contracts[item.table]
    problems = [*_of_write(item, contract), *_of_sources(item, contracts), *check_retention(item, contracts)]
    if problems:
        raise TransformError(
            f"{item.place}: {item.table} is not declared well: {'; '.join(problems)}.",
            dataset=item.table,
            file=item.file,
            position=item.line,
        )


def _meant(name: str, known: Iterable[str]) -> str:
    near = nearest(name, known)
    return f" (did you mean {near}?)" if near else ""


def _of_write(item: DiscoveredTransform, contract: Contract) -> Iterator[str]:
    columns = {column.name for column in contract.columns}
    mode = WRITE_MODES.get(item.write)
    if mode is None:
        yield f"write is {item.write!r}, not one of {', '.join(WRITE_MODES)}{_meant(item.write, WRITE_MODES)}"
    elif item.recompute_key and not mode.recompute_key:
        yield f"write={item.write!r} takes no `recompute_key`"
    elif mode.recompute_key and not item.recompute_key:
        yield f"write={item.write!r} needs `recompute_key`, the result's columns by which changes are recomputed"
    if item.engine not in ENGINES:
        yield f"engine is {item.engine!r}, not one of {', '.join(ENGINES)}"
    for name in item.recompute_key:
        if name not in columns:
            yield f"recompute_key={name!r} is no column of {contract.file}{_meant(name, columns)}"
    if mode is None:
        return
    identities = tuple(field.column for field in contract.partitioning if field.transform == "identity")
    if mode.key_is_partitions and (item.recompute_key != identities or len(identities) != len(contract.partitioning)):
        yield f"recompute_key={item.recompute_key} are not the contract's identity partitions {identities}"
    if mode.history:
        if missing := [name for name in (VALID_FROM, VALID_TO, IS_CURRENT) if name not in columns]:
            yield f"the contract lacks {', '.join(missing)}"
        if contract.key != (*item.recompute_key, VALID_FROM):
            yield f"the contract's key is {contract.key}, not {(*item.recompute_key, VALID_FROM)}"


def _of_sources(item: DiscoveredTransform, contracts: Mapping[str, Contract]) -> Iterator[str]:
    mode = WRITE_MODES.get(item.write)
    if mode is not None and mode.only_added and len(item.sources) != 1:
        yield f"write={item.write!r} takes one input: rows already written would not follow a change of another input"
    tables = list(item.inputs.values())
    for name, given in item.sources.items():
        if given.newest is not None and contracts[given.table].derived:
            yield f"{name}: {given.table} is derived: `newest` is for what arrives, whose quarantine takes the others"
        if not given.on and given.join is None:
            if given.join_on:
                yield f"{name} has `join_on` and no `join`"
            continue
        if not item.recompute_key:
            yield f"{name} has `on` or `join`, which write={item.write!r} does not use"
        if given.on and given.join is not None:
            yield f"{name} has both `on` and `join`"
        if tables.count(given.table) > 1:
            yield f"{given.table} is declared as two inputs: changes of one table cannot belong to both"
        own = set(data_arrow(contracts[given.table]).names)
        wanted = [*given.on, *(mine for mine, _ in given.join_on)]
        yield from (
            f"{name}: {given.table} has no column {column}{_meant(column, own)}"
            for column in wanted
            if column not in own
        )
        if given.on and len(given.on) != len(item.recompute_key):
            yield f"{name}: on={given.on} must name a column for each of recompute_key={item.recompute_key}"
        if given.join is not None:
            yield from _of_path(name, item, contracts)


def _of_path(name: str, item: DiscoveredTransform, contracts: Mapping[str, Contract]) -> Iterator[str]:
    """Yield what is wrong with a join path: it must lead along ``join`` to an input that declares ``on``."""
    given = item.sources[name]
    if not given.join_on:
        yield f"{name}: join={given.join!r} needs `join_on` columns"
    seen = {name}
    place: str | None = given.join
    while place is not None:
        if place not in item.sources:
            yield f"{name}: join={place!r} is no parameter of the function{_meant(place, item.sources)}"
            return
        if place in seen:
            yield f"{name}: its join path leads back to {place}"
            return
        seen.add(place)
        following = item.sources[place]
        if not following.on and following.join is None:
            yield f"{name}: its join path ends at {place}, which declares neither `on` nor `join`"
            return
        place = following.join
    assert given.join is not None
    theirs = set(data_arrow(contracts[item.inputs[given.join]]).names)
    for _, column in given.join_on:
        if column not in theirs:
            yield f"{name}: {given.join} has no column {column}{_meant(column, theirs)}"
