"""CDK's own CLI deploys an HTTP API over a table, whose function and custom resources run in Node, and destroys it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.end_to_end.foreign import App, copied, good

pytestmark = pytest.mark.slow

DEPLOY = ("deploy", "--require-approval", "never")
#: Takes what was synthesized last; CDK's part in Python takes most of the time of a command.
MADE = ("--app", "cdk.out")


@pytest.fixture(scope="module")
def app(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> App:
    return copied("orders", tmp_path_factory.mktemp("apps"), endpoint)


def asked(app: App, method: str, path: str, body: Any = None) -> tuple[int, str]:
    """Ask the API at the address that the stack's output tells."""
    content = None if body is None else json.dumps(body).encode()
    url = app.outputs()["Url"] + path
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_an_api_with_a_table_is_deployed_asked_changed_and_destroyed(app: App) -> None:
    good(app.cdk(*DEPLOY))
    assert asked(app, "GET", "orders") == (200, '["first"]'), "CDK's own call of the API has put it there"
    assert asked(app, "PUT", "orders/a%20b", {"total": 12}) == (201, "a b")
    assert asked(app, "GET", "orders/a%20b") == (200, '{"id": "a b", "total": "12 EUR"}')
    assert asked(app, "GET", "orders/none") == (404, "no such order")
    assert asked(app, "DELETE", "orders/a") == (404, '{"message": "Not Found"}')
    (kept,) = app.client("logs").describe_log_groups(logGroupNamePrefix="/orders/log")["logGroups"]
    assert kept["retentionInDays"] == 7

    good(app.cdk("synth", "--quiet", CURRENCY="GBP"))
    said = app.cdk("diff", "--fail", *MADE)
    assert said.returncode == 1
    assert "GBP" in said.stdout + said.stderr
    good(app.cdk(*DEPLOY, *MADE))
    assert asked(app, "GET", "orders/a%20b") == (200, '{"id": "a b", "total": "12 GBP"}')

    url, site, s3 = app.outputs()["Url"], app.outputs()["SiteName"], app.client("s3")
    for content in (b"one", b"two"):
        s3.put_object(Bucket=site, Key="page", Body=content)
    s3.delete_object(Bucket=site, Key="page")
    good(app.cdk("destroy", "--force", *MADE))
    assert site not in [each["Name"] for each in s3.list_buckets()["Buckets"]], "its versions were deleted before"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{url}orders")
    assert app.client("dynamodb").list_tables()["TableNames"] == []


@pytest.mark.proof
def test_files_are_put_into_a_bucket_and_a_provider_waits_for_what_it_makes(app: App) -> None:
    s3 = app.client("s3")
    for page in ("<p>one</p>", "<p>two</p>"):
        good(app.cdk(*DEPLOY, PAGE=page))
        assert s3.get_object(Bucket=app.outputs()["SiteName"], Key="index.html")["Body"].read().decode() == page
        with urllib.request.urlopen(app.outputs()["RestUrl"]) as answer:
            assert answer.read() == b"GET /orders"
        assert app.outputs()["Said"] == "Create", "a state machine waited until it was complete"
    site = app.outputs()["SiteName"]
    good(app.cdk("destroy", "--force", PAGE="-"))
    assert site not in [each["Name"] for each in s3.list_buckets()["Buckets"]]
