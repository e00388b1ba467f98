"""Compiles transforms to DuckDB SQL without data, and compares each result's columns and types with its contract.

This happens in a process of its own (``python -m sluice.transforms.compile``), in which SQLFrame replaces PySpark.
"""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn

import msgspec
from sqlglot.dialects import DuckDB
from sqlglot.tokenizer_core import Token, TokenType

from sluice.compiled import CompiledTransform
from sluice.contracts import AnyContract, DerivedContract
from sluice.decoding import json_decoder
from sluice.errors import SluiceError, TransformError
from sluice.folders import meant_project
from sluice.gathered import Concerned, Gathered
from sluice.nearest import nearest
from sluice.plain import without_defaults
from sluice.project import Project
from sluice.shortened import shortened
from sluice.transforms import ENGINES
from sluice.transforms.bound import column_types
from sluice.transforms.checks import compile_checks, stated_checks
from sluice.transforms.child import answered, ask, end_with_parent
from sluice.transforms.compile_cache import CompileCache
from sluice.transforms.cycles import cycles
from sluice.transforms.declaration_checks import check_declaration, propagation_of
from sluice.transforms.discover import DiscoveredTransform, discover, table_of
from sluice.transforms.duckdb_sql import EmptyTables, duckdb_sql
from sluice.transforms.own_code import line_of_input, refused
from sluice.writes import WRITE_MODES

#: The module that compiles, in a process of its own.
COMPILING: Final = "sluice.transforms.compile"
#: The weight of a transform that is not compiled to SQL: about a join, a window and a grouping.
_UNSEEN_WEIGHT = 3.0


class _Answer(msgspec.Struct):
    """What the process that compiles says: what it compiled, and the errors of all else as their ``as_data``."""

    compiled: tuple[CompiledTransform, ...]
    errors: tuple[dict[str, Any], ...] = ()


_decode_answer = json_decoder(_Answer)


def compile_project(
    contracts: tuple[AnyContract, ...],
    *folders: Path,
    folder: Path | None = None,
    broken: Collection[str] = (),
) -> Project:
    """Return the project of ``contracts`` and the compiled transforms under ``folders``.

    They import the helpers in ``glue_jobs/`` of ``folder``, by default that of the project in which ``folders`` are, or
    else of the present one; in no project it is the folder above the last of ``folders``.
    Raise ``TransformError`` for each that cannot be compiled or does not fit its contract, all of them at once; nothing
    is said of what needs a ``broken`` table, whose contract was refused.
    """
    project = meant_project(folders)
    if folder is None and project is None and folders and folders[-1].parent.is_dir():
        folder = folders[-1].parent
    elif folder is None and project is not None:
        folder = project.root
    work = _Work(
        contracts,
        [str(each.resolve()) for each in folders],  # in another folder a relative path would be another
        str(project.cache / "compiled") if project else "",
        sorted(broken),
    )
    found = Gathered()
    while isinstance(answer := _answer(work, folder, found), str):
        work.but.append(answer)
    found.errors += (TransformError.from_data(each) for each in answer.errors)
    found.refuse()
    return Project(contracts, answer.compiled)


class _Work(msgspec.Struct):
    """What the process that compiles is given; the modules in the files ``but`` are left out.

    It writes to the file ``begun`` which module it loads, so that one that ends it is known.
    """

    contracts: tuple[AnyContract, ...]
    folders: list[str]
    cache: str
    broken: list[str]
    but: list[str] = []
    begun: str = ""


_decode_work = json_decoder(_Work)


def _answer(work: _Work, folder: Path | None, found: Gathered) -> _Answer | str:
    """Return the answer of a process that compiles, or the file of a module that ends it, whose error is gathered."""
    with tempfile.NamedTemporaryFile("r") as begun:
        work.begun = begun.name
        done = ask(COMPILING, work, folder)
        at = begun.read()
    if not done.stdout and at:  # whatever its status: code of a module may end a process with any
        table = table_of(Path(at))
        with found:
            raise TransformError(
                f"{at}: {table} ends the process that loads it, with status {done.returncode}.",
                dataset=table,
                file=at,
                next_step="look for what ends the process when the module is imported, or how little memory is free."
                + _last_words(done.stderr),
            )
        return at
    if done.returncode or not done.stdout:
        raise TransformError(
            f"compiling the transforms failed:\n{done.stderr.decode()}",
            next_step="this is an error of Sluice: tell its authors, with these lines.",
        )
    return _decode_answer(done.stdout)


