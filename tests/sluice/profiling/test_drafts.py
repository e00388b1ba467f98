"""A drafted contract is one that `sluice check` takes, and that reads the files that it was made of."""

from __future__ import annotations

import gzip
import io
import zipfile
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sluice.contracts.columns import NAME
from sluice.contracts.strict_yaml import load_yaml
from sluice.errors import WrongArgument
from sluice.profiling import contract_text, records, sources, tallies
from sluice.profiling.drafts import draft
from sluice.profiling.names import column_names, personal
from sluice.profiling.profiles import profile_files
from sluice.profiling.spool import Spool
from sluice.profiling.yaml_text import scalar
from tests.laws import cases
from tests.sluice.profiling.drafting import drafted, rows_by, types_of

_TABLE = b"id,name\n1,ann\n2,bob\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (_TABLE, {}),
        (b"id;name\n1;ann\n2;bob\n", {"delimiter": ";"}),
        (b"id\tname\n1\tann\n2\tbob\n", {"delimiter": "\t"}),
        (b"id|name\n1|ann\n2|bob\n", {"delimiter": "|"}),
        (b"\xef\xbb\xbf" + _TABLE, {}),
        (_TABLE.decode().encode("utf-16"), {"encoding": "utf-16"}),
        (_TABLE.decode().encode("utf-16-le"), {"encoding": "utf-16-le"}),
        (_TABLE.decode().encode("utf-32"), {"encoding": "utf-32"}),
        (_TABLE.replace(b"\n", b"\r\n"), {}),
        (gzip.compress(_TABLE, mtime=0), {}),
        (zstandard.compress(_TABLE), {}),
        (b"id,name\n1,'ann'\n2,'bob'\n", {"quote": "'"}),
        (b"1,ann\n2,bob\n", {"header": False}),
        (b"id,,name\n1,x,ann\n2,y,bob\n", {}),
        (b"id,name,,\n1,ann,,\n2,bob,,\n", {}),
        (b"\n\nid,name\n1,ann\n\n2,bob\n", {}),
    ],
)
def test_a_table_is_read_however_it_is_written(tmp_path: Path, data: bytes, said: dict[str, object]) -> None:
    found = drafted(tmp_path, data)
    rows, rejected = rows_by(found.contract, tmp_path)
    assert [tuple(row.values()) for row in rows] == [(1, "ann"), (2, "bob")]
    assert rejected == []
    assert {name: getattr(found.contract.arrival, name) for name in said} == said


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'a,b\n1,"x ""y"" z"\n', 'x "y" z'),
        (b'a,b\n1,"x \\"y\\" z"\n', 'x "y" z'),
        (b'a,b\n1,"x\ny, z"\n', "x\ny, z"),
        (b'a,b\n1,"Big" hat\n2,ok\n3,ok\n', '"Big" hat'),
        (b'a,b\n1,"C:\\dir, x\\"\n2,ok\n', "C:\\dir, x\\"),
        (b"a,b\n1,it's\n2,'tis\n", "it's"),
        ("a,b\n1,café\n".encode("cp1252"), "café"),
    ],
)
def test_a_text_is_what_its_writer_meant(tmp_path: Path, data: bytes, value: str) -> None:
    found = drafted(tmp_path, data)
    rows, rejected = rows_by(found.contract, tmp_path)
    assert (rows[0]["b"], rejected) == (value, [])


def test_what_comes_late_in_a_file_decides_as_well(tmp_path: Path) -> None:
    many = b"".join(b'%d,"word %d"\n' % (number, number) for number in range(30_000))
    found = drafted(tmp_path, b"a,b\n" + many + b'30000,"x \\"y\\", z"\n')
    rows, rejected = rows_by(found.contract, tmp_path)
    assert rejected == []
    assert rows[-1] == {"a": 30_000, "b": 'x "y", z'}


