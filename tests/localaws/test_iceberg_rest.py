"""Glue's Iceberg endpoint: who may do what by it, what it refuses, and that nothing is left of what fails."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.schema import Schema
from pyiceberg.types import IntegerType, NestedField

from localaws.context import Context
from localaws.server import LocalAws
from tests.localaws.running import EVERYTHING, role

ROWS = pa.table({"id": pa.array([1, 2], pa.int32())})
BUCKET = "iceberg-rest"


@pytest.fixture(scope="module")
def ctx(local_aws: LocalAws) -> Context:
    ctx = local_aws.context
    ctx.client("s3").create_bucket(Bucket=BUCKET)
    ctx.client("glue").create_database(DatabaseInput={"Name": "rest", "LocationUri": f"s3://{BUCKET}/rest"})
    return ctx


def _session(ctx: Context, name: str, *statements: dict[str, Any]) -> Credentials:
    arn = role(ctx, name, *statements)
    given = boto3.client(
        "sts", endpoint_url=ctx.endpoint, aws_access_key_id="test", aws_secret_access_key="test", region_name=ctx.region
    ).assume_role(RoleArn=arn, RoleSessionName="tests")["Credentials"]
    return Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


def _asked(
    ctx: Context, method: str, path: str, body: Any = None, who: Credentials | None = None, service: str = "glue"
) -> requests.Response:
    data = b"" if body is None else json.dumps(body).encode()
    request = AWSRequest(method, f"{ctx.endpoint}/iceberg/v1/{path}", data=data)
    SigV4Auth(who or Credentials("test", "test"), service, ctx.region).add_auth(request)
    prepared = request.prepare()
    return requests.request(method, prepared.url, headers=dict(prepared.headers), data=data, timeout=30)


def _rest(ctx: Context) -> RestCatalog:
    keys = {"access-key-id": "test", "secret-access-key": "test", "region": ctx.region}
    return RestCatalog(
        "rest",
        **{"uri": f"{ctx.endpoint}/iceberg", "rest.sigv4-enabled": "true", "rest.signing-name": "glue"},
        **{"rest.signing-region": ctx.region, "s3.endpoint": ctx.endpoint},
        **{f"{part}.{key}": value for part in ("client", "s3") for key, value in keys.items()},
    )


@pytest.fixture
def table(ctx: Context, request: pytest.FixtureRequest) -> Iterator[str]:
    """A table of the test's own with two rows."""
    name = f"t{abs(hash(request.node.nodeid)):x}"
    _rest(ctx).create_table(("rest", name), ROWS.schema).append(ROWS)
    yield name
    ctx.client("glue").delete_table(DatabaseName="rest", Name=name)


def _keys(ctx: Context) -> set[str]:
    return {item["Key"] for item in ctx.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", [])}


def test_its_config_names_its_calls_and_the_account(ctx: Context) -> None:
    found = _asked(ctx, "GET", f"config?warehouse={ctx.account}").json()
    assert found["overrides"] == {"prefix": f"catalogs/{ctx.account}"}
    assert "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}" in found["endpoints"]
    other = _asked(ctx, "GET", "config?warehouse=999999999999")
    assert (other.status_code, other.json()["error"]["type"]) == (404, "NoSuchNamespaceException")


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "namespaces/nope", 404, "NoSuchNamespaceException"),
        ("GET", "namespaces/rest/tables/nope", 404, "NoSuchTableException"),
        ("DELETE", "namespaces/rest/tables/nope", 404, "NoSuchTableException"),
        ("DELETE", "namespaces/rest/tables/nope?purgeRequested=true", 400, "BadRequestException"),
        ("POST", "namespaces/rest/register", 404, "BadRequestException"),
        ("PUT", "namespaces", 405, "BadRequestException"),
    ],
)
def test_what_is_not_there_is_said_in_icebergs_form(
    ctx: Context, method: str, path: str, status: int, kind: str
) -> None:
    answer = _asked(ctx, method, f"catalogs/{ctx.account}/{path}")
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    assert answer.json()["error"]["code"] == status


