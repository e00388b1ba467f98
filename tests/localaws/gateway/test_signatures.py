"""Whoever signs a request is known, has signed this very request, and has done so lately."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlparse

import boto3
import botocore.auth
import pytest
from botocore.auth import S3SigV4QueryAuth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.client import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, settings
from hypothesis import given as forall
from hypothesis import strategies as st

from localaws.context import Context
from tests.laws import cases
from tests.localaws.gateway.signing import BUCKET, client, code, host, make_bucket
from tests.localaws.requests import USER, send, signed
from tests.localaws.running import ctx, role  # noqa: F401

WRONG = Credentials("test", "tesT")
STRANGER = Credentials("AKIAIOSFODNN7EXAMPLE", "test")


@pytest.fixture(scope="module", autouse=True)
def bucket(ctx: Context) -> str:
    make_bucket(ctx)
    return BUCKET


CALLS: dict[str, tuple[str, str, str, dict[str, str], bytes]] = {
    "s3": ("s3", "GET", f"/{BUCKET}/there", {}, b""),
    "query": ("sns", "POST", "/", {"Content-Type": "application/x-www-form-urlencoded"},
              b"Action=ListTopics&Version=2010-03-31"),
    "json": ("dynamodb", "POST", "/",
             {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}, b"{}"),
    "rest": ("lambda", "GET", "/2015-03-31/functions/", {}, b""),
}  # fmt: skip
REFUSALS = {
    "not signed": {"s3": "AccessDenied", "query": "MissingAuthenticationToken",
                   "json": "MissingAuthenticationTokenException", "rest": "MissingAuthenticationTokenException"},
    "wrong secret": {"s3": "SignatureDoesNotMatch", "query": "SignatureDoesNotMatch",
                     "json": "InvalidSignatureException", "rest": "InvalidSignatureException"},
    "unknown key": {"s3": "InvalidAccessKeyId", "query": "InvalidClientTokenId",
                    "json": "UnrecognizedClientException", "rest": "UnrecognizedClientException"},
    "16 minutes old": {"s3": "RequestTimeTooSkewed", "query": "SignatureDoesNotMatch",
                       "json": "InvalidSignatureException", "rest": "InvalidSignatureException"},
    "16 minutes ahead": {"s3": "RequestTimeTooSkewed", "query": "SignatureDoesNotMatch",
                         "json": "InvalidSignatureException", "rest": "InvalidSignatureException"},
    "not understood": {"s3": "AuthorizationHeaderMalformed", "query": "IncompleteSignature",
                       "json": "IncompleteSignatureException", "rest": "IncompleteSignatureException"},
}  # fmt: skip


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets the signer's clock be off by seconds; the server's is right."""

    def be_off(seconds: float) -> None:
        now = lambda: datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)  # noqa: E731
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: now())

    return be_off


@pytest.mark.parametrize("protocol", CALLS)
@pytest.mark.parametrize("why", REFUSALS)
def test_a_refusal_has_the_name_that_aws_gives_it(ctx: Context, clock: Any, protocol: str, why: str) -> None:
    service, method, target, headers, body = CALLS[protocol]
    clock({"16 minutes old": -960, "16 minutes ahead": 960}.get(why, 0))
    credentials = {"wrong secret": WRONG, "unknown key": STRANGER}.get(why, USER)
    sent = signed(ctx, service, method, target, body, headers=headers, credentials=credentials)
    if why == "not signed":
        sent = headers
    if why == "not understood":
        sent["Authorization"] = sent["Authorization"].replace("Signature=", "Signatur=")
    answer = send(ctx, method, target, sent, body)
    assert answer.status == (400 if protocol == "json" or (why == "not understood" and protocol != "rest") else 403)
    assert code(answer) == REFUSALS[why][protocol]


@pytest.mark.parametrize("protocol", CALLS)
@pytest.mark.parametrize("seconds", [0, -870, 870])
def test_what_is_signed_lately_by_the_administrator_is_answered(
    ctx: Context, clock: Any, protocol: str, seconds: int
) -> None:
    clock(seconds)
    service, method, target, headers, body = CALLS[protocol]
    assert send(ctx, method, target, signed(ctx, service, method, target, body, headers=headers), body).status == 200