def _last_words(stderr: bytes) -> str:
    """Return the last line that a process wrote to standard error, as a sentence; an empty text when there is none."""
    lines = stderr.decode(errors="replace").strip().splitlines()
    return f" It said last: {shortened(lines[-1])}" if lines else ""


def compile_all(
    work: _Work, found: Gathered, *, begun: Callable[[Path | None], object] = lambda _: None
) -> list[CompiledTransform]:
    """Return the compiled transform of each derived table; those that did not change come from the cache.

    ``begun`` is called with each module before it is loaded, and with None when all are.

    Gathered are a derived table without a transform, an unknown input or checked table, tables made from each other, a
    declaration that does not fit its contract, and a function that does not compile; what needs one of these is left.
    """
    by_table = {contract.table: contract for contract in work.contracts}
    places = [Path(folder) for folder in work.folders]
    loaded = [item for each in places for item in discover(each, begun=begun, but=work.but, found=found)]
    begun(None)
    items = {item.table: item for item in loaded}
    usable = []
    for contract in _derived(by_table):
        with found:
            usable.append(_Usable(items.get(contract.table) or _missing(contract, places, items), contract))
    usable = [each for each in usable if _sound(each, by_table, frozenset(work.broken), found)]
    _refuse_cycles(usable, by_table, found)
    for each in usable:
        with found:
            check_declaration(each.item, by_table)
    known = [each for each in usable if each.item.write in WRITE_MODES and each.item.engine in ENGINES]
    return _compiled(known, by_table, CompileCache(Path(work.cache) if work.cache else None), found)


class _Usable(NamedTuple):
    """A transform, and the contract of the table that it makes."""

    item: DiscoveredTransform
    contract: DerivedContract


def _derived(by_table: Mapping[str, AnyContract]) -> list[DerivedContract]:
    found = (by_table[table] for table in sorted(by_table))
    return [contract for contract in found if isinstance(contract, DerivedContract)]


def _missing(contract: DerivedContract, places: list[Path], items: Collection[str]) -> NoReturn:
    table = contract.table
    path = places[-1] / f"{table.replace('.', '/')}.py"
    if any((each / f"{table.replace('.', '/')}.py").is_file() for each in places):
        raise Concerned  # it cannot be loaded, which was said
    near = nearest(table, items)
    raise TransformError(
        f"{contract.file}: {table} is derived, but {path} is missing.",
        next_step="write the transform there, or declare a server for data that arrive"
        + (f"; is {near.replace('.', '/')}.py meant for it?" if near else "."),
        dataset=table,
        file=contract.file,
    )


def _sound(usable: _Usable, by_table: Mapping[str, AnyContract], broken: Collection[str], found: Gathered) -> bool:
    """Return whether contracts declare all that a transform and its checks read; gather which do not.

    One that reads a ``broken`` table is not sound, either.
    """
    item, contract = usable
    before, concerned = len(found.errors), False
    for name, table in item.inputs.items():
        if table in broken:
            concerned = True
        elif table not in by_table:
            line = line_of_input(Path(item.file), item.function.__name__, name) or item.line
            with found:
                raise TransformError(
                    f"{item.file}:{line}: input {name} is {table}, which no contract declares.",
                    next_step=_to_create(table, by_table),
                    dataset=item.table,
                    value=table,
                    file=item.file,
                    position=line,
                )
    for table in sorted(_looked_at(contract, by_table) - by_table.keys()):
        concerned |= table in broken
        if table not in broken:
            with found:
                raise TransformError(
                    f"{contract.file}: a check names {table}, which no contract declares.",
                    next_step=_to_create(table, by_table),
                    dataset=contract.table,
                    value=table,
                    file=contract.file,
                )
    return not concerned and len(found.errors) == before