@pytest.mark.parametrize(
    ("data", "types"),
    [
        (b'{"a":1,"b":"x"}\n{"a":2,"c":true}\n', {"a": "bigint", "b": "string", "c": "boolean"}),
        (b'[{"a":1,"b":{"c":2}},{"a":2.5,"b":null}]', {"a": "double", "b": "string json"}),
        (b'{\n "a": 1\n}\n{\n "a": 2\n}\n', {"a": "bigint"}),
        (b'{"v":"123"}\n', {"v": "string"}),
        (b'{"v":123456789012345678901234567890}\n', {"v": "decimal(38,0)"}),
        (b'{"d":"2024-01-01","t":"2024-01-01T10:00:00Z"}\n', {"d": "date", "t": "timestamp"}),
        (b'{"when":1700000000123}\n{"when":"2024-01-01T10:00:00Z"}\n', {"when": "timestamp epoch_millis"}),
        (b'{"v":[1]}\n{"v":"x"}\n', {"v": "string json"}),
        (b'{"v":null}\n', {"v": "string"}),
    ],
)
def test_json_is_read_by_the_kinds_of_its_values(tmp_path: Path, data: bytes, types: dict[str, str]) -> None:
    found = drafted(tmp_path, data, "things.json")
    assert types_of(found) == types
    assert found.read.quarantined == {}


def test_a_key_of_kinds_that_no_type_holds_is_left_out_and_told_of(tmp_path: Path) -> None:
    found = drafted(tmp_path, b'{"v":1,"w":1}\n{"v":"abc","w":2}\n', "things.json")
    assert list(types_of(found)) == ["w"]
    assert found.read.rows == 2
    assert any(note.startswith("v: not loaded") for note in found.notes)


def test_parquet_keeps_the_types_that_it_has(tmp_path: Path) -> None:
    table = pa.table(
        {
            "i": pa.array([1, 2], pa.int16()),
            "u": pa.array([1, 2**64 - 1], pa.uint64()),
            "f": [1.5, float("nan")],
            "My Day": [date(2024, 1, 1)] * 2,
            "t": pa.array([10**9, 2 * 10**9], pa.timestamp("ns", "UTC")),
            "l": [[1], [2]],
            "m": pa.array(["1.50", "2.25"]).cast(pa.decimal128(10, 2)),
            "e": pa.array(["a", "b"]).dictionary_encode(),
            "n": pa.nulls(2),
            "wait": pa.array([1, 2], pa.duration("s")),
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)
    found = drafted(tmp_path, sink.getvalue(), "things.parquet")
    assert types_of(found) == {
        "i": "int", "u": "decimal(20,0)", "f": "string", "my_day": "date", "t": "timestamp", "l": "string json",
        "m": "decimal(10,2)", "e": "string", "n": "string",
    }  # fmt: skip
    assert (found.read.rows, found.read.quarantined) == (2, {})
    assert {note.split(":")[0] for note in found.notes} == {"f", "wait"}


def _zip(*names: str) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), "a,b\n1,2\n")
    return sink.getvalue()


