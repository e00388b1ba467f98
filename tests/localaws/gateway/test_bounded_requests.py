"""Who has not shown who they are costs little: bodies are not read, forms have few fields, the log ends."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import hashlib
import http.client
import logging
from pathlib import Path
from urllib.parse import urlparse

import duckdb
import pytest
from botocore.credentials import Credentials
from sqlglot.errors import ParseError

from localaws import server
from localaws.athena import functions, parser
from localaws.athena.parser import parse_statements
from localaws.athena.show import _like
from localaws.context import Context
from tests.localaws.gateway.signing import code, form
from tests.localaws.requests import send, signed
from tests.localaws.running import ctx  # noqa: F401

THREE_GIB = 3 * 2**30


def answered_without_body(ctx: Context, headers: dict[str, str], target: str, method: str = "PUT") -> int:
    """Return the status that comes though nothing of the body that the headers announce is ever sent."""
    connection = http.client.HTTPConnection(urlparse(ctx.endpoint).netloc, timeout=20)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in {**headers, "Content-Length": str(THREE_GIB)}.items():
            connection.putheader(name, value)
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("service", ["s3", "lambda"])
def test_a_body_whose_signature_is_wrong_is_not_waited_for(ctx: Context, service: str) -> None:
    claimed = {"x-amz-content-sha256": hashlib.sha256(b"something else").hexdigest()}
    stranger = Credentials("test", "not the secret")
    headers = signed(ctx, service, "PUT", "/bucket/key", headers=claimed, credentials=stranger)
    assert answered_without_body(ctx, headers | claimed, "/bucket/key") in (400, 403)


def test_a_large_body_that_no_hash_vouches_for_is_not_waited_for(ctx: Context) -> None:
    headers = signed(ctx, "sqs", "POST", "/", credentials=Credentials("test", "not the secret"))
    headers.pop("X-Amz-Content-SHA256", None)
    assert answered_without_body(ctx, headers, "/", "POST") in (400, 403, 413)


def test_a_form_of_many_fields_or_bytes_is_refused_before_its_policy_is_read(ctx: Context) -> None:
    many, body = form({f"f{number}": "x" for number in range(5_000)}, b"x")
    assert code(send(ctx, "POST", "/bucket", many, body)) == "EntityTooLarge"
    long, body = form({"key": "k" * (2 << 20)}, b"x")
    assert code(send(ctx, "POST", "/bucket", long, body)) == "EntityTooLarge"
    headers, _ = form({}, b"")
    assert answered_without_body(ctx, {"Host": urlparse(ctx.endpoint).netloc, **headers}, "/bucket", "POST") == 400


@pytest.mark.parametrize("opening", ["ARRAY[", "ROW(", "DATE(", "TIMESTAMP(", "DECIMAL(", "VARCHAR(", "STRUCT("])
@pytest.mark.slow
def test_a_statement_whose_reading_has_no_end_is_refused(opening: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if opening != "ARRAY[":  # one of them goes all the way
        monkeypatch.setattr(parser, "_STEPS", parser._STEPS // 20)
    closing = "]" if opening.endswith("[") else ")"
    with pytest.raises(ParseError, match="more ways than can be read"):
        parse_statements("SELECT " + opening * 22 + "1" + closing * 22)
    with pytest.raises(ParseError):
        parse_statements("ALTER TABLE t ADD COLUMNS (a " + opening * 22 + "1" + closing * 22 + ")")
    assert parse_statements("SELECT " + opening * 5 + "1" + closing * 5)


def test_statements_of_people_are_read(tmp_path: Path) -> None:
    row = "ROW(1, 'a', DATE '2024-01-01', ARRAY[1, 2])"
    nested = f"ARRAY[{row}, {row}]"
    for _ in range(2):
        nested = f"ARRAY[ROW({nested}), ROW({nested})]"
    assert len(parse_statements(f"SELECT {nested}")) == 1


def test_a_log_that_is_written_to_without_end_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_LOG_BYTES", 10_000)
    handler = server._OwnFile(tmp_path / "log", maxBytes=server._LOG_BYTES, backupCount=1)
    for number in range(1_000):
        handler.emit(logging.LogRecord("localaws", logging.INFO, "", 0, "refused %s", (number,), None))
    handler.close()
    sizes = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
    assert set(sizes) == {"log", "log.1"}
    assert max(sizes.values()) <= 10_000
    assert "refused 999" in (tmp_path / "log").read_text()


def test_names_are_selected_in_time_that_grows_with_them_alone() -> None:
    assert _like(["ab", "abx"], "*" * 3_000 + "x") == ["abx"]
    assert _like(["orders", "order_lines", "a?"], "ord*s|a?") == ["orders", "order_lines", "a?"]
    assert _like(["orders"], "ord%") == ["orders"]


@pytest.mark.parametrize("side", ["l", "r"])
def test_a_text_is_not_padded_beyond_what_memory_has_room_for(side: str) -> None:
    connection = duckdb.connect()
    functions.register(connection)
    assert connection.sql(f"SELECT length(athena_{side}pad('a', 1000, 'b'))").fetchall() == [(1000,)]
    with pytest.raises(duckdb.ConversionException, match="NOT_SUPPORTED: a text of 1000000000 characters"):
        connection.sql(f"SELECT athena_{side}pad('a', 1000000000, 'b')").fetchall()