def _to_create(table: str, by_table: Mapping[str, AnyContract]) -> str:
    """Return the next step for a table that no contract declares: its file, or a table of the nearest name."""
    database, _, name = table.partition(".")
    file = f"contracts/{name}.yaml" if database == "bronze" else f"contracts/{database}/{name}.yaml"
    near = nearest(table, by_table)
    meant = f", such as {near}" if near else ""
    return f"create {file} with physicalName: {table}, or name a table that is there{meant}; then run `sluice check`."


def _compiled(
    items: list[_Usable], by_table: Mapping[str, AnyContract], kept: CompileCache, errors: Gathered
) -> list[CompiledTransform]:
    """Return the compiled transforms: from the compile cache, the others compiled by one process per processor."""
    names = [kept.name(each.item, [by_table[table] for table in _read_for(each, by_table)]) for each in items]
    found = [kept.get(name) for name in names]
    missing = [place for place, compiled in enumerate(found) if compiled is None]
    if missing:
        kept.evict()
        with _pool(min(os.cpu_count() or 1, len(missing)), items, by_table) as pool:
            for place, task in [(place, pool.submit(_compile_nth, place)) for place in missing]:
                try:
                    compiled = task.result()
                except BrokenProcessPool:
                    compiled = _compiled_alone(place, items, by_table)
                if isinstance(compiled, SluiceError):
                    errors.errors.append(compiled)
                    continue
                found[place] = compiled
                kept.put(names[place], compiled)
    return [compiled for compiled in found if compiled is not None]


def _pool(workers: int, items: list[_Usable], by_table: Mapping[str, AnyContract]) -> ProcessPoolExecutor:
    # Forked, since the functions' modules are not importable by name and so cannot be pickled.
    return ProcessPoolExecutor(
        workers,
        mp_context=multiprocessing.get_context("fork"),
        initializer=_begin_worker,
        initargs=(items, by_table, os.getpid()),
    )


def _compiled_alone(
    place: int, items: list[_Usable], by_table: Mapping[str, AnyContract]
) -> CompiledTransform | SluiceError:
    """Return the transform compiled in a process of its own, or its error: when that dies, it is this transform's."""
    with _pool(1, items, by_table) as pool:
        try:
            return pool.submit(_compile_nth, place).result()
        except BrokenProcessPool:
            item = items[place].item
            return TransformError(
                f"{item.place}: the process that compiled {item.table} died.",
                next_step="look for what ends the process in this transform, or how little memory is free; try again.",
                dataset=item.table,
                file=item.file,
                position=item.line,
            )


_work: list[_Usable] = []
_contracts: dict[str, AnyContract] = {}
_tables: list[EmptyTables] = []


def _begin_worker(items: list[_Usable], by_table: Mapping[str, AnyContract], parent: int) -> None:
    end_with_parent(parent, forked=True)
    # Expression trees have many reference cycles; frequent garbage collection takes a quarter of the time. Eight
    # million more objects are about 1 GB; what thirty transforms leave is not looked through at all.
    gc.set_threshold(8_000_000, 3, 100)
    # Nothing here may fail: a failed initializer breaks the pool, whose error does not give the reason.
    _work[:] = items
    _contracts.update(by_table)


def _compile_nth(place: int) -> CompiledTransform | SluiceError:
    """Return the compiled transform at index ``place``, or the error."""
    try:
        if not _tables:
            _tables.append(EmptyTables(_contracts.values()))
        return _compile_named(*_work[place])
    except SluiceError as error:
        return error


def _compile_named(item: DiscoveredTransform, contract: DerivedContract) -> CompiledTransform:
    """Return ``item`` compiled; any error becomes one that names its file and table."""
    try:
        return _compile(item, contract, _tables[0])
    except SluiceError as error:
        error.within(dataset=item.table, file=item.file)
        raise
    except BaseException as error:  # SystemExit(0), too: a check would end with it, as if all were sound
        raise refused(error, Path(item.file), item.table, "cannot be compiled", line=item.line) from error


def _read_for(usable: _Usable, by_table: Mapping[str, AnyContract]) -> list[str]:
    """Return the tables whose contracts the compilation of a transform reads."""
    item, contract = usable
    return sorted({item.table, *item.inputs.values(), *_looked_at(contract, by_table)})