@pytest.mark.parametrize("first", ["ORCID", "RIFFLE", "BZhang", "Rar!", "Obj1"])
def test_a_column_may_be_called_as_another_kind_of_file_begins(first: str, tmp_path: Path) -> None:
    found = drafted(tmp_path, f"{first},name\n1,ann\n2,bob\n".encode())
    assert [tuple(row.values()) for row in rows_by(found.contract, tmp_path)[0]] == [(1, "ann"), (2, "bob")]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "is empty: it has not one byte"),
        (b"\n\n \n", "blank lines alone"),
        (b"a,b,c\n", "a header alone"),
        (b"%PDF-1.7\n", "is a PDF document"),
        (b"\x89PNG\r\n\x1a\n", "is a picture"),
        (_zip("xl/workbook.xml", "[Content_Types].xml"), "is an Excel workbook"),
        (_zip("a.csv", "b.csv"), r"is a zip archive of 2 files \(a.csv, b.csv\)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old Excel workbook"),
        (b"<!DOCTYPE html><html></html>", "is an HTML page"),
        (b"<?xml version='1.0'?><a/>", "is an XML document"),
        (b"\x00\x01\x02" * 90, "is binary"),
        (gzip.compress(bytes(900), mtime=0), "is binary"),
        (gzip.compress(_TABLE * 500, mtime=0)[:-20], "truncated"),
        ("a,b\n1,Привет мир\n".encode("cp1251"), "which of the many other encodings"),
        ("a,b\n1,日本語テキスト\n".encode("cp932"), "which of the many other encodings"),
        ("a,b\n1,中文文本\n".encode("gb18030"), "which of the many other encodings"),
        ("a,b\n1,žluťoučký kůň\n".encode("cp1250"), "which of the many other encodings"),
        (b"a,b\r1,2\r", "a carriage return alone"),
        (b"sep=;\na;b\n1;2\n", "a line stands before the header, 'sep=;'"),
        (b'{"a":true}\n{"a":"x"}\n', "no column that a table could have"),
        (b"a,a\n1,2\n", "names the column 'a' twice"),
        (b"Report\nof sales\na,b\n1,2\n3,4\n5,6\n", "2 lines stand before the header"),
        (b"a,b\n1,2,3\n4,5,6\n", "the first line has 2 fields and those below have 3"),
        (b"[1,2,3]", "holds no record that can be read"),
    ],
)
def test_what_no_reader_takes_is_named_with_the_way_out(tmp_path: Path, data: bytes, what: str) -> None:
    with pytest.raises(WrongArgument, match=what) as told:
        drafted(tmp_path, data)
    assert told.value.next_step
    assert str(tmp_path) in told.value.what


def test_a_folder_of_files_that_are_alike_is_one_dataset(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,name\n1,ann\n")
    (tmp_path / "b.csv").write_text("name,id,since\nbob,2,2024-01-01\n")
    (tmp_path / "c.csv").write_text("")
    (tmp_path / "_SUCCESS").write_text("")
    found = draft("things", tmp_path, "shop")
    assert types_of(found) == {"id": "bigint", "name": "string", "since": "date"}
    assert (found.files, found.read.rows, found.read.quarantined) == (2, 2, {})
    assert any("1 empty file left out" in note for note in found.notes)


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (b"street,town\nx,y\n", "different columns: .*id, name.*street, town"),
        (b'{"id":1}\n', "different formats"),
        ("id,name\n3,é\n".encode("utf-16"), "encoded differently"),
        (b"%PDF-1.7", "is a PDF document"),
    ],
)
def test_a_folder_of_files_that_differ_is_refused_with_one_of_each(tmp_path: Path, other: bytes, what: str) -> None:
    (tmp_path / "a.csv").write_text("id,name\n1,é\n")
    (tmp_path / "b.csv").write_bytes(other)
    with pytest.raises(WrongArgument, match=what) as told:
        draft("things", tmp_path, "shop")
    assert told.value.file in {str(tmp_path / "a.csv"), str(tmp_path / "b.csv")}
    assert told.value.value is None or len(told.value.value) < 20


def test_a_key_is_proposed_that_is_in_every_record_and_nowhere_twice(tmp_path: Path) -> None:
    assert drafted(tmp_path, "n,order_id\n1,7\n1,8\n").key == "order_id"
    assert drafted(tmp_path, "n,order_id\n1,7\n2,7\n").key == ""
    assert drafted(tmp_path, "n,order_id\n1,7\n1,\n").key == ""
    found = drafted(tmp_path, "n,order_id\n1,7\n1,8\n")
    assert found.contract.key == ("order_id",)
    assert found.contract.column("order_id").required


def test_the_contract_says_what_is_to_be_filled_in_and_what_was_seen(tmp_path: Path) -> None:
    rows = "".join(f"{number},a{number}@x.org,{'open' if number % 2 else 'shut'}\n" for number in range(40))
    text = drafted(tmp_path, "Order ID,E-Mail,state\n" + rows).text
    assert "        physicalName: Order ID\n" in text
    assert "        # logicalTypeOptions: {minimum: 0, maximum: 39}\n" in text
    assert "        classification: personal  # by its name\n" in text
    assert "        # enum: [{value: open}, {value: shut}]\n" in text
    assert text.count("description: TODO") == 4