# ---- what is signed is what is asked


@pytest.mark.parametrize("protocol", CALLS)
def test_nothing_of_a_signed_request_can_be_changed(ctx: Context, protocol: str) -> None:
    service, method, target, headers, body = CALLS[protocol]
    good = signed(ctx, service, method, target, body, headers=headers)
    auth = good["Authorization"]
    other = "0" if auth.endswith("1") else "1"
    changed: list[tuple[str, str, dict[str, str], bytes]] = [
        ("HEAD" if method == "GET" else "PUT", target, good, body),
        (method, f"{target}?a=b", good, body),
        (method, f"{target}x", good, body),
        (method, target, {**good, "X-Amz-Meta-More": "1"}, body),
        (method, target, {**good, "X-Amz-Target": "DynamoDB_20120810.DeleteTable"}, body),
        (method, target, {**good, "X-Amz-Security-Token": "x"}, body),
        (method, target, {**good, "Host": "localhost"}, body),
        (method, target, {**good, "Authorization": re.sub("/us-east-1/", "/eu-west-1/", auth)}, body),
        (method, target, {**good, "Authorization": re.sub(f"/{service}/", "/iam/", auth)}, body),
        (method, target, {**good, "Authorization": re.sub(r"(Signature=.*)(.)$", rf"\g<1>{other}", auth)}, body),
        (method, target, {**good, "Authorization": re.sub(r"host;", "", auth)}, body),
        (method, target, {**good, "Authorization": re.sub(r"Signature=\w+", "Signature=", auth)}, body),
        (method, target, {**good, "Authorization": f"x=a/b/c/iam/d, {auth}"}, body),
    ]  # fmt: skip
    if body:
        changed.append((method, target, good, body.replace(b"List", b"Last") + b" "))
    for verb, path, sent, content in changed:
        assert send(ctx, verb, path, sent, content).status in {400, 403}, (verb, path, sent)


ODD_KEYS = [
    "plain", "a b", "a+b", "a%20b", "a%2Fb", "/lead", "a//b", "a/../b", "./a", "a/.", "~tilde", "=&?#", "ü/ñ", "日本語",
    "😀", "a'b\"c", "(x)!*", "a:b@c,d;e$f", "back\\slash", "{x}[y]|z^`", "trailing/", "%", "%zz",
    "a=b&X-Amz-Signature=c",
]  # fmt: skip


@pytest.mark.parametrize("key", ODD_KEYS)
@pytest.mark.parametrize("style", ["path", "virtual"])
@pytest.mark.slow
def test_every_key_can_be_signed_in_every_way(ctx: Context, key: str, style: str) -> None:
    endpoint = ctx.endpoint.replace("127.0.0.1", "localhost")
    for version in ("s3v4", "s3"):
        s3 = boto3.client(
            "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(signature_version=version, s3={"addressing_style": style}, retries={"total_max_attempts": 1}),
        )  # fmt: skip
        if version == "s3v4":
            s3.meta.events.register("before-send.s3", _to(ctx))
            s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
            assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == key.encode()
        url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": key})
        parts = urlparse(url)
        answer = send(ctx, "GET", url.partition(parts.netloc)[2], {"Host": parts.netloc})
        assert (answer.status, answer.body) == (200, key.encode()), (version, url)


def _to(ctx: Context) -> Any:
    """Lead a client to the server whatever host it names: not every machine resolves names below localhost."""

    def connect(request: Any, **_: Any) -> None:
        parts = urlparse(request.url)
        request.headers["Host"] = parts.netloc
        request.url = request.url.replace(parts.netloc, host(ctx), 1)

    return connect


