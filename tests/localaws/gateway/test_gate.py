"""Who may not even ask: pages in a browser, names that are rebound, moto's own pages, own routes without the token."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import json
import logging
import socket
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest

from localaws.context import Context
from localaws.gateway import hosts
from tests.laws import some
from tests.localaws.requests import Answer, send, signed
from tests.localaws.running import ctx  # noqa: F401

EVIL = "https://evil.example"
SCRIPT = b"print('owned')"
CREATE_JOB = json.dumps(
    {"Name": "evil", "Role": "r", "Command": {"Name": "glueetl", "ScriptLocation": "s3://evil/x.py"}}
).encode()


@pytest.fixture
def bucket(ctx: Context) -> str:
    name = f"gate-{uuid.uuid4().hex[:10]}"
    ctx.client("s3").create_bucket(Bucket=name)
    ctx.client("s3").put_object(Bucket=name, Key="there", Body=b"secret")
    return name


def state(ctx: Context, bucket: str) -> Any:
    """What a page would change or empty."""
    keys = [entry["Key"] for entry in ctx.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]
    return keys, ctx.client("glue").list_jobs()["JobNames"], len(ctx.client("s3").list_buckets()["Buckets"])


def pages_requests(bucket: str) -> dict[str, tuple[str, str, dict[str, str], bytes, str]]:
    """Method, target, headers, body and signing service of what a page sends to take the laptop over."""
    form = b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nx.py\r\n--x--\r\n'
    glue = {"X-Amz-Target": "AWSGlue.CreateJob", "Content-Type": "application/x-amz-json-1.1"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-amz-target"}
    return {
        "a form": ("POST", f"/{bucket}", {"Content-Type": "multipart/form-data; boundary=x"}, form, ""),
        "a plain text form": ("POST", "/", {"Content-Type": "text/plain"}, b"Action=CreateQueue&QueueName=evil", ""),
        "a preflight": ("OPTIONS", "/", asked, b"", ""),
        "a preflight at an object": ("OPTIONS", f"/{bucket}/x.py", asked, b"", ""),
        "a signed job": ("POST", "/", glue, CREATE_JOB, "glue"),
        "a signed upload": ("PUT", f"/{bucket}/x.py", {}, SCRIPT, "s3"),
        "a signed read": ("GET", f"/{bucket}/there", {}, b"", "s3"),
        "a reset": ("POST", "/moto-api/reset", {}, b"", ""),
        "a deployment": ("POST", "/_localaws/deploy", {"Content-Type": "text/plain"}, b'{"assembly": "/"}', ""),
        "a fault": ("POST", "/_localaws/faults/arm", {"Content-Type": "text/plain"}, b"{}", ""),
        "a websocket": ("GET", "/", {"Upgrade": "websocket", "Connection": "Upgrade"}, b"", ""),
    }


MARKS = {
    "another site": {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"},
    "an old browser": {"Origin": EVIL},
    "a sandboxed frame or a file": {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    "an image, a script, a link": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    "another port of this machine": {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"},
    "an object that was opened": {"Sec-Fetch-Site": "same-origin"},
    "an extension": {"Origin": "chrome-extension://abcdefghijklmnop"},
    "a newer word for sites": {"Sec-Fetch-Site": "CROSS-PLANET"},
}  # fmt: skip


@pytest.mark.parametrize("who", MARKS)
@pytest.mark.parametrize("what", some(pages_requests("b"), 3))
def test_a_page_is_refused_and_changes_nothing_even_if_it_signs(
    ctx: Context, bucket: str, who: str, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = state(ctx, bucket)
    method, target, headers, body, service = pages_requests(bucket)[what]
    if service:
        headers = signed(ctx, service, method, target, body, headers=headers)
    with caplog.at_level(logging.WARNING, "localaws.gate"):
        answer = send(ctx, method, target, {**headers, **MARKS[who]}, body)
    assert answer.status == 403
    assert "access-control-allow-origin" not in answer.headers
    assert b"secret" not in answer.body
    assert state(ctx, bucket) == before
    (line,) = [record.getMessage() for record in caplog.records if record.name == "localaws.gate"]
    assert line.startswith(f"refused {method} {target} (")
    assert all(value in line for name, value in MARKS[who].items() if name in {"Origin", "Sec-Fetch-Site"})


@pytest.mark.parametrize("agent", ["Mozilla/5.0 (X11)", "Opera/9.8", "opera/9.80 (J2ME)", "Lynx/2.9", "w3m/0.5"])
def test_a_browser_too_old_to_say_so_is_known_by_its_name(ctx: Context, bucket: str, agent: str) -> None:
    before = state(ctx, bucket)
    headers = signed(ctx, "s3", "PUT", f"/{bucket}/x", b"y")
    assert send(ctx, "PUT", f"/{bucket}/x", {**headers, "User-Agent": agent}, b"y").status == 403
    assert state(ctx, bucket) == before


def test_the_same_requests_of_a_client_are_answered(ctx: Context, bucket: str) -> None:
    """Else the refusals above would prove nothing."""
    assert send(ctx, "PUT", f"/{bucket}/x", signed(ctx, "s3", "PUT", f"/{bucket}/x", b"y"), b"y").status == 200
    headers = {"X-Amz-Target": "AWSGlue.ListJobs", "Content-Type": "application/x-amz-json-1.1"}
    assert send(ctx, "POST", "/", signed(ctx, "glue", "POST", "/", b"{}", headers=headers), b"{}").status == 200
    assert send(ctx, "GET", "/_localaws/health", {"X-Localaws-Token": ctx.token}).status == 200


@pytest.mark.parametrize("path", ["reset", "data.json", "", "reset-auth", "seed?a=1"])
@pytest.mark.parametrize("prefix", ["/moto-api/", "//moto-api/", "/%6doto-api/", "/moto%2Dapi/"])
def test_motos_own_pages_are_closed_to_everyone(ctx: Context, bucket: str, prefix: str, path: str) -> None:
    for headers in ({}, signed(ctx, "s3", "POST", prefix + path), {"X-Localaws-Token": ctx.token}):
        assert send(ctx, "POST", prefix + path, headers).status in {403, 404}
        assert send(ctx, "GET", prefix + path, headers).status in {403, 404}
    assert state(ctx, bucket)[0] == ["there"]


def test_motos_own_pages_are_not_there_either_by_the_name_of_their_host(ctx: Context, bucket: str) -> None:
    host = "motoapi.amazonaws.com"
    headers = signed(ctx, "moto_api", "POST", "/moto-api/reset", host=host)
    assert send(ctx, "POST", "/moto-api/reset", headers).status in {403, 404}
    assert state(ctx, bucket)[0] == ["there"]


@pytest.mark.parametrize("token", [None, "", "x", "é", "A" * 43])
@pytest.mark.parametrize("path", ["health", "deploy", "faults/calls", "faults/arm", "nothing"])
def test_own_routes_ask_for_the_runs_token(ctx: Context, path: str, token: str | None) -> None:
    headers = {} if token is None else {"X-Localaws-Token": token}
    for method in ("GET", "POST", "OPTIONS", "HEAD"):
        assert send(ctx, method, f"/_localaws/{path}", headers).status == 403


def test_the_token_stands_in_a_file_that_only_this_user_reads(ctx: Context) -> None:
    path = ctx.scratch / "access.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text()) == {
        "endpoint": ctx.endpoint,
        "region": ctx.region,
        "access_key": "test",
        "secret": "test",
        "token": ctx.token,
    }


# ---- the host that is asked

OURS = [
    "localhost", "LocalHost:4566", "localhost.", "127.0.0.1", "127.0.0.1:80", "127.9.9.9", "127.0.0.1.", "[::1]:4566",
    "bucket.localhost:4566", "s3.eu-west-1.localhost", "bucket.s3.us-east-1.localhost", "s3.amazonaws.com",
    "my.dotted.bucket.s3.amazonaws.com", "bucket.s3.dualstack.eu-west-1.amazonaws.com:4566",
    "sync-states.us-east-1.amazonaws.com", "sync-localhost:4566", "data-127.0.0.1", "logs.us-east-1.api.aws",
    "sqs.cn-north-1.amazonaws.com.cn",
]  # fmt: skip
STRANGE = [
    "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example:4566", "evil-localhost",
    "localhost-evil", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0", "0", "[::]", "[::ffff:127.0.0.1]",
    "[::1].evil.example", "169.254.169.254", "192.168.0.7:4566", "amazonaws.com", "evilamazonaws.com",
    "s3.amazonaws.com.evil.example", "ec2-1-2-3-4.compute-1.amazonaws.com", "x.us-east-1.elb.amazonaws.com",
    "d.x.us-east-1.rds.amazonaws.com", "user@localhost", "localhost:80:80", "localhost:", "localhost:99999", "a b",
    "localhost,evil.example", "localhost/evil", "..localhost", ".localhost", "l\u043ecalhost",
    "localhost%00.evil.example",
]  # fmt: skip


@pytest.mark.parametrize("host", OURS)
def test_names_that_nobody_can_point_here_are_answered(host: str) -> None:
    name = hosts.name_of(host)
    assert name is not None
    assert hosts.is_ours(name)


@pytest.mark.parametrize("host", STRANGE)
def test_a_name_that_can_be_rebound_is_refused(ctx: Context, host: str) -> None:
    name = hosts.name_of(host)
    assert name is None or not hosts.is_ours(name)
    if host.isascii():
        headers = {**signed(ctx, "s3", "GET", "/", host="localhost"), "Host": host}
        assert send(ctx, "GET", "/", headers).status == 403


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        ("b.localhost", "b"),
        ("b.c.s3.amazonaws.com", "b.c"),
        ("b.s3.eu-west-1.localhost", "b"),
        ("b.s3-eu-west-1.amazonaws.com", "b"),
        ("b.s3.dualstack.us-gov-west-1.amazonaws.com", "b"),
        ("b.s3-accelerate.amazonaws.com", "b"),
        ("s3.eu-west-1.localhost", ""),
        ("s3.amazonaws.com", ""),
        ("localhost", ""),
        ("127.0.0.1", ""),
        ("sqs.us-east-1.amazonaws.com", ""),
    ],
)
def test_a_bucket_in_the_hosts_name_is_found(host: str, bucket: str) -> None:
    assert hosts.bucket_of(host) == bucket


@pytest.mark.parametrize("host", ["{}.localhost:4566", "{}.s3.amazonaws.com", "{}.s3.us-east-1.localhost"])
def test_a_bucket_in_the_hosts_name_is_the_one_that_is_asked(ctx: Context, bucket: str, host: str) -> None:
    headers = signed(ctx, "s3", "GET", "/there", host=host.format(bucket))
    assert send(ctx, "GET", "/there", headers).body == b"secret"


# ---- requests that two readers would read differently


def raw(ctx: Context, text: str) -> str:
    """Send bytes as they are, and return the first line of what comes back (empty if the connection just ends)."""
    address = urlparse(ctx.endpoint)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(text.encode("latin-1"))
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").readline().decode("latin-1")


@pytest.mark.parametrize(
    "head",
    [
        "GET / HTTP/1.0\r\n",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nhost: localhost\r\n",
        "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n",
        "GET http://localhost/ HTTP/1.1\r\nHost: evil.example\r\n",
        "GET https://localhost/ HTTP/1.1\r\nHost: localhost\r\n",
        "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n",
        "GET /b/k#x HTTP/1.1\r\nHost: localhost\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://a\r\nOrigin: https://b\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: 1\r\n folded: 2\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1x\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n",
    ],
)
def test_what_two_readers_would_read_differently_is_no_request(ctx: Context, head: str) -> None:
    assert raw(ctx, f"{head}\r\n").split(" ")[1] == "400"


def test_an_address_in_full_is_read_if_it_is_the_host_that_is_asked(ctx: Context) -> None:
    """As clients send it that take this server for a proxy; not signed, so S3's own refusal comes back."""
    assert raw(ctx, "GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n").split(" ")[1] == "403"


