"""Makes a contract of files: studies them, writes it, and reads the files by it to the end that was looked at."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.compute as pc

from sluice.contracts import LandingContract
from sluice.contracts.columns import NAME
from sluice.counted import counted
from sluice.errors import ContractError, UnreadableFile, WrongArgument
from sluice.ingestion.read import read_checked
from sluice.load import contract_files, load_contract
from sluice.profiling.contract_text import contract_text
from sluice.profiling.keys import proposed_key
from sluice.profiling.names import column_name
from sluice.profiling.sources import Sampled, empty_files, left_out, sources_of
from sluice.profiling.studies import Study, studied

_MOST_REASONS = 5


@dataclass(frozen=True)
class Read:
    """What the contract made of the files: accepted ``rows``, ``quarantined`` records by reason, some in words."""

    rows: int
    quarantined: dict[str, int]
    reasons: tuple[str, ...]
    #: Whether all of the files was read.
    whole: bool


@dataclass(frozen=True)
class Draft:
    """A contract for files: its ``text``, and what reading the files by it gave."""

    dataset: str
    text: str
    contract: LandingContract
    files: int
    key: str
    personal: tuple[str, ...]
    notes: tuple[str, ...]
    read: Read


def dataset_name(given: str) -> str:
    """Return the dataset's name without its database; ``WrongArgument`` when it can be none."""
    database, _, name = given.rpartition(".")
    if database not in ("", "bronze"):
        raise WrongArgument(
            f"{given!r} is no dataset that files arrive for: those are in bronze.",
            next_step=f"`sluice new {name} --from FILE`.",
            value=given,
        )
    if not NAME.fullmatch(name):
        raise WrongArgument(
            f"{given!r} is no name of a dataset: lower case letters, digits and underscores, a letter first.",
            next_step=f"`sluice new {column_name(name) or 'orders'} --from FILE`",
            value=given,
        )
    return name


def draft(dataset: str, place: Path, project: str, encoding: str = "") -> Draft:
    """Return a contract that loads the file, or a folder's files; ``WrongArgument`` when no reader takes them."""
    with studied(place, encoding) as study:
        drafted = draft_of(study, dataset, project)
        empty = empty_files(place)
    said = (
        f"{counted(len(empty), 'empty file')} left out; a delivery of one is quarantined: {empty[0]}." if empty else ""
    )
    notes = (*drafted.notes, said) if said else drafted.notes
    read = read_by(drafted.contract, sources_of(place))
    # An array that is cut has no end, which its reader waits for; its records were read one by one.
    return replace(drafted, notes=notes, read=read if read.rows or read.whole else drafted.read)


def draft_of(study: Study, dataset: str, project: str) -> Draft:
    """Return a contract for what was studied; what is read by it is what was studied, until it is tried."""
    text = contract_text(study, dataset, project)
    return Draft(
        dataset=dataset,
        text=text,
        contract=loaded(text, dataset),
        files=study.files,
        key=key.name if (key := proposed_key(study.columns)) else "",
        personal=tuple(column.name for column in study.columns if column.personal),
        notes=tuple(_notes(study)),
        read=Read(study.spool.rows, {}, (), whole=not study.cut),
    )


def loaded(text: str, dataset: str) -> LandingContract:
    """Return the contract that the text declares, as `sluice check` reads it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{dataset}.yaml"
        path.write_text(text, encoding="utf-8")
        contract = load_contract(path)
    if not isinstance(contract, LandingContract):
        raise AssertionError(f"{dataset} is written as a dataset that arrives")
    return contract


def read_by(contract: LandingContract, sources: Sequence[Sampled]) -> Read:
    """Return what reading the files by the contract gives, as far as they are looked at."""
    rows, counts = 0, Counter[str]()
    some: list[str] = []
    for source in sources:
        before, last = rows, 0
        refused: list[tuple[int, str]] = []
        words: list[str] = []
        try:
            for checked in read_checked(source, contract):
                if contract.arrival.format == "parquet" and source.enough((rows - before) * len(contract.columns)):
                    source.cut.append(True)
                    break
                rows += checked.accepted.num_rows
                last = pc.max(checked.positions).as_py() or last
                refused += zip(*(checked.rejected[name].to_pylist() for name in ("_position", "reason")), strict=True)
                told = checked.rejected["reasons"][: _MOST_REASONS - len(words)].to_pylist()
                words += [each[0]["message"] for each in told]
        except UnreadableFile as error:
            if not source.cut:
                raise WrongArgument(
                    error.what, next_step="mend the file, or name another one.", file=source.uri, value=error.value
                ) from error
        # What is left of a record that was cut is no broken record.
        sound = [one for one in refused if not source.cut or one[0] < last]
        counts.update(code for _, code in sound)
        some += [f"record {position:,}: {why}" for (position, _), why in zip(sound, words, strict=False)]
    return Read(rows, dict(counts), tuple(some[:_MOST_REASONS]), whole=not left_out(sources))


def _notes(study: Study) -> list[str]:
    notes = list(study.notes)
    if not study.layout.dialect.header:
        notes.append("There is no header: the columns are called column_1, column_2, …; give them names.")
    notes += [f"{c.name}: {c.guess.note}" for c in study.columns if c.guess is not None and c.guess.note]
    notes += [
        f"{c.header}: not loaded, its values are of kinds that no type holds." for c in study.columns if c.guess is None
    ]
    return notes


def place_of(dataset: str, folder: Path, *, force: bool) -> Path:
    """Return where the contract is written; ``WrongArgument`` when the name is taken and is not to be taken over."""
    path = folder / f"{dataset}.yaml"
    for other in contract_files(folder) if folder.is_dir() else []:
        if other != path and _declares(other, f"bronze.{dataset}"):
            raise WrongArgument(
                f"{other} declares bronze.{dataset} already.",
                safe="nothing was written.",
                next_step="choose another name, or delete that file first.",
                dataset=dataset,
                file=str(other),
            )
    if (path.exists() or path.is_symlink()) and not force:
        raise WrongArgument(
            f"{path} is there already.",
            safe="nothing was written.",
            next_step="choose another name, or add `--force` to write it anew: what was changed in it by hand is lost.",
            dataset=dataset,
            file=str(path),
        )
    return path


def _declares(path: Path, table: str) -> bool:
    """Return whether it is the table's contract; one that does not even name it is not loaded, which takes long."""
    try:
        if table.encode() not in path.read_bytes():
            return False
        return load_contract(path).table == table
    except (ContractError, OSError):
        return False  # `sluice check` tells of it
