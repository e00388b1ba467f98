# ruff: noqa: RUF001 (letters that look like others are the point)
"""Functions are proven alike on both engines before a transform may use them; what is not is refused with the way."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pyarrow as pa
import pytest

from sluice.confined import connect
from sluice.contracts import Arrival, Column, DerivedContract, LandingContract, parse_type
from sluice.decoding import json_decoder
from sluice.errors import TransformError
from sluice.transforms.compile import compile_project
from sluice.transforms.functions.recorded import PARAMETERS
from sluice.transforms.functions.signatures import Signature
from sluice.transforms.functions.tables import PROVEN, every_signature, verdicts
from tests.laws import fresh_seed
from tests.sluice.transforms.differential import compared, values
from tests.sluice.transforms.proving import FEW, PAGE, both_engines, page, table, written
from tests.sluice.transforms.shapes import SHAPES, outcomes, refusals

pytestmark = pytest.mark.slow

_INPUT = {
    "id": "string", "t": "string", "u": "string", "n": "int", "big": "bigint", "d": "double", "price": "decimal(12,2)",
    "day": "date", "other_day": "date", "moment": "timestamp", "yes": "boolean",
}  # fmt: skip
#: Signatures that `make test` tries, and rows for each; `make proof` tries all on many more.
_SHARE, _FEW, _MANY = 60, FEW, 2000
_FEW_QUERIES = 25


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


@pytest.mark.parametrize(
    ("call", "name", "way"),
    [
        ("F.months_between('day', 'other_day')", "months_between", "datediff"),
        ("F.hash('t')", "hash", "md5"),
        ("F.concat(F.lit('a'), F.get_json_object('t', '$.a'))", "get_json_object", "landing contract"),
        ("F.soundex('t')", "soundex", "translate"),
        ("F.sum('d')", "sum", 'accept={"sum(double)": "reason"}'),
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


@pytest.mark.parametrize(
    "rows",
    [
        'things.where("soundex(t) = \'A\'").select(F.col("t").alias("x"))',
        'things.filter("hash(t) = 1").select(F.col("t").alias("x"))',
        'things.selectExpr("soundex(t) AS x")',
        'things.groupBy(F.struct("d")).agg(F.max("t").alias("x")).select("x")',
        'things.select(F.struct("d")).distinct().select(F.lit("a").alias("x"))',
        'things.groupBy(F.create_map(F.lit("a"), "t")).agg(F.max("t").alias("x")).select("x")',
        'things.select(F.rank().over(Window.partitionBy("u").orderBy(F.struct("t"))).cast("string").alias("x"))',
        'things.groupBy("t").agg(F.max(F.struct("d", "t")).alias("m")).select(F.col("m")["t"].alias("x"))',
        'things.join(things.select(F.hash("t").alias("h")), F.col("h") == F.col("n")).select(F.col("t").alias("x"))',
        'things.groupBy(F.soundex("t").alias("x")).agg(F.count("*").alias("n")).select("x")',
    ],
)
def test_a_call_is_found_wherever_it_stands(tmp_path: Path, rows: str) -> None:
    assert "may not give the same rows on both engines" in refusal(tmp_path, rows)


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("F.regexp_replace('t', '(a)(b)', '$2$1')", "string"),
        ("F.substring('t', 0, 3)", "string"),
        ("F.upper('t')", "string"),
        ("F.lower('t')", "string"),
        ("F.initcap('t')", "string"),
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


@pytest.mark.parametrize("first", ["t", "_sluice_change", "#latest_sent", "order"])
def test_no_name_of_a_field_lets_a_struct_of_doubles_have_a_greatest(tmp_path: Path, first: str) -> None:
    rows = (
        f"things.groupBy('id').agg(F.max(F.struct(F.col('t').alias('{first}'), F.col('d').alias('value'))).alias('s'))"
        ".select(F.col('s').getField('value').alias('x'))"
    )
    assert "its field value is double" in refusal(tmp_path, rows, "double")


def test_ties_are_refused_where_a_transform_is_compiled_and_accepted_by_name(tmp_path: Path) -> None:
    rows = 'things.select(F.row_number().over(Window.partitionBy("id").orderBy("day")).alias("x"))'
    assert compiled(tmp_path, rows, "int"), "what is read is what is held: rows that tie are alike"
    rows = 'things.select(F.lag("n").over(Window.partitionBy("id").orderBy("day")).alias("x"))'
    assert 'order also by n; where that makes no difference: accept={"order of lag": "reason"}' in refusal(
        tmp_path, rows, "int"
    )
    assert compiled(tmp_path, rows, "int", 'accept={"order of lag": "one a day"}, ')


def test_a_transform_with_functions_of_elements_compiles_to_the_same_whatever_was_compiled_before(
    tmp_path: Path,
) -> None:
    one = 'things.select(F.size(F.filter(F.split("t", ","), lambda part: part > "a")).alias("x"))'
    two = one.replace('lambda part: part > "a"', 'lambda part: part > F.col("u")')
    first = compiled(tmp_path, one, "int")
    assert first != compiled(tmp_path, two, "int")
    both = one.replace("things.select", "things.where(F.exists(F.split('u', ','), lambda part: part > 'b')).select")
    assert "part#1" in compiled(tmp_path, both, "int")
    assert first == compiled(tmp_path, one, "int")


def test_a_method_that_columns_of_spark_have_not_is_told_as_such(tmp_path: Path) -> None:
    said = refusal(tmp_path, 'things.select(F.col("t").try_cast("int").alias("x"))', "int")
    assert "a column of Spark 3.5 has no method try_cast; write F.expr('try_cast(name as int)')" in said
    assert "no method trimmed" in refusal(tmp_path, 'things.select(F.col("t").trimmed().alias("x"))', "string")


@pytest.mark.parametrize(
    ("text", "why"),
    [("latest_sent(id > 1, t, d)", "never tried"), ("`#latest_sent`(id > 1, t, d)", "no function is called so")],
)
def test_the_latest_value_in_a_log_of_changes_is_no_function_that_a_text_can_call(
    tmp_path: Path, text: str, why: str
) -> None:
    rows = f'things.groupBy("id").agg(F.expr("{text}").alias("x")).select("x")'
    assert why in refusal(tmp_path, rows, "double")


def test_a_finding_is_accepted_by_the_functions_name_and_spark_is_not_judged(tmp_path: Path) -> None:
    rows = 'things.select(F.levenshtein("t", "u").alias("x"))'
    assert "levenshtein(" in compiled(tmp_path, rows, "int", 'accept={"levenshtein(string, string)": "ASCII"}, ')
    said = refusal(tmp_path, rows, "int", 'accept={"levenshtein": "codes are ASCII"}, ')
    assert "what is found of it is accepted as 'levenshtein(string, string)' alone" in said
    two = (
        'things.select(F.concat(F.col("d").cast("string"), F.col("d").cast("decimal(9,2)").cast("string")).alias("x"))'
    )
    said = refusal(tmp_path, two, "string", 'accept={"cast(double, →decimal)": "whole cents"}, ')
    assert "→decimal" not in said
    assert "→string" in said
    assert compiled(tmp_path, 'things.select(F.soundex("t").alias("x"))', "string", 'engine="spark", ') == ""


def test_the_table_tells_every_signature_and_the_page_tells_the_table() -> None:
    told, queries = written()
    assert list(told) == [each.key for each in every_signature()]
    assert list(queries) == list(SHAPES)
    assert PAGE.read_text() == page(told, queries)
    assert "WRONG" not in PROVEN.read_text()
    assert sum(not why for why in told.values()) > 400


def _drawn(seed: int) -> list[Signature]:
    usable = [each for each in every_signature() if each.calls and each.sql and not each.why]
    return random.Random(seed).sample(usable, _SHARE)


@pytest.mark.spark
def test_a_share_of_the_proven_is_alike_and_a_planted_wrong_one_is_caught() -> None:
    seed = fresh_seed()
    print(f"seed {seed}")  # noqa: T201 (pytest shows it where the test fails)
    drawn = [each for each in _drawn(seed) if not verdicts()[each.key]]
    with both_engines(_FEW, seed) as both:
        found = compared(both, drawn)
        assert {key: how for key, how in found.items() if how} == {}, f"seed {seed}"
        shapes = random.Random(seed).sample(list(SHAPES), _FEW_QUERIES)
        for name, (why, differs) in outcomes(both, shapes, verdicts()).items():
            assert (why, differs) == (written()[1][name], ""), f"{name}, seed {seed}"
        (caught,) = both.differences(
            [("F.length(F.col('string_a'))", "row")],
            {"length(string)": ""},
            spoiled=lambda sql: sql.replace("length(", "strlen("),
        )
    assert "Spark" in caught.told
    assert "DuckDB" in caught.told


def test_the_table_tells_of_each_refused_query_what_is_said_today() -> None:
    """All of them, for they need no Spark: a share alone finds an older word only now and then."""
    signatures, queries = written()
    wanted = [name for name, why in queries.items() if why]
    assert dict(zip(wanted, refusals(wanted, signatures), strict=True)) == {name: queries[name] for name in wanted}


@pytest.mark.spark
@pytest.mark.proof
def test_the_table_is_what_both_engines_answer() -> None:
    with both_engines(_MANY, 1) as both:
        found = compared(both, every_signature())
        both.give(values(1, FEW))
        assert table(found, outcomes(both, SHAPES, verdicts())) == PROVEN.read_text()


@pytest.mark.spark
@pytest.mark.parametrize("step", [16, pytest.param(1, marks=[pytest.mark.proof])])
def test_every_letter_of_unicode_is_folded_alike(step: int) -> None:
    first = fresh_seed() % step
    print(f"every {step}th letter from the {first}th")  # noqa: T201
    letters = [chr(code) for code in range(1, 0x110000) if not 0xD800 <= code <= 0xDFFF][first::step]
    calls = [f"F.{name}(F.col('string_a'))" for name in ("upper", "lower", "initcap")]
    with both_engines(1, 1) as both:
        empty = {field.name: pa.nulls(len(letters), field.type) for field in values(1, 1).schema}
        both.give(pa.table(empty | {"row": pa.array(range(len(letters)), pa.int32()), "string_a": letters}))
        assert both.differences([(call, "row") for call in calls], {each.key: "" for each in every_signature()}) == []


_TWO = "things.select(F.explode(F.array('n')).alias('x'), F.explode(F.array('n')).alias('y'))"


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
        ("things.show() or things", "a transform returns a DataFrame", ""),
        ("things.take(3) or things", "runs at once", ""),
        ("things.write.parquet('x') or things", "write: Sluice writes the table", ""),
        ("things.writeTo('x').append() or things", "writeTo: Sluice writes the table", ""),
        ("things.createOrReplaceTempView('x') or things", "writes nothing", ""),
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


def test_a_long_chain_of_conditions_compiles(tmp_path: Path) -> None:
    chain = " | ".join(f"(F.col('n') == {number})" for number in range(120))
    assert "119" in compiled(tmp_path, f"things.filter({chain}).select(F.col('t').alias('x'))", "string")


def test_a_text_that_looks_like_the_place_of_a_window_stays_a_text(tmp_path: Path) -> None:
    assert "'{over}'" in compiled(tmp_path, "things.select(F.concat('t', F.lit('{over}')).alias('x'))", "string")


def test_calls_of_calls_stay_short_and_mean_the_same(tmp_path: Path) -> None:
    deep = {"upper": "F.upper({})", "cast": "{}.cast('int').cast('string')", "sub": "F.substring({}, -3, 2)",
            "right": "F.right({}, F.lit(3))"}  # fmt: skip
    for name, call in deep.items():
        text = "F.col('t')"
        for _ in range(12):
            text = call.format(text)
        assert len(compiled(tmp_path, f"things.select({text}.alias('x'))", "string")) < 20_000, name


#: What stands before and behind a capital sigma: letters, marks, points, digits, and what ends a word.
_BESIDE = "aAΑσς́ः-'\".,1١Ⅰ।א漢カ _/$%\n­ʰ가"


@pytest.mark.spark
@pytest.mark.parametrize("count", [10_000, pytest.param(200_000, marks=[pytest.mark.proof])])
def test_the_last_sigma_of_a_word_is_folded_alike(count: int) -> None:
    seed = fresh_seed()
    print(f"seed {seed}")  # noqa: T201 (pytest shows it where the test fails)
    rng = random.Random(seed)
    other = [chr(code) for code in range(1, 0xFFFF) if not 0xD800 <= code <= 0xDFFF and code not in (0x345, 0xFEFF)]
    texts = [
        "".join(rng.choice("Σ" if (at := rng.random()) < 0.35 else _BESIDE if at < 0.8 else other) for _ in range(8))
        for _ in range(count)
    ]
    with both_engines(1, 1) as both:
        empty = {field.name: pa.nulls(len(texts), field.type) for field in values(1, 1).schema}
        both.give(pa.table(empty | {"row": pa.array(range(len(texts)), pa.int32()), "string_a": texts}))
        calls = [(f"F.{name}(F.col('string_a'))", "row") for name in ("lower", "initcap")]
        assert both.differences(calls, {each.key: "" for each in every_signature()}) == [], f"seed {seed}"


def test_a_sigma_beside_letters_of_more_than_16_bits_is_folded_by_its_place_in_the_word() -> None:
    """There Java answers by what it was asked before, so that no answer can be proven; and no text stops a run."""
    texts = {"aΣ𝔘": "aς𝔘", "ΣΑΣ, 😀": "σας, 😀", "😀 Σ": "😀 σ", "ΑΣ\ufeff": "ας\ufeff"}
    with connect() as connection:
        for text, folded in texts.items():
            assert connection.execute("SELECT sluice_lower(?)", [text]).fetchall() == [(folded,)], text


@pytest.mark.parametrize("name", ["lower", "initcap", "upper"])
def test_rows_can_be_divided_and_ordered_by_a_folded_text(tmp_path: Path, name: str) -> None:
    window = f"Window.partitionBy(F.{name}('t')).orderBy(F.{name}('u'))"
    assert compiled(tmp_path, f"things.select(F.row_number().over({window}).alias('x'))", "int")


@pytest.mark.parametrize("call", ["F.count_distinct('t')", "F.sum_distinct('n')"])
def test_distinct_values_over_a_window_are_refused_as_spark_does(tmp_path: Path, call: str) -> None:
    assert "over a window" in refusal(
        tmp_path, f"things.select({call}.over(Window.partitionBy('u')).alias('x'))", "bigint"
    )


def test_advice_names_only_what_is_proven() -> None:
    told, names = verdicts(), json_decoder(dict[str, list[tuple[str, str]]])(PARAMETERS.read_bytes())
    proven = {each.name for each in every_signature() if not told[each.key]}
    for each in every_signature():
        if told[each.key]:
            said = {word for word in re.findall(r"[a-z_0-9]+", each.instead) if word in names and "_" in word}
            said |= set(re.findall(r"F\.([a-z_0-9]+)", each.instead))
            assert said <= proven, (each.key, each.instead)


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("F.col('t').cast('date').cast('timestamp') + F.expr('INTERVAL 3 HOURS')", "timestamp"),
        ("F.md5(F.concat_ws('-', 't', 'u'))", "string"),
        ("F.col('t').cast('decimal(12,2)')", "decimal(12,2)"),
        ("F.make_date(F.regexp_extract('t', '([0-9]+)/([0-9]+)', 1).cast('int'), F.lit(1), F.lit(2))", "date"),
        ("F.to_date('t')", "date"),
        ("F.year('day') - F.year('other_day')", "int"),
        ("F.datediff('day', 'other_day')", "int"),
        ("F.upper('t').like('%A%')", "boolean"),
        ("F.avg(F.col('big').cast('decimal(20,0)')).over(Window.partitionBy('id'))", "decimal(24,4)"),
        ("F.ntile(4).over(Window.orderBy('id', 'n'))", "int"),
        ("F.concat(F.substring('t', 1, 2), F.lit('x'), F.substring('t', 4, 9))", "string"),
        ("F.timestamp_seconds('n').cast('timestamp_ntz')", "timestamp"),
        ("F.create_map(F.lit('a'), 't')['a']", "string"),
        ("F.concat('t', F.col('price').cast('string'))", "string"),
        ("F.hex('big')", "string"),
    ],
)
def test_what_is_advised_compiles(tmp_path: Path, call: str, kind: str) -> None:
    assert compiled(tmp_path, f"things.select(({call}).alias('x'))", kind)