def test_an_opened_object_runs_as_nobody(ctx: Context, bucket: str) -> None:
    """A page in a bucket, opened by its presigned address, must not be this server's own: that could sign anything."""
    url = ctx.client("s3").generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "there"})
    answer = send(ctx, "GET", url.removeprefix(ctx.endpoint), {"Sec-Fetch-Site": "none", "User-Agent": "Mozilla/5.0"})
    assert (answer.status, answer.body) == (200, b"secret")
    assert answer.headers["content-security-policy"] == "sandbox allow-scripts"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_browser_that_does_not_say_who_asks_may_open_objects_and_no_more(ctx: Context, bucket: str) -> None:
    agent = {"User-Agent": "Mozilla/5.0 (Macintosh) Safari/600"}
    url = ctx.client("s3").generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "there"})
    assert send(ctx, "GET", url.removeprefix(ctx.endpoint), agent).status == 200
    sns = ctx.client("sns").generate_presigned_url("create_topic", Params={"Name": "evil"}, HttpMethod="GET")
    assert send(ctx, "GET", sns.removeprefix(ctx.endpoint), agent).status == 403


# ---- a bucket's own rules


def allow(ctx: Context, bucket: str, **rule: Any) -> None:
    rules = [{"AllowedMethods": ["PUT"], "AllowedOrigins": ["https://app.example"], **rule}]
    ctx.client("s3").put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})