@pytest.mark.parametrize("body", [{}, {"name": "x"}, [], {"name": "x", "schema": {"type": "struct", "fields": 3}}])
def test_a_body_that_says_too_little_makes_no_table(ctx: Context, body: Any) -> None:
    answer = _asked(ctx, "POST", f"catalogs/{ctx.account}/namespaces/rest/tables", body)
    assert answer.status_code == 400, answer.text
    assert ctx.client("glue").get_tables(DatabaseName="rest")["TableList"] == []


@pytest.mark.parametrize("body", [{}, {"namespace": []}, {"namespace": ["a", "b"]}, {"namespace": ["a/b"]}, 3])
def test_a_namespace_has_one_name(ctx: Context, body: Any) -> None:
    assert _asked(ctx, "POST", f"catalogs/{ctx.account}/namespaces", body).status_code == 400


def test_nobody_is_answered_who_did_not_sign(ctx: Context) -> None:
    answer = requests.get(f"{ctx.endpoint}/iceberg/v1/config", timeout=30)
    assert answer.status_code == 403


def test_a_bucket_may_be_called_iceberg(ctx: Context) -> None:
    s3 = ctx.client("s3")
    s3.create_bucket(Bucket="iceberg")
    s3.put_object(Bucket="iceberg", Key="v1/config", Body=b"mine")
    assert s3.get_object(Bucket="iceberg", Key="v1/config")["Body"].read() == b"mine"


def test_a_role_does_what_its_policies_allow_and_nothing_else(ctx: Context, table: str) -> None:
    at = f"catalogs/{ctx.account}/namespaces/rest/tables"
    reader = _session(
        ctx, "iceberg-reader",
        {"Action": ["glue:GetTable", "glue:GetDatabase"], "Resource": "*"},
        {"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"},
    )  # fmt: skip
    assert _asked(ctx, "GET", f"{at}/{table}", who=reader).status_code == 200
    loaded = _asked(ctx, "GET", f"{at}/{table}").json()["metadata"]
    requirement = {"type": "assert-table-uuid", "uuid": loaded["table-uuid"]}
    commit = {"requirements": [requirement], "updates": [{"action": "set-properties", "updates": {"a": "b"}}]}
    for method, path, body in (
        ("GET", at, None), ("POST", f"{at}/{table}", commit), ("DELETE", f"{at}/{table}", None),
        ("POST", at, json.loads(_new("other"))),
    ):  # fmt: skip
        answer = _asked(ctx, method, path, body, who=reader)
        assert (answer.status_code, answer.json()["error"]["type"]) == (403, "ForbiddenException"), path
    before = _keys(ctx)
    unable = _session(
        ctx, "iceberg-unable", {"Action": "glue:*", "Resource": "*"}, {"Action": "s3:GetObject", "Resource": "*"}
    )
    answer = _asked(ctx, "POST", f"{at}/{table}", commit, who=unable)
    assert "s3:PutObject" in answer.json()["error"]["message"]
    assert _keys(ctx) == before
    able = _session(ctx, "iceberg-able", EVERYTHING)
    assert _asked(ctx, "POST", f"{at}/{table}", commit, who=able).json()["metadata"]["properties"]["a"] == "b"


def _new(name: str) -> str:
    schema = Schema(NestedField(1, "id", IntegerType(), required=False))
    return json.dumps({"name": name, "schema": json.loads(schema.model_dump_json(by_alias=True))})