@settings(max_examples=cases(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@forall(
    path=st.text(
        st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=["Cs"]), min_size=1, max_size=12
    ),
    query=st.dictionaries(
        st.text(st.characters(codec="ascii", min_codepoint=32), min_size=1, max_size=4), st.text(max_size=6), max_size=3
    ),
    value=st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), max_size=12),
)
def test_whatever_botocore_signs_is_known_and_whatever_else_is_not(
    ctx: Context, path: str, query: dict[str, str], value: str
) -> None:
    pairs = "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in query.items())
    target = f"/{BUCKET}/{quote(path, safe='/-_.~')}{'?' if pairs else ''}{pairs}"
    headers = {"X-Amz-Meta-A": value.strip() or "x"}
    good = send(ctx, "GET", target, signed(ctx, "s3", "GET", target, headers=headers))
    bad = send(ctx, "GET", target, signed(ctx, "s3", "GET", target, headers=headers, credentials=WRONG))
    assert not (good.status == 403 and "Signature" in good.said)
    assert code(bad) == "SignatureDoesNotMatch"


# ---- in the address


def presigned(
    ctx: Context, method: str, target: str, *, expires: int, credentials: Credentials = USER, service: str = "s3"
) -> str:
    kind = S3SigV4QueryAuth if service == "s3" else SigV4QueryAuth
    request = AWSRequest(method, f"{ctx.endpoint}{target}")
    kind(credentials, service, "us-east-1", expires=expires).add_auth(request)
    return str(request.url).removeprefix(ctx.endpoint)


def test_a_presigned_address_holds_until_it_ends(ctx: Context, clock: Any) -> None:
    clock(-100)
    target = f"/{BUCKET}/there"
    assert send(ctx, "GET", presigned(ctx, "GET", target, expires=3600)).body == b"content"
    over = send(ctx, "GET", presigned(ctx, "GET", target, expires=99))
    assert (over.status, code(over), "has expired" in over.said) == (403, "AccessDenied", True)
    clock(1000)
    assert "not valid yet" in send(ctx, "GET", presigned(ctx, "GET", target, expires=3600)).said


@pytest.mark.parametrize("expires", [0, -1, 604801, 10**20])
def test_a_presigned_address_holds_a_week_at_most(ctx: Context, expires: int) -> None:
    answer = send(ctx, "GET", presigned(ctx, "GET", f"/{BUCKET}/there", expires=expires))
    assert code(answer) == "AuthorizationQueryParametersError"


def test_nothing_of_a_presigned_address_can_be_changed(ctx: Context) -> None:
    for target in (
        presigned(ctx, "GET", f"/{BUCKET}/there", expires=60),
        client(ctx, "s3").generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "there"})[
            len(ctx.endpoint) :
        ],
    ):
        for changed in (
            target.replace("there", "other"),
            re.sub(r"Expires=\d+", "Expires=604000" if "X-Amz" in target else "Expires=9999999999", target),
            target.replace("Signature=", "Signature=A"),
            re.sub(r"Signature=[^&]+", "Signature=", target),
            target + "&" + target.partition("?")[2],
            target + "&acl" if "X-Amz" not in target else target + "&a=b",
            target.replace("=test", "=tess"),
        ):
            assert changed != target
            assert send(ctx, "GET", changed).status in {400, 403}, changed
        for method in ("PUT", "DELETE", "POST", "HEAD"):
            assert send(ctx, method, target).status == 403
        extra = {"x-amz-copy-source": f"/{BUCKET}/there"}
        assert send(ctx, "GET", target, extra).status == 403
    assert ctx.client("s3").get_object(Bucket=BUCKET, Key="there")["Body"].read() == b"content"


def test_an_older_presigned_address_ends_too(ctx: Context) -> None:
    s3 = ctx.client("s3")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "there"}, ExpiresIn=-5)
    assert "AWSAccessKeyId=" in url
    assert "has expired" in send(ctx, "GET", url.removeprefix(ctx.endpoint)).said


def test_two_signatures_are_none(ctx: Context) -> None:
    target = presigned(ctx, "GET", f"/{BUCKET}/there", expires=60)
    assert code(send(ctx, "GET", target, signed(ctx, "s3", "GET", target))) == "InvalidArgument"