def preflight(
    ctx: Context, target: str, *, origin: str = "https://app.example", method: str = "PUT", names: str = ""
) -> Answer:
    asked = {"Origin": origin, "Sec-Fetch-Site": "cross-site", "Access-Control-Request-Method": method}
    return send(ctx, "OPTIONS", target, {**asked, **({"Access-Control-Request-Headers": names} if names else {})})


def test_a_page_that_a_rule_names_uploads_to_that_bucket(ctx: Context, bucket: str) -> None:
    allow(ctx, bucket, AllowedHeaders=["content-*", "x-amz-meta-a"], ExposeHeaders=["ETag"], MaxAgeSeconds=60)
    asked = preflight(ctx, f"/{bucket}/new", names="Content-Type, x-amz-meta-a")
    assert asked.status == 200
    assert asked.headers["access-control-allow-origin"] == "https://app.example"
    assert asked.headers["access-control-allow-methods"] == "PUT"
    assert asked.headers["access-control-allow-headers"] == "content-type, x-amz-meta-a"
    assert asked.headers["access-control-max-age"] == "60"
    url = ctx.client("s3").generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "new"})
    page = {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}
    done = send(ctx, "PUT", url.removeprefix(ctx.endpoint), page, b"hello")
    assert done.status == 200
    assert done.headers["access-control-allow-origin"] == "https://app.example"
    assert done.headers["access-control-expose-headers"] == "ETag"
    assert ctx.client("s3").get_object(Bucket=bucket, Key="new")["Body"].read() == b"hello"