def _looked_at(contract: DerivedContract, by_table: Mapping[str, AnyContract]) -> set[str]:
    """Return the tables that the contract's checks read."""
    return {table for check in stated_checks(contract, by_table) for table in check.needs}


def _refuse_cycles(usable: list[_Usable], by_table: Mapping[str, AnyContract], found: Gathered) -> None:
    needs = {
        each.item.table: set(each.item.inputs.values()) | _looked_at(each.contract, by_table) - {each.item.table}
        for each in usable
    }
    items = {each.item.table: each.item for each in usable}
    for circle in cycles(needs):
        item = items[circle[0]]
        following = (*circle[1:], circle[0])[0]
        names = [name for name, table in item.inputs.items() if table == following]
        line = (names and line_of_input(Path(item.file), item.function.__name__, names[0])) or item.line
        way = " is made of ".join((*circle, circle[0]))
        with found:
            raise TransformError(
                f"{item.file}:{line}: derived tables are made of each other: {way}.",
                next_step=f"leave out an input of one of them, such as {names[0] if names else following} here.",
                dataset=item.table,
                value=following,
                file=item.file,
                position=line,
            )


def _compile(item: DiscoveredTransform, contract: DerivedContract, tables: EmptyTables) -> CompiledTransform:
    keys = {name: tables.contracts[table].key for name, table in item.inputs.items()}
    audit = compile_checks(contract, tables.contracts)
    sql, made_of = "", item.source_hash
    conflicts: dict[str, str] = {}
    if item.engine != "spark":
        sql, conflicts = duckdb_sql(item, contract, keys, tables)
        made_of = sql
    return CompiledTransform(
        item.table,
        item.inputs,
        sql,
        _hash(made_of, _columns(contract)),
        conflicts,
        write=item.write,
        recompute_key=item.recompute_key,
        propagations={name: propagation_of(given, keys[name]) for name, given in item.sources.items()},
        engine=item.engine,
        audit=audit,
        checks=_hash(msgspec.json.encode([without_defaults(check) for check in audit]).decode()),
        weight=weight_of(sql) if sql else _UNSEEN_WEIGHT,
    )


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def weight_of(sql: str) -> float:
    """Return the work per input row of ``sql``, from its joins, windows and groupings; 1 is only reading the row.

    Its tokens tell these. A tree of it would take a tenth of all that compiling takes.
    """
    tokens = DuckDB().tokenize(sql)
    counted = Counter(token.token_type for token in tokens)
    windows = {_in_parentheses(sql, tokens[place + 1 :]) for place, token in enumerate(tokens) if _is_over(token)}
    cubes = counted[TokenType.CUBE] or counted[TokenType.GROUPING_SETS]
    joins, groups = counted[TokenType.JOIN], counted[TokenType.GROUP_BY]
    return 1.0 + 0.6 * joins + 0.8 * len(windows) + 0.4 * groups + 2.0 * cubes


def _is_over(token: Token) -> bool:
    return token.token_type is TokenType.OVER


def _in_parentheses(sql: str, tokens: list[Token]) -> str:
    """Return the text in the parentheses with which ``tokens`` of ``sql`` begin, or the name that stands there."""
    depth = 0
    for token in tokens:
        depth += (token.token_type is TokenType.L_PAREN) - (token.token_type is TokenType.R_PAREN)
        if not depth:
            return sql[tokens[0].start : token.end + 1]
    raise ValueError(f"a parenthesis is not closed: {sql}")


def _columns(contract: DerivedContract) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in column_types(contract).items())


def _main() -> int:
    def answer(given: bytes) -> _Answer:
        work, found = _decode_work(given), Gathered()
        begun = Path(work.begun)
        compiled: list[CompiledTransform] = []
        with found:
            compiled = compile_all(work, found, begun=lambda path: begun.write_text(str(path or "")))
        return _Answer(tuple(compiled), tuple(each.as_data() for each in found.in_order()))

    return answered(answer)


if __name__ == "__main__":
    sys.exit(_main())
