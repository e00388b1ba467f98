from __future__ import annotations

from tests.sluice.ingestion.reading import codes, column, contract, read

LOG = contract(
    column("host"),
    column("user"),
    column("time", "timestamp"),
    column("method"),
    column("path"),
    column("status", "int"),
    column("bytes", "bigint"),
    column("user_agent"),
    format="access_log",
)


def test_common_and_combined_lines_are_read_and_others_rejected() -> None:
    data = (
        b'10.0.0.1 - ann [10/Oct/2026:13:55:36 -0700] "GET /a?b=1 HTTP/1.1" 200 2326\n'
        b'10.0.0.2 - - [11/Oct/2026:00:00:00 +0000] "POST / HTTP/2" 404 - "http://x/" "Mozilla \\"5\\""\n'
        b"nonsense\n"
    )
    rows, rejected = read(data, LOG)
    assert [str(t) for t in rows["time"].to_pylist()] == ["2026-10-10 20:55:36", "2026-10-11 00:00:00"]
    assert rows["status"].to_pylist() == [200, 404]
    assert rows["bytes"].to_pylist() == [2326, None]
    assert rows["user"].to_pylist() == ["ann", None]
    assert codes(rejected) == [(3, ("malformed_record",))]
    assert rejected[0].raw == b"nonsense"


def test_requests_that_never_came_and_escaped_quotes_are_lines_and_an_odd_time_is_none() -> None:
    data = (
        b'10.0.0.1 - - [10/Oct/2026:13:55:36 -0700] "-" 408 -\n'
        b'10.0.0.1 - - [10/Oct/2026:13:55:36 -0700] "" 400 0\n'
        b'10.0.0.1 - - [10/Oct/2026:13:55:36 -0700] "M-SEARCH * HTTP/1.1" 200 1\n'
        b'10.0.0.2 - - [10/Oct/2026:13:55:36 -0700] "GET /\\"a HTTP/1.1" 200 1 "http://x/\\"" "x"\n'
        b'10.0.0.3 - - [10xOctx2026x13:55:36x-0700] "GET / HTTP/1.1" 200 1\n'
    )
    rows, rejected = read(data, LOG)
    assert rows["path"].to_pylist() == [None, None, "*", '/\\"a']
    assert rows["method"].to_pylist() == [None, None, "M-SEARCH", "GET"]
    assert codes(rejected) == [(5, ("unparseable",))]
