"""What transforms compile to, which engines they are declared for, and that compiling them again is cheap and right."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from infra.imports import imported_by
from sluice.compiled import CompiledTransform
from sluice.contracts import Arrival, Column, Contract, DerivedContract, LandingContract, parse_type
from sluice.errors import TransformError
from sluice.project import Project
from sluice.refresh.engine import Memory, choose_engine
from sluice.transforms.compile import compile_project, weight_of
from sluice.transforms.compile_cache import CompileCache, compiler_files
from sluice.transforms.discover import discover
from tests.folders import PLACES, ROOT

HEADER = "from pyspark.sql import functions as F\nfrom sluice.transforms import transform\n"
PLAIN = 'def things(things):\n    return things.select("id")\n'
#: Spark alone can run a Python function over batches of rows.
IN_PYTHON = 'def things(things):\n    return things.mapInPandas(lambda batches: batches, "id string")\n'
CONTRACTS = (
    LandingContract("things", "bronze", (Column("id", parse_type("string"), header="id"),), arrival=Arrival("csv")),
    DerivedContract("things", "silver", (Column("id", parse_type("string")),), file="things.yaml"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "jobs" / "silver").mkdir(parents=True)
    return tmp_path / "jobs"


def write(folder: Path, declared: str, code: str = PLAIN) -> None:
    (folder / "silver" / "things.py").write_text(f'{HEADER}@transform({declared}things="bronze.things")\n{code}')


def compiled(folder: Path) -> CompiledTransform:
    project: Project = compile_project(CONTRACTS, folder)
    return project.transform("silver.things")


@pytest.mark.parametrize(
    ("sql", "weight"),
    [
        ("SELECT 'a JOIN b OVER (x) GROUP BY' AS x FROM t -- JOIN u", 1.0),
        ("SELECT * FROM t JOIN u USING (id) CROSS JOIN (SELECT max(x) FROM v LEFT JOIN w ON w.a = v.a)", 1 + 3 * 0.6),
        # One window, however many columns look through it, and whatever parentheses are in it.
        ("SELECT sum(x) OVER (PARTITION BY (a + 1)), max(y) OVER (PARTITION BY (a + 1)) FROM t", 1.8),
        ("SELECT sum(x) OVER (PARTITION BY a), sum(x) OVER (ORDER BY a), max(y) OVER own FROM t", 1 + 3 * 0.8),
        ("SELECT a, count(*) FROM (SELECT a, b FROM t GROUP BY a, b) GROUP BY a", 1.8),
        ("SELECT a, b, count(*) FROM t GROUP BY CUBE (a, b)", 3.4),
        ("SELECT a, b, count(*) FROM t GROUP BY GROUPING SETS ((a, b), (a), ())", 3.4),
    ],
)
def test_the_weight_is_of_joins_windows_and_groupings(sql: str, weight: float) -> None:
    assert weight_of(sql) == pytest.approx(weight)


@pytest.mark.slow
def test_what_duckdb_cannot_run_is_refused_unless_it_is_declared_for_spark(folder: Path) -> None:
    write(folder, "", IN_PYTHON)
    with pytest.raises(TransformError, match=r"silver\.things does not run on DuckDB: ") as caught:
        compiled(folder)
    assert str(caught.value).count("Next: ") == 1
    assert 'declare @transform(engine="spark")' in caught.value.next_step
    write(folder, 'engine="spark", ', IN_PYTHON)
    found = compiled(folder)
    assert (found.engine, found.sql, found.conflicts) == ("spark", "", {})
    assert choose_engine(found, 10, Memory()).engine == "spark"


@pytest.mark.slow
def test_a_transform_for_spark_alone_is_rebuilt_when_its_code_changes_or_its_helpers(folder: Path) -> None:
    write(folder, 'engine="spark", ', IN_PYTHON)
    first = compiled(folder).fingerprint
    write(folder, 'engine="spark", ', IN_PYTHON + "\n# another\n")
    second = compiled(folder).fingerprint
    (folder / "helper.py").write_text("ONE = 1\n")
    assert len({first, second, compiled(folder).fingerprint}) == 3


@pytest.mark.slow
def test_one_for_duckdb_alone_never_goes_to_spark(folder: Path) -> None:
    write(folder, 'engine="duckdb", ')
    found = compiled(folder)
    assert found.sql
    assert choose_engine(found, 1e12, Memory()).engine == "large"


@pytest.mark.slow
def test_an_engine_that_does_not_exist_is_refused(folder: Path) -> None:
    write(folder, 'engine="flink", ')
    with pytest.raises(TransformError, match="engine is 'flink', not one of any, duckdb, spark"):
        compiled(folder)


def test_what_is_kept_is_found_by_code_helpers_and_contracts(folder: Path, tmp_path: Path) -> None:
    write(folder, "")
    kept = CompileCache(tmp_path / "kept")

    def name(contracts: tuple[Contract, ...] = CONTRACTS) -> str:
        return kept.name(discover(folder)[0], contracts)

    names = [name()]
    write(folder, "", PLAIN + "\n# another\n")
    names.append(name())
    (folder / "helper.py").write_text("ONE = 1\n")
    names.append(name())
    names.append(name((CONTRACTS[0], msgspec.structs.replace(CONTRACTS[1], key=("id",)))))
    assert len(set(names)) == 4

    made = CompiledTransform("silver.things", {"things": "bronze.things"}, "SELECT 1", "f")
    assert kept.get(names[0]) is None
    kept.put(names[0], made)
    assert kept.get(names[0]) == made
    kept.put(names[1], made)
    long_ago = time.time() - 15 * 86_400
    os.utime(tmp_path / "kept" / names[1], (long_ago, long_ago))
    kept.evict()
    assert kept.get(names[0]) == made
    assert kept.get(names[1]) is None


@pytest.mark.parametrize("call", ["mkdir", "write_bytes", "replace", "read_bytes", "stat", "unlink"])
def test_a_cache_that_cannot_be_kept_costs_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    made = CompiledTransform("silver.things", {"things": "bronze.things"}, "SELECT 1", "f")
    kept = CompileCache(tmp_path / "kept")
    kept.put("old", made)
    os.utime(tmp_path / "kept" / "old", (0, 0))

    def refused(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, call, refused)
        kept.put("new", made)
        found = kept.get("new")
        kept.evict()
    assert found == (made if call == "unlink" else None)


def test_whatever_the_compiler_imports_of_ours_gives_another_name_in_the_cache() -> None:
    needed = imported_by([ROOT / "sluice" / "transforms" / "compile.py"], PLACES)
    assert len(needed) > 20
    assert {ROOT / file for file in needed} <= set(compiler_files())


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (
            '@transform(write="merge", by="id", orders="bronze.orders")',
            "transform() takes no `by`: it is called `recompute_key` now",
        ),
        (
            '@transform(write="merge", recompute_keys="id", orders="bronze.orders")',
            "recompute_keys='id' is no input, which is a database and a table; did you mean `recompute_key`?",
        ),
        ('@transform(recompute_keys=("id",), orders="bronze.orders")', "did you mean `recompute_key`?"),
        ('@transform(writes="merge", orders="bronze.orders")', "did you mean `write`?"),
        (
            '@transform(orders=unique("bronze.orders", news="t", newest="x"))',
            "takes no `news`; did you mean `newest`?",
        ),
        (
            '@transform(orders=source("bronze.orders", through="lines"))',
            "takes no `through`: it is called `join` now",
        ),
        ('@transform(orders=source("bronze.orders", matching="id"))', "it is called `join_on` now"),
        (
            '@transform(orders=unique("bronze.orders", newest="x", matching="id"))',
            "unique() takes no `matching`: it",
        ),
        (
            '@transform(orders=source("bronze.orders", leads="x"))',
            "source() takes no `leads`; it takes on, join, join_on",
        ),
        ('@transform(orders=source("bronze.orders", join_ons="x"))', "did you mean `join_on`?"),
        ('@transform(orders=source("bronze.orders"), matching="silver.matching")', "the function takes orders."),
        ("@transform(orders=3)", "orders=3 is no input, which is a database and a table"),
    ],
)
def test_a_keyword_that_there_is_not_is_refused_with_the_one_that_is_meant(
    declared: str, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "glue_jobs" / "silver" / "orders.py"
    file.parent.mkdir(parents=True)
    file.write_text(f"from sluice.transforms import source, transform, unique\n\n{declared}\ndef orders(orders): ...\n")
    with pytest.raises(TransformError) as refused:
        discover(tmp_path / "glue_jobs")
    assert str(refused.value).startswith(f"{file}:3: ")
    assert refused.value.position == 3
    assert said in str(refused.value)


#: Code that ends a process, or the work in it, with no error of its own.
ENDINGS = ["raise SystemExit(0)", "raise KeyboardInterrupt", "import os; os._exit(0)", "import os; os._exit(3)",
           "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("ending", [*ENDINGS[:3], *(pytest.param(it, marks=pytest.mark.slow) for it in ENDINGS[3:])])
def test_a_module_that_ends_its_process_is_an_error_that_names_it(folder: Path, ending: str) -> None:
    (folder / "silver" / "things.py").write_text(f"{ending}\n")
    with pytest.raises(
        TransformError, match=r"jobs/silver/things\.py(:1)?: silver\.things (cannot be loaded|ends the)"
    ) as told:
        compiled(folder)
    assert told.value.safe
    assert told.value.next_step


@pytest.mark.slow
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_function_that_ends_its_process_is_an_error_that_names_it_and_no_other(folder: Path, ending: str) -> None:
    write(folder, "", f"def things(things):\n    {ending}\n")
    others = tuple(
        DerivedContract(f"a{n}", "silver", (Column("id", parse_type("string")),), file="a.yaml") for n in range(3)
    )
    for other in others:
        (folder / "silver" / f"{other.name}.py").write_text(
            f'{HEADER}@transform(things="bronze.things")\ndef {other.name}(things):\n    return things.select("id")\n'
        )
    with pytest.raises(TransformError, match=r"jobs/silver/things\.py:[35]: .*silver\.things"):
        compile_project((*CONTRACTS, *others), folder)


@pytest.mark.slow
def test_what_a_transform_prints_is_no_part_of_its_sql(folder: Path) -> None:
    write(folder, "", PLAIN.replace("    return", "    print('called')\n    return") + "print('loaded')\n")
    assert "SELECT" in compiled(folder).sql


#: Compiles what stands in the folder that it is given.
_ALONE = """
import sys
from pathlib import Path
from sluice.transforms.compile import compile_project, weight_of
from tests.sluice.transforms.test_compile import CONTRACTS

compile_project(CONTRACTS, Path(sys.argv[1]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("never", ["while True: pass", "__import__('re').match('(a+)+$', 'a' * 60 + 'b')"])
def test_what_ends_the_asking_process_ends_a_transform_that_never_returns(
    folder: Path, number: int, never: str
) -> None:
    mark = folder / "mark"
    write(
        folder, "", f"def things(things):\n    open({str(mark)!r}, 'w').write(str(__import__('os').getpid()))\n"
        f"    {never}\n",
    )  # fmt: skip
    with subprocess.Popen([sys.executable, "-c", _ALONE, str(folder)], cwd=ROOT) as asking:
        until(lambda: mark.is_file() and mark.read_text() != "")
        asking.send_signal(number)
    running = Path(f"/proc/{mark.read_text()}")
    try:
        until(lambda: not running.exists())
    finally:
        if running.exists():
            os.kill(int(running.name), signal.SIGKILL)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