@settings(max_examples=cases(200), deadline=None)
@given(st.lists(st.text(max_size=80), max_size=8))
def test_every_header_gets_a_legal_name_of_its_own(headers: list[str]) -> None:
    names = column_names(headers)
    assert all(map(NAME.fullmatch, names))
    assert len(set(names)) == len(headers)


@settings(max_examples=cases(300), deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_a_text_is_written_so_that_it_is_read_as_that_text(text: str) -> None:
    assert load_yaml(f"a: {scalar(text)}\nb: [{scalar(text)}]\n")[1] == {"a": text, "b": [text]}


@pytest.mark.parametrize(
    ("name", "is_personal"),
    [
        ("email", True), ("customer_email", True), ("first_name", True), ("birth_date", True), ("phone", True),
        ("mail", True), ("postal_code", True), ("ip", True),
        ("name", False), ("product_name", False), ("ip_count", False),
        ("shipping", False), ("description", False), ("city", False),
    ],
)  # fmt: skip
def test_a_name_says_whether_a_column_is_about_a_person(name: str, is_personal: bool) -> None:
    assert personal(name) is is_personal


def test_values_of_persons_are_in_no_comment(tmp_path: Path) -> None:
    rows = "".join(f"{123456789 + n},19{50 + n}-03-02,a{n % 2}@x.org,030 123 45{60 + n % 2}\n" for n in range(30))
    found = drafted(tmp_path, "zip_ssn,birth_date,owner,ring\n" + rows)
    assert found.personal == ("zip_ssn", "birth_date")
    assert not [said for said in ("123456", "1950", "@x.org", "030 123", "minimum", "enum") if said in found.text]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (("4915112345678", "4915112345999"), False),
        (("5551234", "5559999"), False),
        (("-5551234", "12"), False),
        (("4915112345678.0", "4915112345999.5"), False),
        (("5551234.25", "5559999.5"), True),
        (("12", "999999"), True),
        (("1234567890123456", "1234567890123459"), True),
    ],
)
def test_numbers_that_may_be_those_of_phones_are_in_no_comment(
    tmp_path: Path, values: tuple[str, ...], told: bool
) -> None:
    found = drafted(tmp_path, "contact,n\n" + "".join(f"{value},x\n" for value in values))
    assert found.contract.columns[0].type.name in ("bigint", "double")
    assert ("minimum" in found.text) is told


@pytest.mark.parametrize(("letters", "listed"), [(79, True), (80, True), (81, False), (200, False)])
def test_a_value_that_is_not_shown_whole_is_in_no_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, letters: int, listed: bool
) -> None:
    monkeypatch.setattr(contract_text, "_MOST_LETTERS", 1_000)
    found = drafted(tmp_path, "a,n\n" + f"{'x' * letters},1\ny,2\n" * 20)
    assert ("# enum: " in found.text) is listed
    assert (f"{{value: {'x' * letters}}}" in found.text) is listed


@pytest.mark.parametrize("header", ["id\tname\tn\n", ""])
def test_nulls_of_a_dump_are_read_as_nulls(tmp_path: Path, header: str) -> None:
    found = drafted(tmp_path, header + "1\ta\\\tb\t\\N\n2\t\\N\t3\n3\tx\t4\n")
    rows, rejected = rows_by(found.contract, tmp_path)
    assert [list(row.values())[:3] for row in rows] == [[1, "a\tb", None], [2, None, 3], [3, "x", 4]]
    assert not rejected
    assert [str(column.type) for column in found.contract.columns] == ["bigint", "string", "bigint"]


def test_files_that_are_not_looked_at_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_MOST_FILES", 3)
    for number in range(5):
        (tmp_path / f"{number}.csv").write_text(f"id\n{number}\n")
    found = draft("things", tmp_path, "shop")
    assert (found.files, found.read.rows, found.read.whole) == (3, 3, False)
    assert any("Not looked at: 2 further files;" in note for note in found.notes)
    assert not profile_files(tmp_path).whole


