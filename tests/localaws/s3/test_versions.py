"""Pages of object versions hold each version once, in order, and cost no more where many others lie beside them."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localaws.context import Context
from localaws.s3 import versions
from tests.localaws.running import ctx  # noqa: F401

_NAMES = itertools.count()
KEYS = ("a", "a/1", "a/2", "a/é", "ab", "b/1", "b/1/2", "c")
PREFIXES = ("", "a", "a/", "b/1", "d")


def _told(pages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(v["Key"], v["VersionId"]) for page in pages for kind in ("Versions", "DeleteMarkers") for v in page[kind]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from(KEYS), st.booleans()), max_size=14),
    st.sampled_from(PREFIXES),
    st.integers(1, 6),
)
def test_pages_hold_each_version_once_in_order(
    ctx: Context, history: list[tuple[str, bool]], prefix: str, most: int
) -> None:
    s3, bucket = ctx.client("s3"), f"versions-{next(_NAMES)}"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    made: dict[str, list[str]] = {}
    for key, kept in history:
        if not (kept or made.get(key)):
            continue
        done = s3.put_object(Bucket=bucket, Key=key) if kept else s3.delete_object(Bucket=bucket, Key=key)
        made.setdefault(key, []).insert(0, done["VersionId"])
    pages = [
        {"Versions": [], "DeleteMarkers": [], **page}
        for page in s3.get_paginator("list_object_versions").paginate(
            Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": most}
        )
    ]
    expected = [(key, version) for key in sorted(made) if key.startswith(prefix) for version in made[key]]
    assert sorted(_told(pages)) == sorted(expected)
    assert [key for page in pages for key in sorted(key for key, _ in _told([page]))] == [key for key, _ in expected]
    assert all(len(_told([page])) == most for page in pages[:-1])


def test_a_page_looks_at_its_own_versions(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    s3, looked_at = ctx.client("s3"), []
    s3.create_bucket(Bucket="many-versions")
    for number in range(60):
        s3.put_object(Bucket="many-versions", Key=f"{number:03}")
    view = versions.View
    monkeypatch.setattr(versions, "View", lambda version: looked_at.append(version.name) or view(version))
    page = s3.list_object_versions(Bucket="many-versions", MaxKeys=5, KeyMarker="020")
    assert len(page["Versions"]) == 5
    assert len(set(looked_at)) < 10
