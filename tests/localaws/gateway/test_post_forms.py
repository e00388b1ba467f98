"""A form uploads what its signed policy allows, and nothing else."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

import base64
import hmac

import pytest

from localaws.context import Context
from tests.localaws.gateway.signing import BUCKET, client, code, form, make_bucket
from tests.localaws.requests import Answer, send
from tests.localaws.running import ctx, role  # noqa: F401


@pytest.fixture(scope="module", autouse=True)
def bucket(ctx: Context) -> str:
    make_bucket(ctx)
    return BUCKET


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
