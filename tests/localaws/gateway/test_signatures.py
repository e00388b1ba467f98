"""Whoever signs a request is known, has signed this very request, and has done so lately."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
import re
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlparse

import boto3
import botocore.auth
import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.client import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, settings
from hypothesis import given as forall
from hypothesis import strategies as st

from localaws.context import Context
from tests.laws import cases
from tests.localaws.requests import USER, Answer, send, signed
from tests.localaws.running import ctx, role  # noqa: F401

WRONG = Credentials("test", "tesT")
STRANGER = Credentials("AKIAIOSFODNN7EXAMPLE", "test")
BUCKET = "signed-bucket"


@pytest.fixture(scope="module", autouse=True)
def bucket(ctx: Context) -> str:
    ctx.client("s3").create_bucket(Bucket=BUCKET)
    ctx.client("s3").put_object(Bucket=BUCKET, Key="there", Body=b"content")
    return BUCKET


def host(ctx: Context) -> str:
    return urlparse(ctx.endpoint).netloc


def code(answer: Answer) -> str:
    """What a refusal is called, in whatever protocol."""
    found = re.search(r"<Code>(\w+)</Code>", answer.said)
    return found[1] if found else str(json.loads(answer.body)["__type"])


def client(
    ctx: Context, service: str, *, secret: str = "test", token: str | None = None, key: str = "test", **config: Any
) -> Any:
    return boto3.client(
        service,
        endpoint_url=ctx.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


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


def test_a_body_that_is_not_the_signed_one_is_refused(ctx: Context) -> None:
    target = f"/{BUCKET}/changed"
    sent = signed(ctx, "s3", "PUT", target, b"one")
    assert code(send(ctx, "PUT", target, sent, b"two")) == "XAmzContentSHA256Mismatch"
    for given in ("x", "", "STREAMING-SOMETHING", hashlib.sha256(b"one").hexdigest().upper()):
        headers = signed(ctx, "s3", "PUT", target, b"one")
        headers["X-Amz-Content-SHA256"] = given
        assert send(ctx, "PUT", target, headers, b"one").status in {400, 403}
    del sent["X-Amz-Content-SHA256"]
    assert code(send(ctx, "PUT", target, sent, b"one")) in {"InvalidRequest", "AccessDenied"}
    assert "changed" not in [entry["Key"] for entry in ctx.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]]


def test_the_body_of_another_service_cannot_be_left_unsigned(ctx: Context) -> None:
    headers = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD", **CALLS["json"][3]}
    sent = signed(ctx, "dynamodb", "POST", "/", b"{}", headers=headers)
    assert send(ctx, "POST", "/", sent, b"{}").status == 400


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
        ctx.client("s3").generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "there"})[
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


# ---- bodies in chunks


def chunked(ctx: Context, body: bytes, *, size: int = 65536, trailer: bool = False, spoil: str = "") -> Answer:
    """Upload as the Java SDK does over HTTP (botocore has no such signer); ``spoil`` is changed after signing."""
    target = f"/{BUCKET}/chunked"
    kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
    headers = {
        "X-Amz-Content-SHA256": kind,
        "X-Amz-Decoded-Content-Length": str(len(body)),
        "Content-Encoding": "aws-chunked",
    }
    request = AWSRequest("PUT", f"{ctx.endpoint}{target}", headers={**headers, "Host": host(ctx)}, data=b"")
    # What SigV4Auth does, with this hash of the body in place of its own.
    signer = SigV4Auth(USER, "s3", "us-east-1")
    signer._normalize_url_path = lambda path: path
    request.context["timestamp"] = now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    request.headers["X-Amz-Date"] = now
    last = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    signer._inject_signature_to_request(request, last)
    key = b"AWS4test"
    for part in (now[:8], "us-east-1", "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    empty = hashlib.sha256(b"").hexdigest()

    def link(what: str, rest: str) -> str:
        text = f"{what}\n{now}\n{now[:8]}/us-east-1/s3/aws4_request\n{last}\n{rest}"
        return hmac.new(key, text.encode(), "sha256").hexdigest()

    sent = b""
    for start in [*range(0, len(body), size), len(body)]:
        data = body[start : start + size]
        last = link("AWS4-HMAC-SHA256-PAYLOAD", f"{empty}\n{hashlib.sha256(data).hexdigest()}")
        end = b"\r\n" if data or not trailer else b""
        sent += b"%x;chunk-signature=%b\r\n%b%b" % (len(data), last.encode(), data, end)
    if trailer:
        line = "x-amz-checksum-crc32:AAAAAA=="
        last = link("AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(f"{line}\n".encode()).hexdigest())
        sent += f"{line}\r\nx-amz-trailer-signature:{last}\r\n\r\n".encode()
    if spoil == "data":
        sent = sent.replace(b"content", b"CONTENT", 1)
    elif spoil == "trailer":
        sent = sent.replace(b"AAAAAA==", b"BBBBBB==")
    elif spoil == "no trailer":
        sent = sent[: sent.index(b"x-amz-trailer-signature")]
    elif spoil == "cut":
        sent = sent[: len(sent) // 2]
    elif spoil == "order":
        first, second, rest = re.split(rb"(?=[0-9a-f]+;chunk)", sent, maxsplit=3)[1:]
        sent = second + first + rest
    elif spoil == "size":
        sent = b"zz" + sent
    elif spoil == "negative":
        sent = b"-" + sent
    return send(ctx, "PUT", target, {"Host": host(ctx), **dict(request.headers.items())}, sent)


@pytest.mark.parametrize("trailer", [False, True])
@pytest.mark.parametrize("size", [0, 1, 7, 65536, 200_000])
def test_a_body_signed_in_chunks_arrives_whole(ctx: Context, size: int, trailer: bool) -> None:
    body = (b"content" * (size // 7 + 1))[:size]
    assert chunked(ctx, body, trailer=trailer).status == 200
    assert ctx.client("s3").get_object(Bucket=BUCKET, Key="chunked")["Body"].read() == body


@pytest.mark.parametrize(
    ("spoil", "trailer"),
    [("data", False), ("data", True), ("cut", False), ("order", False), ("size", False), ("negative", False),
     ("trailer", True), ("no trailer", True)],
)  # fmt: skip
def test_a_body_in_chunks_that_is_not_what_was_signed_is_refused(ctx: Context, spoil: str, trailer: bool) -> None:
    ctx.client("s3").put_object(Bucket=BUCKET, Key="chunked", Body=b"before")
    assert code(chunked(ctx, b"content" * 9, size=20, trailer=trailer, spoil=spoil)) in {
        "SignatureDoesNotMatch",
        "IncompleteBody",
    }
    assert ctx.client("s3").get_object(Bucket=BUCKET, Key="chunked")["Body"].read() == b"before"


def test_a_body_whose_checksum_trails_unsigned_arrives(ctx: Context) -> None:
    target, body = f"/{BUCKET}/trailing", b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    headers = {"X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Decoded-Content-Length": "5"}
    request = AWSRequest("PUT", f"{ctx.endpoint}{target}", headers={**headers, "Host": host(ctx)})
    request.context["checksum"] = {"request_algorithm": {"in": "trailer"}}
    S3SigV4Auth(USER, "s3", "us-east-1").add_auth(request)
    assert send(ctx, "PUT", target, {"Host": host(ctx), **dict(request.headers.items())}, body).status == 200
    assert ctx.client("s3").get_object(Bucket=BUCKET, Key="trailing")["Body"].read() == b"hello"


# ---- forms


def form(fields: dict[str, str], content: bytes, extra: bytes = b"") -> tuple[dict[str, str], bytes]:
    mark = uuid.uuid4().hex
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode() for n, v in fields.items()
    ]
    file = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\n\r\n'.encode()
    body = b"".join(parts) + file + content + b"\r\n" + extra + f"--{mark}--\r\n".encode()
    return {"Content-Type": f"multipart/form-data; boundary={mark}"}, body


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_form_uploads_what_its_policy_allows(ctx: Context, version: str) -> None:
    s3 = client(ctx, "s3", signature_version=version)
    conditions = [
        ["starts-with", "$key", "up/"],
        ["content-length-range", 1, 10],
        {"x-amz-meta-a": "b"},
        ["starts-with", "$Content-Type", "text/"],
    ]
    made = s3.generate_presigned_post(
        BUCKET, "up/${filename}", Fields={"x-amz-meta-a": "b", "Content-Type": "text/plain"}, Conditions=conditions
    )

    def post(content: bytes = b"hello", **changed: str) -> Answer:
        headers, body = form({**made["fields"], **{n.replace("_", "-"): v for n, v in changed.items()}}, content)
        return send(ctx, "POST", f"/{BUCKET}", headers, body)

    assert post().status == 204
    found = ctx.client("s3").get_object(Bucket=BUCKET, Key="up/f.txt")
    assert (found["Body"].read(), found["Metadata"], found["ContentType"]) == (b"hello", {"a": "b"}, "text/plain")
    assert code(post(b"x" * 11)) == "EntityTooLarge"
    assert code(post(b"")) == "EntityTooSmall"
    assert code(post(key="down/x")) == "AccessDenied"
    assert code(post(x_amz_meta_a="c")) == "AccessDenied"
    assert code(post(acl="public-read")) == "AccessDenied"
    assert code(post(policy=base64.b64encode(b"{}").decode())) == "SignatureDoesNotMatch"
    signature = "x-amz-signature" if version == "s3v4" else "signature"
    assert code(post(**{signature: "0" * 64})) == "SignatureDoesNotMatch"
    headers, body = form(made["fields"], b"hello")
    assert send(ctx, "POST", f"/{BUCKET}?delete", headers, body).status == 403
    ctx.client("s3").create_bucket(Bucket=f"{BUCKET}-{version}")
    assert code(send(ctx, "POST", f"/{BUCKET}-{version}", headers, body)) == "AccessDenied"


def test_a_forms_policy_ends_and_is_read_strictly(ctx: Context) -> None:
    s3 = client(ctx, "s3")
    old = s3.generate_presigned_post(BUCKET, "old", ExpiresIn=-1)
    headers, body = form(old["fields"], b"x")
    assert "expired" in send(ctx, "POST", f"/{BUCKET}", headers, body).said
    until = b'{"expiration": "2999-01-01T00:00:00Z"'
    for policy in (
        b"x",
        b"[]",
        until + b"}",
        until + b', "conditions": [["is", "$key", "a"]]}',
        until + b', "conditions": []}',
        b'{"expiration": 1, "conditions": []}',
    ):
        encoded = base64.b64encode(policy).decode()
        signature = base64.b64encode(hmac.new(b"test", encoded.encode(), "sha1").digest()).decode()
        fields = {"key": "old", "AWSAccessKeyId": "test", "policy": encoded, "signature": signature}
        headers, body = form(fields, b"x")
        assert code(send(ctx, "POST", f"/{BUCKET}", headers, body)) in {"InvalidPolicyDocument", "AccessDenied"}
    headers, body = form({"key": "old"}, b"x")
    assert code(send(ctx, "POST", f"/{BUCKET}", headers, body)) == "AccessDenied"
    headers, body = form({**s3.generate_presigned_post(BUCKET, "old")["fields"], "KEY": "new"}, b"x")
    assert code(send(ctx, "POST", f"/{BUCKET}", headers, body)) == "InvalidArgument"


def test_a_role_uploads_by_form_only_where_it_may(ctx: Context) -> None:
    made = role(ctx, "former", {"Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/mine/*"})
    given = ctx.client("sts").assume_role(RoleArn=made, RoleSessionName="me")["Credentials"]
    for version in ("s3", "s3v4"):
        s3 = client(
            ctx,
            "s3",
            key=given["AccessKeyId"],
            secret=given["SecretAccessKey"],
            token=given["SessionToken"],
            signature_version=version,
        )
        statuses = []
        for key in ("mine/a", "other/a"):
            headers, body = form(s3.generate_presigned_post(BUCKET, key)["fields"], b"x")
            statuses.append(send(ctx, "POST", f"/{BUCKET}", headers, body).status)
        assert statuses == [204, 403]


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
            assert there.client("sts").get_caller_identity()["Account"] == there.account
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