def test_what_is_presigned_for_one_service_is_asked_of_no_other(ctx: Context) -> None:
    """Where nothing stands in the headers, moto guesses the service from path, body and other headers."""
    made = role(ctx, "presigner", {"Action": "s3:*", "Resource": "*"})
    given = ctx.client("sts").assume_role(RoleArn=made, RoleSessionName="me")["Credentials"]
    keys = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    for target in ("/sqs_us-east-1/", "/lambda_us-east-1/x"):
        answer = send(ctx, "GET", presigned(ctx, "GET", target, expires=60, credentials=keys))
        assert code(answer) in {"NoSuchBucket", "NoSuchKey", "InvalidBucketName"}


# ---- temporary credentials


def session(ctx: Context, name: str) -> Any:
    made = role(ctx, name, {"Action": "*", "Resource": "*"})
    return ctx.client("sts").assume_role(RoleArn=made, RoleSessionName="me")["Credentials"]


@pytest.mark.parametrize(
    ("service", "denied"),
    [("s3", "InvalidToken"), ("dynamodb", "UnrecognizedClientException"), ("sts", "InvalidClientTokenId")],
)
def test_a_session_needs_its_own_token_and_secret(ctx: Context, service: str, denied: str) -> None:
    mine, other = session(ctx, "token-mine"), session(ctx, "token-other")
    call = {"s3": "list_buckets", "dynamodb": "list_tables", "sts": "get_caller_identity"}[service]

    def ends(secret: str, token: str | None) -> str:
        try:
            getattr(client(ctx, service, key=mine["AccessKeyId"], secret=secret, token=token), call)()
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "ok"

    assert ends(mine["SecretAccessKey"], mine["SessionToken"]) == "ok"
    assert ends(mine["SecretAccessKey"], other["SessionToken"]) == denied
    assert ends(mine["SecretAccessKey"], None) == denied
    wrong = {"dynamodb": "InvalidSignatureException"}.get(service, "SignatureDoesNotMatch")
    assert ends("test", mine["SessionToken"]) == wrong


def test_a_session_ends(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    from localaws.gateway import callers

    given = session(ctx, "ending")
    key = callers._keys[given["AccessKeyId"]]
    long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1)
    monkeypatch.setitem(callers._keys, given["AccessKeyId"], callers.Key(key.secret, key.token, long_ago, key.session))
    with pytest.raises(ClientError, match="ExpiredToken"):
        client(
            ctx, "sts", key=given["AccessKeyId"], secret=given["SecretAccessKey"], token=given["SessionToken"]
        ).get_caller_identity()


# ---- a secret of its own


@pytest.mark.slow
def test_with_a_secret_of_its_own_the_well_known_one_opens_nothing(tmp_path: Any) -> None:
    """As another user of this machine finds it; a process of its own, as one process holds one local AWS."""
    import subprocess
    import sys

    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    command = [sys.executable, "-m", "localaws", "serve", "--port", "0", "--data", str(data), "--secret"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            endpoint = process.stdout.readline().removeprefix("ready at ").strip()
            access = json.loads((data / "access.json").read_text())
            assert data.stat().st_mode & 0o777 == 0o700
            assert (data / "access.json").stat().st_mode & 0o777 == 0o600
            assert len(access["secret"]) >= 40
            if sys.platform == "linux":
                assert access["secret"] not in Path(f"/proc/{process.pid}/cmdline").read_text()
            assert access["secret"] not in (data / "localaws.log").read_text()
            there = Context(endpoint=endpoint, scratch=data, secret=access["secret"])
            assert client(there, "sts", secret=access["secret"]).get_caller_identity()["Account"] == there.account
            with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
                client(there, "s3").list_buckets()
            with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
                client(there, "sts").get_caller_identity()
            assert send(there, "GET", "/_localaws/health").status == 403
            assert send(there, "POST", "/moto-api/reset").status == 403
        finally:
            process.terminate()
            process.wait(timeout=20)
    assert not (data / "access.json").exists()