@pytest.mark.parametrize(
    ("rule", "origin", "method", "names", "granted"),
    [
        ({}, "https://app.example", "PUT", "", True),
        ({}, "https://app.example", "DELETE", "", False),
        ({}, "https://app.example", "put", "", False),
        ({}, "https://app.example", "PUT", "content-type", False),
        ({"AllowedHeaders": ["*"]}, "https://app.example", "PUT", "authorization,x-amz-target", True),
        ({}, "http://app.example", "PUT", "", False),
        ({}, "https://app.example:444", "PUT", "", False),
        ({}, "https://app.example.evil.example", "PUT", "", False),
        ({}, "https://appxexample", "PUT", "", False),
        ({"AllowedOrigins": ["https://*.example"]}, "https://a.b.example", "PUT", "", True),
        ({"AllowedOrigins": ["https://*.example"]}, "https://a.example.evil", "PUT", "", False),
        ({"AllowedOrigins": ["*"]}, "null", "PUT", "", True),
        ({}, "null", "PUT", "", False),
    ],
)  # fmt: skip
def test_a_rule_is_matched_as_s3_matches_it(
    ctx: Context, bucket: str, rule: dict[str, Any], origin: str, method: str, names: str, granted: bool
) -> None:
    allow(ctx, bucket, **rule)
    assert (preflight(ctx, f"/{bucket}/k", origin=origin, method=method, names=names).status == 200) == granted


def test_a_rule_opens_its_bucket_and_nothing_else(ctx: Context, bucket: str) -> None:
    """A page that may upload to one bucket signs other things: another bucket, a Glue job at the bucket's own path."""
    allow(ctx, bucket, AllowedHeaders=["*"], AllowedMethods=["PUT", "POST", "GET"])
    other = f"{bucket}-other"
    ctx.client("s3").create_bucket(Bucket=other)
    page = {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}
    assert preflight(ctx, f"/{other}/k").status == 403
    assert send(ctx, "PUT", f"/{other}/k", {**signed(ctx, "s3", "PUT", f"/{other}/k"), **page}).status == 403
    host = f"{other}.localhost"
    headers = signed(ctx, "s3", "PUT", f"/{bucket}/k", host=host)
    assert send(ctx, "PUT", f"/{bucket}/k", {**headers, **page}).status == 403
    glue = {"X-Amz-Target": "AWSGlue.CreateJob", "Content-Type": "application/x-amz-json-1.1"}
    for target in (f"/{bucket}", f"/{bucket}/", f"/{bucket}/k"):
        headers = signed(ctx, "glue", "POST", target, CREATE_JOB, headers=glue)
        assert send(ctx, "POST", target, {**headers, **page}, CREATE_JOB).status in {400, 403}
    assert ctx.client("glue").list_jobs()["JobNames"] == []
    assert send(ctx, "GET", "/_localaws/health", {"X-Localaws-Token": ctx.token, **page}).status == 403


def test_a_refusal_is_logged_in_one_line_whatever_is_sent(ctx: Context, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "localaws.gate"):
        send(ctx, "GET", "/x?X-Amz-Signature=abc", {"Origin": "https://\xe9\x1b[31m" + "x" * 5000})
    (line,) = [record.getMessage() for record in caplog.records if record.name == "localaws.gate"]
    assert line.isascii()
    assert line.isprintable()
    assert len(line) < 700
    assert "abc" not in line
    assert Path(ctx.scratch / "localaws.log").read_text().splitlines()[-1].endswith(line)