@pytest.mark.parametrize(("first", "second"), [("1,5\n2,6\n", "id,n\n3,7\n"), ("id,n\n3,7\n", "1,5\n2,6\n")])
def test_files_with_and_without_a_header_are_no_one_dataset(tmp_path: Path, first: str, second: str) -> None:
    (tmp_path / "a.csv").write_text(first)
    (tmp_path / "b.csv").write_text(second)
    with pytest.raises(WrongArgument, match=r"begins with a header|different columns") as told:
        draft("things", tmp_path, "shop")
    assert told.value.file in {str(tmp_path / "a.csv"), str(tmp_path / "b.csv")}
    assert told.value.value in (None, "id, n")


def test_what_differs_between_files_is_given_with_the_file_that_has_it(tmp_path: Path) -> None:
    def refused(first: bytes, second: bytes) -> tuple[str | None, str | None]:
        (tmp_path / "a.csv").write_bytes(first)
        (tmp_path / "b.csv").write_bytes(second)
        with pytest.raises(WrongArgument) as told:
            draft("things", tmp_path, "shop")
        return told.value.file, told.value.value

    odd = str(tmp_path / "b.csv")
    assert refused(b"id,name\n1,x\n", b"street,town\nx,y\n") == (odd, "street, town")
    assert refused(b"id,name\n1,x\n", b'{"id":1}\n') == (odd, "ndjson")
    assert refused(b"1,2\n3,4\n", b"1,2,3\n3,4,5\n") == (odd, "3")
    assert refused(b"id\n1\n", _parquet(id=[1])) == (odd, "Parquet")
    assert refused(_parquet(id=[1]), b"id\n1\n") == (odd, "text")
    assert refused(_parquet(a=[1], b=[1]), _parquet(c=[1], d=[1])) == (odd, "c, d")


def _parquet(**columns: list[int]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


@pytest.mark.parametrize("header", ["ID,id", "code,CODE", "b,{all}", "c1,c0", '"a""b\'c",d'])
def test_columns_of_a_file_may_have_any_names(tmp_path: Path, header: str) -> None:
    found = drafted(tmp_path, header + "\n" + "".join(f"{n},{'' if n % 3 else 7}\n" for n in range(30)))
    first, second = profile_files(tmp_path / "things.csv").columns
    assert (first.studied.measures.distinct, first.studied.measures.nulls) == (30, 0)
    assert (second.studied.measures.distinct, second.studied.measures.nulls) == (1, 20)
    assert found.key in ("", found.contract.columns[0].name)


@pytest.mark.parametrize("name", ["true", "null", "no", "on", "class"])
def test_a_dataset_may_be_named_by_a_word_that_yaml_reads_otherwise(tmp_path: Path, name: str) -> None:
    path = tmp_path / "things.csv"
    path.write_text("a,b\n1,2\n")
    assert draft(name, path, "shop").contract.name == name


def test_a_letter_without_an_end_is_no_utf_8(tmp_path: Path) -> None:
    found = drafted(tmp_path, b"name,x\nabc,d\nfoo,caf\xe9")
    assert found.contract.arrival.encoding == "cp1252"
    assert rows_by(found.contract, tmp_path)[0][1]["x"] == "café"


def test_keys_that_are_values_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_MOST_KEYS", 5)
    with pytest.raises(WrongArgument, match="more than 5 different keys"):
        drafted(tmp_path, "".join(f'{{"k{n}": {n}}}\n' for n in range(6)), "things.json")


def test_columns_are_counted_in_groups_as_if_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wide.csv").write_text("a,b,c,d,e\n" + "".join(f"{n},1,{n % 2},,{n}\n" for n in range(30)))
    together = profile_files(tmp_path / "wide.csv").as_data()
    monkeypatch.setattr(tallies, "_MOST_COLUMNS", 2)
    assert profile_files(tmp_path / "wide.csv").as_data() == together


def test_what_the_engine_cannot_count_is_said_with_a_way_out() -> None:
    with Spool(file="orders.csv") as spool:
        spool.add({"a": pa.array(["x"])}, 1)
        spool.flush()
        with pytest.raises(WrongArgument, match="cannot be counted") as told:
            spool.ask("SELECT CAST(c0 AS INTEGER) FROM {all}")
    assert (told.value.file, told.value.value) == ("orders.csv", None)