def test_a_commit_that_another_came_before_is_refused_and_leaves_no_file(ctx: Context, table: str) -> None:
    at = f"catalogs/{ctx.account}/namespaces/rest/tables/{table}"
    stale = {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": 7}
    before = _keys(ctx)
    body = {"requirements": [stale], "updates": [{"action": "set-properties", "updates": {"a": "b"}}]}
    answer = _asked(ctx, "POST", at, body)
    assert (answer.status_code, answer.json()["error"]["type"]) == (409, "CommitFailedException"), answer.text
    assert _keys(ctx) == before


#: What PyIceberg would import, were it asked: it evaluates the table's location.
CODE = ("write.py-location-provider.impl", "py-io-impl", "py-catalog-impl", "s3.retry-strategy-impl")


@pytest.mark.parametrize("named", CODE)
@pytest.mark.parametrize("staged", [False, True])
def test_no_code_that_a_new_table_names_is_run(ctx: Context, tmp_path: Path, named: str, staged: bool) -> None:
    ran, before = tmp_path / "ran", _keys(ctx)
    body = json.loads(_new("evil")) | {
        "location": f"open({str(ran)!r}, 'w')", "properties": {named: "builtins.exec"}, "stage-create": staged,
    }  # fmt: skip
    answer = _asked(ctx, "POST", f"catalogs/{ctx.account}/namespaces/rest/tables", body)
    assert (answer.status_code, named in answer.text, ran.exists()) == (406, True, False), answer.text
    assert _keys(ctx) == before


@pytest.mark.parametrize("named", CODE)
@pytest.mark.parametrize("new", [False, True])
def test_no_code_that_a_commit_names_is_run(ctx: Context, tmp_path: Path, table: str, named: str, new: bool) -> None:
    at = f"catalogs/{ctx.account}/namespaces/rest/tables"
    ran, before = tmp_path / "ran", _keys(ctx)
    updates: list[dict[str, Any]] = [
        {"action": "set-location", "location": f"open({str(ran)!r}, 'w')"},
        {"action": "set-properties", "updates": {named: "builtins.exec"}},
    ]
    if new:
        staged = _asked(ctx, "POST", at, json.loads(_new("evil")) | {"stage-create": True}).json()["metadata"]
        updates = [*_first(staged), *updates]
    body = {"requirements": [{"type": "assert-create"}] if new else [], "updates": updates}
    answer = _asked(ctx, "POST", f"{at}/{'evil' if new else table}", body)
    assert (answer.status_code, named in answer.text, ran.exists()) == (406, True, False), answer.text
    assert _keys(ctx) == before


def test_no_code_that_a_table_of_another_client_names_is_run(ctx: Context, tmp_path: Path, table: str) -> None:
    ran = tmp_path / "ran"
    entry = ctx.client("glue").get_table(DatabaseName="rest", Name=table)["Table"]
    key = entry["Parameters"]["metadata_location"].removeprefix(f"s3://{BUCKET}/")
    s3 = ctx.client("s3")
    metadata = json.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    metadata |= {"location": f"open({str(ran)!r}, 'w')"}
    metadata["properties"] = {CODE[0]: "builtins.exec"}
    s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(metadata).encode())
    before = _keys(ctx)
    body = {"requirements": [], "updates": [{"action": "set-properties", "updates": {"a": "b"}}]}
    answer = _asked(ctx, "POST", f"catalogs/{ctx.account}/namespaces/rest/tables/{table}", body)
    assert (answer.status_code, CODE[0] in answer.text, ran.exists()) == (406, True, False), answer.text
    assert _keys(ctx) == before


def _at_once(call: Callable[[int], requests.Response], number: int = 6) -> list[requests.Response]:
    barrier = threading.Barrier(number)

    def one(index: int) -> requests.Response:
        barrier.wait(timeout=30)
        return call(index)

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(one, range(number)))


def _metadata_files(ctx: Context, table: str) -> set[str]:
    return {key for key in _keys(ctx) if f"/{table}/" in key and key.endswith(".metadata.json")}


def test_of_commits_at_once_one_wins_and_the_others_are_conflicts_that_leave_no_file(ctx: Context, table: str) -> None:
    at = f"catalogs/{ctx.account}/namespaces/rest/tables/{table}"
    before = len(_metadata_files(ctx, table))

    def commit(index: int) -> requests.Response:
        updates = [{"action": "set-properties", "updates": {f"k{index}": "v"}}]
        return _asked(ctx, "POST", at, {"requirements": [], "updates": updates})

    answers = _at_once(commit)
    lost = [answer.json()["error"]["type"] for answer in answers if answer.status_code == 409]
    won = {f"k{index}" for index, answer in enumerate(answers) if answer.status_code == 200}
    assert won
    assert lost == ["CommitFailedException"] * (len(answers) - len(won)), [answer.text for answer in answers]
    assert set(_asked(ctx, "GET", at).json()["metadata"]["properties"]) >= won
    assert len(_metadata_files(ctx, table)) == before + len(won)


