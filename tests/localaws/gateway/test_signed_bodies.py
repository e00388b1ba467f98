"""A body that comes is the one that was signed: whole, in chunks, with its hash in either spelling."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest

from localaws.context import Context
from tests.localaws.gateway.signing import BUCKET, code, host, make_bucket
from tests.localaws.requests import USER, Answer, send, signed
from tests.localaws.running import ctx  # noqa: F401

HEADERS = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"}


@pytest.fixture(scope="module", autouse=True)
def bucket(ctx: Context) -> str:
    make_bucket(ctx)
    return BUCKET


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
    headers = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD", **HEADERS}
    sent = signed(ctx, "dynamodb", "POST", "/", b"{}", headers=headers)
    assert send(ctx, "POST", "/", sent, b"{}").status == 400


class _JavasAuth(SigV4Auth):
    """As AWS's Java SDK 2 signs with a checksum, which Iceberg's REST catalog has it do.

    The header tells the body's hash by base64, and what is signed by hexadecimal digits.
    """

    def canonical_request(self, request: AWSRequest) -> str:
        written = super().canonical_request(request)
        return written.rpartition("\n")[0] + "\n" + hashlib.sha256(request.data).hexdigest()


def test_a_bodys_hash_may_be_told_by_base64(ctx: Context) -> None:
    body = b"{}"

    def asked(told: bytes, sent: bytes = body) -> Answer:
        given = {**HEADERS, "Host": host(ctx), "X-Amz-Content-SHA256": base64.b64encode(told).decode()}
        request = AWSRequest("POST", f"{ctx.endpoint}/", headers=given, data=body)
        _JavasAuth(USER, "dynamodb", "us-east-1").add_auth(request)
        return send(ctx, "POST", "/", dict(request.headers.items()), sent)

    right = hashlib.sha256(body).digest()
    assert asked(right).status == 200
    for told, sent in ((right, b"{ }"), (hashlib.sha256(b"{ }").digest(), body), (right[:31], body), (b"", body)):
        assert code(asked(told, sent)) in {"SignatureDoesNotMatch", "InvalidSignatureException"}, (told, sent)


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
