"""A hostile page in a real browser: what it can do to a running local AWS (nothing), and what bucket rules let it."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Browser, Page

from localaws.context import Context
from tests.browser import started_browser
from tests.localaws.requests import signed
from tests.localaws.running import ctx  # noqa: F401

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser in which names of the hostile pages lead to this machine, as a rebound name would."""
    rules = "--host-resolver-rules=MAP *.example 127.0.0.1"
    with started_browser(tmp_path_factory.mktemp("chromium"), rules) as browser:
        yield browser


@pytest.fixture(scope="module")
def site() -> Iterator[int]:
    """A web server with an empty page; its port."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>harmless</title>")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def bucket(ctx: Context) -> str:
    name = f"browser-{uuid.uuid4().hex[:8]}"
    ctx.client("s3").create_bucket(Bucket=name)
    ctx.client("s3").put_object(
        Bucket=name, Key="there", Body=b"window.stolen = 'secret'", ContentType="text/javascript"
    )
    return name


#: In the page: runs one attack and says what came of it, as far as a page can see.
_ATTACK = """async ({kind, url, options, fields}) => {
  const settle = (element, source) => new Promise(done => {
    element.onload = () => done("loaded"); element.onerror = () => done("refused");
    element[source] = url; document.body.append(element); setTimeout(() => done("silent"), 1000);
  });
  if (kind === "fetch") try {
    const answer = await fetch(url, options); return `${answer.type} ${answer.status} ${await answer.text()}`;
  } catch (error) { return "refused"; }
  if (kind === "image") return settle(new Image(), "src");
  if (kind === "script") return await settle(document.createElement("script"), "src") + ` ${window.stolen}`;
  if (kind === "frame") { await settle(document.createElement("iframe"), "src"); return "framed"; }
  if (kind === "socket") return new Promise(done => {
    const socket = new WebSocket(url); socket.onopen = () => done("open"); socket.onerror = () => done("refused");
  });
  if (kind === "form") {
    const frame = document.createElement("iframe"); frame.name = "target"; document.body.append(frame);
    const form = document.createElement("form");
    Object.assign(form, {action: url, method: "post", enctype: options.enctype, target: "target"});
    for (const [name, value] of Object.entries(fields)) {
      const field = document.createElement("textarea"); field.name = name; field.value = value; form.append(field);
    }
    document.body.append(form);
    const sent = new Promise(done => { frame.onload = done; setTimeout(done, 1000); });
    form.submit(); await sent; return "submitted";
  }
}"""


def attacks(ctx: Context, endpoint: str, bucket: str) -> list[tuple[str, str, dict[str, Any], dict[str, str]]]:
    """What takes the laptop over, signed as well: everybody knows `test`."""
    host = urlparse(endpoint).netloc
    s3 = ctx.client("s3")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "there"}).replace(
        ctx.endpoint, endpoint
    )
    upload = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "x.py"}).replace(
        ctx.endpoint, endpoint
    )
    form = s3.generate_presigned_post(bucket, "x.py")["fields"]
    job = {"Name": "evil", "Role": "r", "Command": {"Name": "glueetl", "ScriptLocation": f"s3://{bucket}/x.py"}}
    calls = []
    for action, body in (("CreateJob", job), ("StartJobRun", {"JobName": "evil"}), ("ListJobs", {})):
        content = json.dumps(body)
        headers = {"X-Amz-Target": f"AWSGlue.{action}", "Content-Type": "application/x-amz-json-1.1"}
        sent = signed(ctx, "glue", "POST", "/", content.encode(), headers=headers, host=host)
        sent.pop("Host")
        calls.append(("fetch", f"{endpoint}/", {"method": "POST", "headers": sent, "body": content}, {}))
    blind = {"method": "POST", "mode": "no-cors", "credentials": "include"}
    return [
        *calls,
        ("form", f"{endpoint}/{bucket}", {"enctype": "multipart/form-data"}, {**form, "file": "print('owned')"}),
        ("form", f"{endpoint}/moto-api/reset", {"enctype": "text/plain"}, {"a": "b"}),
        ("form", f"{endpoint}/", {"enctype": "application/x-www-form-urlencoded"},
         {"Action": "CreateQueue", "QueueName": "evil"}),
        ("fetch", f"{endpoint}/moto-api/reset", blind, {}),
        ("fetch", f"{endpoint}/moto-api/data.json", {}, {}),
        ("fetch", f"{endpoint}/_localaws/deploy", {**blind, "body": '{"assembly": "/tmp"}'}, {}),
        ("fetch", f"{endpoint}/_localaws/health", {}, {}),
        ("fetch", upload, {"method": "PUT", "body": "print('owned')"}, {}),
        ("fetch", url, {}, {}),
        ("fetch", url, {"mode": "no-cors"}, {}),
        ("image", url, {}, {}),
        ("script", url, {}, {}),
        ("frame", url, {}, {}),
        ("socket", f"{endpoint}/".replace("http", "ws"), {}, {}),
    ]  # fmt: skip


def state(ctx: Context, bucket: str) -> Any:
    keys = [entry["Key"] for entry in ctx.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]
    return keys, ctx.client("glue").list_jobs()["JobNames"], ctx.client("sqs").list_queues().get("QueueUrls")


def opened(browser: Browser, address: str) -> Page:
    page = browser.new_page()
    page.goto(address)
    return page


@pytest.mark.parametrize("name", ["evil.example", "localhost", "127.0.0.1"])
def test_a_hostile_page_reads_nothing_and_changes_nothing(
    ctx: Context, browser: Browser, site: int, bucket: str, name: str
) -> None:
    before = state(ctx, bucket)
    port = urlparse(ctx.endpoint).port
    log = ctx.scratch / "localaws.log"
    said_before = len(log.read_text().splitlines())
    page = opened(browser, f"http://{name}:{site}/")
    count = 0
    for host in ("127.0.0.1", "localhost"):
        for kind, url, options, fields in attacks(ctx, f"http://{host}:{port}", bucket):
            outcome = page.evaluate(_ATTACK, {"kind": kind, "url": url, "options": options, "fields": fields})
            assert "secret" not in outcome, (kind, url, outcome)
            assert outcome in {"refused", "refused undefined", "submitted", "framed", "opaque 0 "}, (kind, url, outcome)
            count += 1
    page.close()
    assert state(ctx, bucket) == before
    said = [line for line in log.read_text().splitlines()[said_before:] if "localaws.gate refused" in line]
    assert len(said) >= count
    assert any("/moto-api/reset" in line for line in said)
    assert any(f"origin: http://{name}:{site}" in line.lower() for line in said)
    assert any("Sec-Fetch-Site" in line for line in said)


def test_a_page_whose_name_is_rebound_to_this_machine_is_not_at_home(
    ctx: Context, browser: Browser, bucket: str
) -> None:
    page = browser.new_page()
    answer = page.goto(f"http://rebound.example:{urlparse(ctx.endpoint).port}/{bucket}/there")
    assert answer is not None
    assert answer.status == 403
    assert "neither this machine nor a name of AWS" in page.inner_text("body")
    page.close()


def test_an_object_that_is_opened_as_a_page_can_do_nothing_with_the_server_it_came_from(
    ctx: Context, browser: Browser, bucket: str
) -> None:
    s3 = ctx.client("s3")
    s3.put_object(Bucket=bucket, Key="page.html", Body=b"<p id=p>shown</p>", ContentType="text/html")
    before = state(ctx, bucket)
    page = opened(browser, s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "page.html"}))
    assert page.inner_text("#p") == "shown"
    assert page.evaluate("self.origin") == "null"
    for kind, url, options, fields in attacks(ctx, ctx.endpoint, bucket):
        if kind == "fetch":
            outcome = page.evaluate(_ATTACK, {"kind": kind, "url": url, "options": options, "fields": fields})
            assert outcome in {"refused", "opaque 0 "}
    page.close()
    assert state(ctx, bucket) == before


def test_a_page_that_the_buckets_rules_name_uploads_and_does_no_more(
    ctx: Context, browser: Browser, site: int, bucket: str
) -> None:
    s3 = ctx.client("s3")
    rule = {
        "AllowedOrigins": [f"http://app.example:{site}"],
        "AllowedMethods": ["PUT"],
        "AllowedHeaders": ["*"],
        "ExposeHeaders": ["ETag"],
    }
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    page = opened(browser, f"http://app.example:{site}/")
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "up", "ContentType": "text/csv"})
    put = {"method": "PUT", "body": "a,b", "headers": {"Content-Type": "text/csv"}}
    assert page.evaluate(_ATTACK, {"kind": "fetch", "url": url, "options": put}) == "cors 200 "
    assert s3.get_object(Bucket=bucket, Key="up")["Body"].read() == b"a,b"
    read = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "there"})
    assert page.evaluate(_ATTACK, {"kind": "fetch", "url": read, "options": {}}) == "refused"
    other = opened(browser, f"http://evil.example:{site}/")
    assert other.evaluate(_ATTACK, {"kind": "fetch", "url": url, "options": {**put, "body": "evil"}}) == "refused"
    assert s3.get_object(Bucket=bucket, Key="up")["Body"].read() == b"a,b"
    for each in (page, other):
        each.close()
