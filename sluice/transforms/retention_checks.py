"""Retention checks: no derived table may lose rows because its inputs' retention ended, unless its contract says so.

Retention removes rows of bronze for good. Whatever recomputes a row from bronze afterwards, be it a change of another
row, a new rate or a changed function, no longer finds what it was made of. Decision 0022 explains the three ways out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sluice.contracts import Contract
from sluice.transforms.discover import DiscoveredTransform
from sluice.writes import WRITE_MODES


def check_retention(item: DiscoveredTransform, contracts: Mapping[str, Contract]) -> Iterator[str]:
    """Yield what is wrong with the table's retention, or with its lack of one."""
    contract, own = contracts[item.table], contracts[item.table].retention_days
    landing = [contracts[name] for name in item.inputs.values() if not contracts[name].derived]
    inputs = {given.table: given.retention_days for given in landing if given.retention_days is not None}
    if not inputs:
        if own is not None:
            yield f"{contract.file} declares a retention, and no landing dataset that it reads has one; remove it"
        return
    name = min(inputs, key=lambda each: inputs[each])
    if own is not None:
        if own > inputs[name]:
            yield (
                f"{contract.file} declares a retention of {own} days, and what the table is made of lasts no longer "
                f"than {name}, {inputs[name]} days; declare {inputs[name]} days or fewer"
            )
    elif why := _what_loses(item, contracts):
        yield (
            f"rows of {name} go after {inputs[name]} days, and {why}; declare a retention of {inputs[name]} days or "
            f"fewer in {contract.file}, so that its rows may go with what they were made of; or write='append', which "
            "recomputes nothing; or write='merge' by the key of that one input, read with `newest`, so that only a "
            "later row replaces a row"
        )


def _what_loses(item: DiscoveredTransform, contracts: Mapping[str, Contract]) -> str:
    """Return why a run may lose rows that were made of retired ones, or an empty text when none does."""
    mode = WRITE_MODES.get(item.write)
    if mode is None or mode.only_added:
        return ""
    if mode.whole:
        return f"write={item.write!r} computes every row anew, also of what is gone"
    if mode.key_is_partitions or mode.history:
        return f"write={item.write!r} makes a row of several rows, of which some are gone when another one changes it"
    return _what_recomputes(item, contracts)


def _what_recomputes(item: DiscoveredTransform, contracts: Mapping[str, Contract]) -> str:
    """Return why a row is recomputed, or made, of more than a later row of its key, or an empty text if it is not."""
    if len(item.sources) > 1:
        # Also of inputs that declare what their changes touch: these recompute a row whose own input row may be gone.
        return f"a change of another input ({_others(item, contracts)}) recomputes rows whose own input row is gone"
    (given,) = item.sources.values()
    key = contracts[given.table].key
    if given.newest is None:
        return f"{given.table} is not read with `newest`, so that a row may be made of several, of which some are gone"
    if not key or set(given.on) != set(key):
        if not given.on:
            return f"source({given.table!r}) does not say by on={key}, its key, which row a change of it makes anew"
        return f"on={given.on} of source({given.table!r}) is not its key {key}, so a row may be made of several"
    return ""


def _others(item: DiscoveredTransform, contracts: Mapping[str, Contract]) -> str:
    """Return the parameters whose changes may recompute a row that is made of retired rows."""
    retained = [name for name, given in item.sources.items() if contracts[given.table].retention_days is not None]
    return ", ".join(sorted(name for name in item.sources if name not in retained[:1]))