def test_of_creates_at_once_one_wins_and_the_others_are_conflicts_that_leave_no_file(ctx: Context) -> None:
    at = f"catalogs/{ctx.account}/namespaces/rest/tables"
    new = json.loads(_new("first")) | {"stage-create": True}
    staged = [_asked(ctx, "POST", at, new).json()["metadata"] for _ in range(6)]
    requirements = [{"type": "assert-create"}]
    answers = _at_once(
        lambda index: _asked(
            ctx, "POST", f"{at}/first", {"requirements": requirements, "updates": _first(staged[index])}
        )
    )
    try:
        assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5, [each.text for each in answers]
        assert len(_metadata_files(ctx, "first")) == 1
    finally:
        ctx.client("glue").delete_table(DatabaseName="rest", Name="first")


def _unheard(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let a change of the catalog be made, and its answer be lost."""
    made = getattr(GlueCatalog, name)

    def lost(*args: Any, **kwargs: Any) -> None:
        made(*args, **kwargs)
        raise ConnectionError("the answer was lost")

    monkeypatch.setattr(GlueCatalog, name, lost)


def test_a_change_that_landed_is_answered_as_the_table(
    ctx: Context, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = f"catalogs/{ctx.account}/namespaces/rest/tables"
    _unheard(monkeypatch, "_update_glue_table")
    _unheard(monkeypatch, "_create_glue_table")
    commit = {"requirements": [], "updates": [{"action": "set-properties", "updates": {"a": "b"}}]}
    assert _asked(ctx, "POST", f"{at}/{table}", commit).json()["metadata"]["properties"]["a"] == "b"
    made = _asked(ctx, "POST", at, json.loads(_new("landed"))).json()
    staged = _asked(ctx, "POST", at, json.loads(_new("second")) | {"stage-create": True}).json()["metadata"]
    create = {"requirements": [{"type": "assert-create"}], "updates": _first(staged)}
    second = _asked(ctx, "POST", f"{at}/second", create).json()
    for name, answer in (("landed", made), ("second", second)):
        assert _asked(ctx, "GET", f"{at}/{name}").json()["metadata-location"] == answer["metadata-location"]
        ctx.client("glue").delete_table(DatabaseName="rest", Name=name)


def test_a_table_of_hive_is_no_iceberg_table_and_its_name_is_taken(ctx: Context) -> None:
    at, before = f"catalogs/{ctx.account}/namespaces/rest/tables", _keys(ctx)
    storage = {"Columns": [{"Name": "a", "Type": "int"}], "Location": f"s3://{BUCKET}/hive"}
    ctx.client("glue").create_table(
        DatabaseName="rest",
        TableInput={"Name": "hive", "Parameters": {"EXTERNAL": "TRUE"}, "StorageDescriptor": storage},
    )
    new = json.loads(_new("hive"))
    commit = {"requirements": [], "updates": [{"action": "set-properties", "updates": {"a": "b"}}]}
    try:
        gone = [_asked(ctx, method, f"{at}/hive") for method in ("GET", "DELETE")]
        gone.append(_asked(ctx, "POST", f"{at}/hive", commit))
        taken = [_asked(ctx, "POST", at, new | {"stage-create": staged}) for staged in (False, True)]
        taken.append(_asked(ctx, "POST", f"{at}/hive", {"requirements": [{"type": "assert-create"}], "updates": []}))
    finally:
        ctx.client("glue").delete_table(DatabaseName="rest", Name="hive")
    assert {(each.status_code, each.json()["error"]["type"]) for each in gone} == {(404, "NoSuchTableException")}
    assert {(each.status_code, each.json()["error"]["type"]) for each in taken} == {(409, "AlreadyExistsException")}
    assert _keys(ctx) == before


@pytest.mark.parametrize(
    ("given", "status", "kind"),
    [
        ({"location": "s3://no-such-bucket/a"}, 404, "NotFoundException"),
        ({"properties": {"format-version": "3"}}, 406, "UnsupportedOperationException"),
        ({"location": "file:///etc/x"}, 400, "BadRequestException"),
        ({"name": "a/b"}, 400, "BadRequestException"),
        ({"name": "a/b", "stage-create": True}, 400, "BadRequestException"),
    ],
)
def test_a_table_that_cannot_be_made_is_said_in_icebergs_form(
    ctx: Context, given: dict[str, Any], status: int, kind: str
) -> None:
    answer = _asked(ctx, "POST", f"catalogs/{ctx.account}/namespaces/rest/tables", json.loads(_new("x")) | given)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind), answer.text


def test_a_table_whose_metadata_file_is_gone_is_said_in_icebergs_form(ctx: Context, table: str) -> None:
    at = f"catalogs/{ctx.account}/namespaces/rest/tables/{table}"
    key = _asked(ctx, "GET", at).json()["metadata-location"].removeprefix(f"s3://{BUCKET}/")
    ctx.client("s3").delete_object(Bucket=BUCKET, Key=key)
    answer = _asked(ctx, "GET", at)
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "NotFoundException")
    assert key in answer.json()["error"]["message"]


def test_what_nobody_foresaw_is_logged_and_said_in_icebergs_form(
    ctx: Context, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any) -> None:
        raise ZeroDivisionError("unforeseen")

    monkeypatch.setattr(GlueCatalog, "list_tables", broken)
    answer = _asked(ctx, "GET", f"catalogs/{ctx.account}/namespaces/rest/tables")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, 500)
    assert "unforeseen" in answer.json()["error"]["message"]
    assert "ZeroDivisionError" in caplog.text


def test_no_namespace_is_within_another(ctx: Context) -> None:
    assert _asked(ctx, "GET", f"catalogs/{ctx.account}/namespaces?parent=rest").json() == {"namespaces": []}


def test_a_name_is_in_any_language(ctx: Context) -> None:
    at = f"catalogs/{ctx.account}/namespaces"
    _asked(ctx, "POST", at, {"namespace": ["café"]})
    assert _asked(ctx, "GET", f"{at}/caf%C3%A9").json()["namespace"] == ["café"]
    assert _asked(ctx, "DELETE", f"{at}/caf%C3%A9").status_code == 204


def _first(staged: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the updates by which a client creates the table that it staged."""
    return [
        {"action": "assign-uuid", "uuid": staged["table-uuid"]},
        {"action": "upgrade-format-version", "format-version": 2},
        {"action": "add-schema", "schema": staged["schemas"][0], "last-column-id": 1},
        {"action": "set-current-schema", "schema-id": -1},
        {"action": "add-spec", "spec": staged["partition-specs"][0]},
        {"action": "set-default-spec", "spec-id": -1},
        {"action": "add-sort-order", "sort-order": staged["sort-orders"][0]},
        {"action": "set-default-sort-order", "sort-order-id": -1},
        {"action": "set-location", "location": staged["location"]},
    ]


def test_head_says_whether_it_is_there(ctx: Context, table: str) -> None:
    at = f"catalogs/{ctx.account}/namespaces"
    there = {
        path: _asked(ctx, "HEAD", f"{at}/{path}") for path in ("rest", "nope", f"rest/tables/{table}", "rest/tables/x")
    }
    assert [answer.status_code for answer in there.values()] == [204, 404, 204, 404]
    assert all(answer.content == b"" for answer in there.values())


def test_properties_of_a_namespace_are_set_and_removed(ctx: Context) -> None:
    at = f"catalogs/{ctx.account}/namespaces"
    _asked(ctx, "POST", at, {"namespace": ["Told"], "properties": {"a": "1", "b": "2"}})
    changed = _asked(ctx, "POST", f"{at}/told/properties", {"removals": ["a", "c"], "updates": {"d": "3"}}).json()
    assert changed == {"updated": ["d"], "removed": ["a"], "missing": ["c"]}
    assert _asked(ctx, "GET", f"{at}/told").json()["properties"] == {"b": "2", "d": "3"}
    assert _asked(ctx, "DELETE", f"{at}/told").status_code == 204


def test_a_table_that_is_there_is_not_made_again(ctx: Context, table: str) -> None:
    before = _keys(ctx)
    for staged in (False, True):
        body = json.loads(_new(table)) | {"stage-create": staged}
        answer = _asked(ctx, "POST", f"catalogs/{ctx.account}/namespaces/rest/tables", body)
        assert (answer.status_code, answer.json()["error"]["type"]) == (409, "AlreadyExistsException")
    assert _keys(ctx) == before
