"""What is copied is what IAM decided on, however it is written; what could be read in two ways is refused."""

# ruff: noqa: F811  `ctx` is a fixture

from __future__ import annotations

from urllib.parse import parse_qs, quote, unquote, urlparse

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from localaws.context import Context
from localaws.gateway.refusals import Refused
from localaws.gateway.s3_copies import CopySource, parse
from localaws.iam import enforcement
from tests.laws import cases
from tests.localaws.gateway.test_one_reading import Credentials, become, call
from tests.localaws.requests import Answer
from tests.localaws.running import ctx  # noqa: F401

OBJECTS = [
    "copies-mine/public/a", "copies-mine/private/secret", "copies-theirs/payroll.csv", "copies-mine/private/secret#x",
    "copies-mine/copies-theirs/payroll.csv",
]  # fmt: skip
#: What readers of addresses drop, split at, or decode once more.
ODD = [
    "/", "//", "#", "#x", ";", ";x", "?", "?x", "?versionId=null", "?versionId=null&x=y", "?versionId=", "%3F",
    "%3FversionId=null", "%23", "%3B", "\t", "%09", "%0A", "%00", "+", "%2B", "%20", " ", "%2F", "%2f", "%252F", "%25",
    "%", "%zz", "..", "/../", "%2E%2E/", "\\", "@", ":", ":80", "http://", "s3://", "//copies-mine/", "é", "%C3%A9",
    "%E9", "&", "=", "'", '"', "*", "~",
]  # fmt: skip
KEYS = st.text(
    st.one_of(
        st.sampled_from("#;?%\t/+ &=@:.~é\u2028a"), st.characters(exclude_categories=["Cs", "Cc"], max_codepoint=0x2FFF)
    ),
    min_size=1,
    max_size=20,
)
QUICK = settings(max_examples=cases(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def tenant(ctx: Context) -> Credentials:
    """Who may read one bucket but for one object of it; each object holds its own name."""
    s3 = ctx.client("s3")
    for bucket in ("copies-mine", "copies-theirs", "copies-to"):
        s3.create_bucket(Bucket=bucket)
    for name in OBJECTS:
        bucket, _, key = name.partition("/")
        s3.put_object(Bucket=bucket, Key=key, Body=name.encode())
    return become(
        ctx,
        {"Action": ["s3:GetObject", "s3:GetObjectVersion"], "Resource": "arn:aws:s3:::copies-mine/*"},
        {"Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::copies-to/*"},
        {"Effect": "Deny", "Action": "s3:Get*", "Resource": "arn:aws:s3:::copies-mine/private/secret"},
    )


def copy(ctx: Context, who: Credentials, header: str, to: str = "/copies-to/x") -> Answer:
    return call(ctx, who, "s3", to, method="PUT", headers={"x-amz-copy-source": header})


def read(ctx: Context, key: str = "x") -> str:
    return str(ctx.client("s3").get_object(Bucket="copies-to", Key=key)["Body"].read().decode())


def by_parts(ctx: Context, who: Credentials, header: str) -> Answer:
    upload = ctx.client("s3").create_multipart_upload(Bucket="copies-to", Key="p")["UploadId"]
    answer = copy(ctx, who, header, f"/copies-to/p?partNumber=1&uploadId={upload}")
    if answer.status == 200:
        tag = answer.said.partition("<ETag>")[2].partition("</ETag>")[0].replace("&quot;", "").replace('"', "")
        parts = {"Parts": [{"PartNumber": 1, "ETag": tag}]}
        ctx.client("s3").complete_multipart_upload(Bucket="copies-to", Key="p", UploadId=upload, MultipartUpload=parts)
    return answer


@pytest.mark.parametrize(
    "header",
    [
        "//copies-mine/copies-theirs/payroll.csv", "///copies-mine/copies-theirs/payroll.csv",
        "//copies-mine@x/copies-theirs/payroll.csv", "http://copies-mine/copies-theirs/payroll.csv",
        "%2F%2Fcopies-mine/copies-theirs/payroll.csv", "copies-mine:/copies-theirs/payroll.csv",
        "copies-mine/private/sec\tret", "copies-mine/private/secret?x", "copies-mine/private/secret?versionId=",
        "copies-mine/private/secret?versionId=null?x", "copies-mine/%zz", "copies-mine/%E9", "copies-mine", "/", "?",
        "copies-mine/", "/copies-mine", "arn:aws:s3:us-east-1:123456789012:accesspoint/copies-mine/object/public/a",
    ],
)  # fmt: skip
def test_what_is_no_bucket_and_key_is_refused_as_aws_refuses_it(ctx: Context, tenant: Credentials, header: str) -> None:
    for answer in (copy(ctx, tenant, header), by_parts(ctx, tenant, header)):
        assert answer.status in {400, 403}, answer.said
        assert "<Code>InvalidArgument<" in answer.said or "<Code>AccessDenied<" in answer.said
    with pytest.raises(Refused, match="Copy Source must mention the source bucket and key"):
        parse(header)


@pytest.mark.slow
@QUICK
@given(name=st.sampled_from(OBJECTS), odd=st.lists(st.sampled_from(ODD), max_size=2), data=st.data())
@example(name="copies-mine/private/secret", odd=["#x"], data=None)
@example(name="copies-theirs/payroll.csv", odd=["//copies-mine/"], data=None)
@example(name="copies-mine/private/secret", odd=["?versionId=null"], data=None)
def test_what_is_copied_is_what_was_decided_on_or_the_call_is_refused(
    ctx: Context, tenant: Credentials, name: str, odd: list[str], data: st.DataObject | None
) -> None:
    header = name
    for piece in odd:
        at = data.draw(st.integers(0, len(header))) if data else (0 if piece.startswith("//") else len(header))
        header = header[:at] + piece + header[at:]
    header = header.encode().decode("latin-1").strip()
    for ask, key in ((copy, "x"), (by_parts, "p")):
        ctx.client("s3").delete_object(Bucket="copies-to", Key=key)
        if ask(ctx, tenant, header).status != 200:
            continue
        source = read(ctx, key)
        assert source.startswith("copies-mine/")
        assert source != "copies-mine/private/secret"
        reads = [each for each in enforcement.decisions() if each.action.startswith("s3:GetObject") and each.allowed]
        assert reads[-1].resource == f"arn:aws:s3:::{source}"


@given(key=KEYS)
@example(key="a//b")
@example(key="/a")
@example(key="?versionId=null")
@example(key="sec\tret;x#y?z%2Fq+r é")
def test_a_key_that_is_written_as_it_should_be_is_copied(key: str) -> None:
    for written in (f"copies-mine/{quote(key)}", f"/copies-mine/{quote(key)}", quote(f"copies-mine/{key}", safe="")):
        assert parse(written) == CopySource("copies-mine", key, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    "key", ["sec ret", "a#b", "a;b", "a?b", "a%2Fb", "a+b", "a//b", "é/ü", "x&y=z", "?versionId=1"]
)
def test_odd_keys_are_copied_by_a_real_client(ctx: Context, tenant: Credentials, key: str) -> None:
    s3 = ctx.client("s3")
    s3.put_object(Bucket="copies-mine", Key=key, Body=key.encode())
    s3.copy_object(Bucket="copies-to", Key="x", CopySource={"Bucket": "copies-mine", "Key": key})
    assert read(ctx) == key


@given(
    st.builds(
        CopySource,
        st.from_regex(r"[a-z0-9][a-z0-9.-]{1,60}[a-z0-9]", fullmatch=True),
        KEYS,
        st.one_of(st.just(""), st.from_regex(r"[A-Za-z0-9._-]{1,40}", fullmatch=True)),
    )
)
def test_the_one_spelling_is_read_as_what_it_was_made_of(source: CopySource) -> None:
    assert parse(source.header) == source
    # As moto reads it (moto.s3.responses): an address, decoded, without slashes in front.
    address = urlparse(source.header)
    assert (address.netloc, address.fragment, address.params) == ("", "", "")
    assert unquote(address.path).lstrip("/").split("/", 1) == [source.bucket, source.key]
    assert parse_qs(address.query).get("versionId", [""])[0] == source.version
