"""What a query opens is what IAM was asked about, however its address is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from localaws.athena.errors import QueryFailed
from localaws.athena.leave import Leave, ReadableIO, path_of
from localaws.context import Context

ODD = ["\t", "\n", "\r", "#x", "?x", "#", "?", ";x", "%09", "%2F", "/", "//", "/../", "/./", "..", "@", ":", " ", "+",
       "\x00", "\x7f", "\u2028", "\\", "é", "&", "\ufeff", "[", "]"]  # fmt: skip


class Asked(Leave):
    """Grants everything, and remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(Context(endpoint="http://127.0.0.1:1", scratch=Path("/nowhere")))
        object.__setattr__(self, "resources", [])

    def ask(self, action: str, *resources: str, context: object = None) -> None:
        self.resources.extend((action, resource) for resource in resources)  # type: ignore[attr-defined]


def opened(location: str) -> tuple[str, str] | None:
    """The path that is opened and the resource that was asked about; None where it is refused."""
    asked = Asked()
    try:
        file = ReadableIO({"s3.region": "us-east-1", "s3.endpoint": "http://127.0.0.1:1"}, asked).new_input(location)
    except QueryFailed:
        return None
    ((action, resource),) = asked.resources  # type: ignore[attr-defined]
    assert action == "s3:GetObject"
    return file._path, resource


@given(
    base=st.sampled_from(["s3://tenant1/private/meta.json", "s3a://tenant1/a/b.parquet", "s3n://tenant1/a"]),
    odd=st.lists(st.tuples(st.sampled_from(ODD), st.integers(0, 30)), max_size=3),
)
@example(base="s3://tenant1/private/meta.json", odd=[("\t", 16)])
@example(base="s3://tenant1/private/meta.json", odd=[("\t", 8)])
@example(base="s3://tenant1/private/meta.json", odd=[("#x", 30)])
@example(base="s3://tenant1/private/meta.json", odd=[("?x", 30)])
@example(base="s3://tenant1/private/meta.json", odd=[("\n", 2)])
def test_the_file_that_is_opened_is_the_one_that_was_asked_about(base: str, odd: list[tuple[str, int]]) -> None:
    location = base
    for piece, at in odd:
        location = location[:at] + piece + location[at:]
    if found := opened(location):
        path, resource = found
        assert resource == f"arn:aws:s3:::{path}"
        assert location.partition("://")[2] == path


@pytest.mark.parametrize(
    "location",
    [
        "s3://tenant1/pri\tvate/meta.json", "s3://ten\tant1/private/meta.json", "s3://tenant1/private/meta.json#x",
        "s3://tenant1/private/meta.json?x", "s3://tenant1#x/private/meta.json", "s3://tenant1?x/private/meta.json",
        "s3://tenant1/pub/../private/meta.json", "s3://tenant1/./private/meta.json", "s3://a@tenant1/private/meta.json",
        "s3://tenant1:80/private/meta.json", "s3:///private/meta.json", "s3://", "file:///etc/passwd", "/etc/passwd",
        "S3://tenant1/x", " s3://tenant1/x", "s3://tenant1/x\n", "http://169.254.169.254/", "s3://[::1]/x",
    ],
)  # fmt: skip
def test_an_address_that_readers_take_apart_in_different_ways_is_refused(location: str) -> None:
    assert opened(location) is None
    with pytest.raises(QueryFailed, match="INVALID_TABLE_PROPERTY"):
        path_of(location)


@pytest.mark.parametrize("key", ["w/leave/own_i/metadata/00001-a.metadata.json", "d/day=2026-01-01 10%3A00/x y+é.csv"])
def test_an_address_as_tables_have_them_is_opened(key: str) -> None:
    assert opened(f"s3://tenant1/{key}") == (f"tenant1/{key}", f"arn:aws:s3:::tenant1/{key}")
