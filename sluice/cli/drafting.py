"""`sluice new`: writes the contract of a dataset, and says what was found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sluice.cli.options import usable_path
from sluice.cli.profiled import table_of, table_study
from sluice.cli.whole_files import write_whole
from sluice.counted import counted
from sluice.folders import needed_project, project_around
from sluice.profiling.drafts import Draft, dataset_name, draft, draft_of, place_of
from sluice.profiling.encodings import refuse_unknown
from sluice.shortened import printable


def new_contract(
    dataset: str, origin: str, contracts: Path | None, *, encoding: str, force: bool, env: str
) -> tuple[Path, Draft]:
    """Write a contract that loads the files at ``origin``, and return where it is and what it is made of."""
    name = dataset_name(dataset)
    refuse_unknown(encoding)
    folder = contracts if contracts is not None else needed_project().contracts
    path = place_of(name, folder, force=force)
    project = project_around(folder)
    of = project.root.name if project else "data"
    if (table := table_of(origin, env)) is None:
        drafted = draft(name, usable_path(origin), of, encoding)
    else:
        with table_study(*table) as study:
            drafted = draft_of(study, name, of)
        notes = (
            *drafted.notes,
            "A table does not say what files will arrive: Parquet is written, which keeps its types.",
        )
        drafted = replace(drafted, files=0, notes=notes)
    write_whole(path, drafted.text)
    return path, drafted


def as_data(path: Path, drafted: Draft) -> dict[str, Any]:
    """Return what `sluice new --json` prints."""
    arrival = drafted.contract.arrival
    return {
        "contract": str(path),
        "dataset": drafted.dataset,
        "format": arrival.format,
        "files": drafted.files,
        "columns": {column.name: str(column.type) for column in drafted.contract.columns},
        "key": drafted.key or None,
        "personal": list(drafted.personal),
        "rows": drafted.read.rows,
        "quarantined": drafted.read.quarantined,
        "reasons": list(drafted.read.reasons),
        "whole": drafted.read.whole,
        "notes": list(drafted.notes),
    }


def in_words(path: Path, drafted: Draft) -> str:
    """Return what `sluice new` prints."""
    read, arrival = drafted.read, drafted.contract.arrival
    of = {0: "the table", 1: "the file"}.get(drafted.files, f"{drafted.files} files")
    lines = [f"{path} is written: {counted(len(drafted.contract.columns), 'column')}, format {arrival.format}."]
    if not read.whole:
        lines.append(f"Only the beginning of {of} was looked at; what comes later may be of other types.")
    if drafted.files:
        some = "" if read.whole else "so much of "
        lines.append(f"By it, {some}{of} {'were' if drafted.files > 1 else 'was'} read: {counted(read.rows, 'row')}.")
    else:
        lines.append(f"Its columns are those of the table; looked at: {counted(read.rows, 'row')}.")
    if read.quarantined:
        why = ", ".join(f"{count:,} {code}" for code, count in read.quarantined.items())
        lines.append(f"{counted(sum(read.quarantined.values()), 'record')} would be quarantined ({why}):")
        lines += [f"  {reason}" for reason in read.reasons]
    if drafted.key:
        lines.append(f"Proposed as key: {drafted.key}.")
    if drafted.personal:
        lines.append(f"Personal by its name: {', '.join(drafted.personal)}.")
    lines += [f"Note: {note}" for note in drafted.notes]
    lines.append("Next: describe what says TODO, then `sluice check`.")
    return "\n".join(map(printable, lines))
