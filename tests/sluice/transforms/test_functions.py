"""Functions are proven alike on both engines before a transform may use them; what is not is refused with the way."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow as pa
import pytest

from sluice.contracts import Arrival, Column, DerivedContract, LandingContract, parse_type
from sluice.errors import TransformError
from sluice.transforms.compile import compile_project
from sluice.transforms.functions.letters import SIGMA, SMALL_SIGMA
from sluice.transforms.functions.signatures import Signature
from sluice.transforms.functions.tables import PROVEN, every_signature, verdicts
from tests.sluice.transforms.differential import compared, values
from tests.sluice.transforms.proving import PAGE, both_engines, page, table

_INPUT = {
    "id": "string", "t": "string", "u": "string", "n": "int", "big": "bigint", "d": "double", "price": "decimal(12,2)",
    "day": "date", "other_day": "date", "moment": "timestamp", "yes": "boolean",
}  # fmt: skip
#: Signatures that `make test` tries, and rows for each; `make proof` tries all on many more.
_SHARE, _FEW, _MANY = 60, 120, 2000


def compiled(folder: Path, expression: str, kind: str, declared: str = "") -> str:
    """Return the SQL of a transform that selects one expression of the type ``kind``."""
    contracts = (
        LandingContract(
            "things", "bronze", tuple(Column(name, parse_type(of), header=name) for name, of in _INPUT.items()),
            arrival=Arrival("csv"),
        ),
        DerivedContract("things", "silver", (Column("x", parse_type(kind)),), file="things.yaml"),
    )  # fmt: skip
    (folder / "silver").mkdir(exist_ok=True)
    (folder / "silver" / "things.py").write_text(
        "from pyspark.sql import functions as F, Window\nfrom sluice.transforms import transform\n"
        f'@transform({declared}things="bronze.things")\ndef things(things):\n    return {expression}\n'
    )
    return compile_project(contracts, folder).transform("silver.things").sql


def refusal(folder: Path, expression: str, kind: str = "string", declared: str = "") -> str:
    with pytest.raises(TransformError) as caught:
        compiled(folder, expression, kind, declared)
    return str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "name", "way"),
    [
        ("F.months_between('day', 'other_day')", "months_between", "datediff"),
        ("F.hash('t')", "hash", "md5"),
        ("F.concat(F.lit('a'), F.get_json_object('t', '$.a'))", "get_json_object", "landing contract"),
        ("F.soundex('t')", "soundex", "translate"),
        ("F.initcap('t')", "initcap", "F.translate"),
        ("F.lower('t')", "lower", "F.translate"),
        ("F.sum('d')", "sum", 'accept={"sum": "reason"}'),
        ("F.regexp_replace('t', '(?=a)', 'b')", "regexp_replace", "pattern"),
        ("F.regexp_replace('t', 'a*', 'b')", "regexp_replace", "empty text"),
        ("F.regexp_replace('t', '(a)', '$2')", "regexp_replace", "number of a group"),
        ("F.exp('d')", "exp", "last bit"),
        ("F.sum('d').over(Window.partitionBy('id'))", "sum", "decimal"),
        ("F.col('d').cast('string')", "cast", "decimal"),
        ("F.expr('soundex(t)')", "soundex", "translate"),
        ("F.expr('concat(t, hash(n))')", "hash", "md5"),
        ("F.length('n')", "length", "proven are length(string)"),
        ("F.expr('no_such_function(t)')", "no_such_function", "never tried"),
        ("F.to_date('t', 'yyyy-MM-dd')", "to_date", "make_date"),
    ],
)
def test_what_is_not_proven_is_refused_by_name_with_the_nearest_way(
    tmp_path: Path, call: str, name: str, way: str
) -> None:
    said = refusal(tmp_path, f'things.select({call}.alias("x"))')
    assert f"- {name}: " in said
    assert way in said
    assert '@transform(engine="spark")' in said


@pytest.mark.slow
@pytest.mark.parametrize(
    "rows",
    [
        'things.where("soundex(t) = \'A\'").select(F.col("t").alias("x"))',
        'things.filter("lower(t) = \'A\'").select(F.col("t").alias("x"))',
        'things.selectExpr("initcap(t) AS x")',
        'things.groupBy("d").agg(F.max("t").alias("x")).select("x")',
        'things.select("d").distinct().select(F.lit("a").alias("x"))',
        'things.join(things.select(F.hash("t").alias("h")), F.col("h") == F.col("n")).select(F.col("t").alias("x"))',
        'things.groupBy(F.initcap("t").alias("x")).agg(F.count("*").alias("n")).select("x")',
    ],
)
def test_a_call_is_found_wherever_it_stands(tmp_path: Path, rows: str) -> None:
    assert "may not give the same rows on both engines" in refusal(tmp_path, rows)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("F.regexp_replace('t', '(a)(b)', '$2$1')", "string"),
        ("F.substring('t', 0, 3)", "string"),
        ("F.upper('t')", "string"),
        (f"F.lower(F.translate('t', '{SIGMA}', '{SMALL_SIGMA}'))", "string"),
        ("F.to_date('t')", "date"),
        ("F.to_date(F.date_trunc('month', 'moment'))", "date"),
        ("F.max('price').over(Window.partitionBy('id'))", "decimal(12,2)"),
        ("F.when(F.col('n') > 1, F.col('price')).otherwise(0)", "decimal(12,2)"),
        ("(F.col('n') + F.col('big'))", "bigint"),
        ("F.round(F.col('price') / 3, 2).cast('decimal(18,2)')", "decimal(18,2)"),
        ("(F.col('day') >= '2024-01-01')", "boolean"),
        ("F.expr('CASE WHEN n IN (1, 2) AND t RLIKE \"^a\" THEN t END')", "string"),
    ],
)
def test_what_is_proven_compiles(tmp_path: Path, call: str, kind: str) -> None:
    assert compiled(tmp_path, f'things.select({call}.alias("x"))', kind)


@pytest.mark.slow
def test_a_finding_is_accepted_by_the_functions_name_and_spark_is_not_judged(tmp_path: Path) -> None:
    rows = 'things.select(F.lower("t").alias("x"))'
    assert "lower(" in compiled(tmp_path, rows, "string", 'accept={"lower": "codes are ASCII"}, ')
    assert compiled(tmp_path, 'things.select(F.soundex("t").alias("x"))', "string", 'engine="spark", ') == ""


def test_the_table_tells_every_signature_and_the_page_tells_the_table() -> None:
    told = {each["signature"]: each.get("refused", "") for each in json.loads(PROVEN.read_text())}
    assert list(told) == [each.key for each in every_signature()]
    assert PAGE.read_text() == page(told)
    assert sum(not why for why in told.values()) > 400


def _drawn(seed: int) -> list[Signature]:
    usable = [each for each in every_signature() if each.calls and each.sql and not each.why]
    return random.Random(seed).sample(usable, _SHARE)


@pytest.mark.spark
@pytest.mark.slow
def test_a_share_of_the_proven_is_alike_and_a_planted_wrong_one_is_caught() -> None:
    seed = random.SystemRandom().randint(0, 10**6)
    print(f"seed {seed}")  # noqa: T201 (pytest shows it where the test fails)
    drawn = [each for each in _drawn(seed) if not verdicts()[each.key]]
    with both_engines(_FEW, seed) as both:
        found = compared(both, drawn)
        assert {key: how for key, how in found.items() if how} == {}, f"seed {seed}"
        (caught,) = both.differences(
            [("F.length(F.col('string_a'))", "row")],
            {"length(string)": ""},
            spoiled=lambda sql: sql.replace("length(", "strlen("),
        )
    assert "Spark" in caught.told
    assert "DuckDB" in caught.told


@pytest.mark.spark
@pytest.mark.proof
def test_the_table_is_what_both_engines_answer() -> None:
    with both_engines(_MANY, 1) as both:
        found = compared(both, every_signature())
    assert table(found) == PROVEN.read_text()


@pytest.mark.spark
@pytest.mark.slow
def test_every_letter_of_unicode_is_folded_alike() -> None:
    letters = [chr(code) for code in range(1, 0x110000) if not 0xD800 <= code <= 0xDFFF and chr(code) != SIGMA]
    calls = [
        f"F.{name}(F.translate(F.col('string_a'), '{SIGMA}', '{SMALL_SIGMA}'))"
        for name in ("upper", "lower", "initcap")
    ]
    with both_engines(1, 1) as both:
        empty = {field.name: pa.nulls(len(letters), field.type) for field in values(1, 1).schema}
        both.give(pa.table(empty | {"row": pa.array(range(len(letters)), pa.int32()), "string_a": letters}))
        assert both.differences([(call, "row") for call in calls], {each.key: "" for each in every_signature()}) == []


_TWO = "things.select(F.explode(F.array('n')).alias('x'), F.explode(F.array('n')).alias('y'))"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("frame", "words", "declared"),
    [
        ("things.select(F.soundex('t').alias('x'))", "soundex", 'accept={"soundex": "a reason"}, '),
        (
            "things.filter(F.soundex('t') == 'a').select(F.col('t').alias('x'))",
            "soundex",
            'accept={"soundex": "why"}, ',
        ),
        ("things.filter(F.col('n')).select(F.col('t').alias('x'))", "the condition is int", ""),
        ("things.filter(F.col('n') > things.count()).select(F.col('t').alias('x'))", "runs at once", ""),
        ("things.fillna('z', ['t']).select(F.col('t').alias('x'))", "F.coalesce or F.when", ""),
        ("things.join(things, 't', 'full').select(F.col('t').alias('x'))", "loses the key", ""),
        ("things.select(F.transform(F.array('n'), lambda e, i: e + i)[0].alias('x'))", "index was never tried", ""),
        (_TWO, "two in one select", ""),
        ("things.select(F.expr('1 + 99999999999999999999').alias('x'))", "more than 64 bits", ""),
        ("things.select(F.upper('t').over(Window.partitionBy('u')).alias('x'))", "over a window", ""),
    ],
)
def test_what_would_be_other_rows_is_refused(frame: str, words: str, declared: str, tmp_path: Path) -> None:
    assert words in refusal(tmp_path, frame, declared=declared)


@pytest.mark.slow
def test_a_long_chain_of_conditions_compiles(tmp_path: Path) -> None:
    chain = " | ".join(f"(F.col('n') == {number})" for number in range(120))
    assert "119" in compiled(tmp_path, f"things.filter({chain}).select(F.col('t').alias('x'))", "string")


@pytest.mark.slow
def test_a_text_that_looks_like_the_place_of_a_window_stays_a_text(tmp_path: Path) -> None:
    assert "'{over}'" in compiled(tmp_path, "things.select(F.concat('t', F.lit('{over}')).alias('x'))", "string")
