"""Reads a CDK cloud assembly and publishes its assets, so that its stacks can be deployed."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localaws.cloudformation.errors import AssemblyError
from localaws.cloudformation.providers import api
from localaws.cloudformation.template import in_order
from localaws.context import Context

#: The one entry of the small zip that stands for an asset directory; its content is the directory's absolute path.
POINTER_ENTRY = ".localaws-asset"
BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
BOOTSTRAP_VERSION = "30"
#: https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html#bootstrapping-env-roles
_ROLES = ("cfn-exec-role", "deploy-role", "file-publishing-role", "image-publishing-role", "lookup-role")

_STACK = "aws:cloudformation:stack"
_ASSETS = "cdk:asset-manifest"
_NESTED = "cdk:cloud-assembly"
_WITHOUT_EFFECT = frozenset({"cdk:tree", "cdk:feature-flag-report", "cdk:validation-report"})


@dataclass(frozen=True)
class AssemblyStack:
    """One stack of an assembly, not deployed yet."""

    name: str
    template: Path
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    region: str | None
    assets: tuple[Asset, ...]

    @property
    def text(self) -> str:
        """Return the template's text."""
        return self.template.read_text()


@dataclass(frozen=True)
class Asset:
    """One file or directory that must be in a bucket before the stacks that use it are deployed."""

    path: Path
    packaging: str
    bucket: str
    key: str


def read_assembly(directory: Path) -> list[AssemblyStack]:
    """Return the stacks of the assembly in ``directory`` and of its nested assemblies, each after what it depends on.

    Raises AssemblyError for a missing file or an artifact type or packaging that localaws does not know.
    """
    return list(_stacks(directory.resolve()))


def _stacks(directory: Path) -> Iterator[AssemblyStack]:
    manifest = _json(directory / "manifest.json")
    artifacts: Mapping[str, Any] = manifest.get("artifacts", {})
    for name, artifact in artifacts.items():
        if artifact["type"] not in {_STACK, _ASSETS, _NESTED} | _WITHOUT_EFFECT:
            raise AssemblyError(
                f"{directory / 'manifest.json'}: the artifact {name} has the type {artifact['type']!r}, which localaws "
                "does not know. Nothing was deployed."
            )
    needs = {name: [n for n in a.get("dependencies", []) if n in artifacts] for name, a in artifacts.items()}
    for name in in_order(needs, stack=str(directory)):
        artifact = artifacts[name]
        if artifact["type"] == _NESTED:
            yield from _stacks(directory / artifact["properties"]["directoryName"])
        elif artifact["type"] == _STACK:
            yield _stack(directory, name, artifact, artifacts)


def _stack(directory: Path, name: str, artifact: Mapping[str, Any], artifacts: Mapping[str, Any]) -> AssemblyStack:
    properties = artifact["properties"]
    manifests = [
        directory / artifacts[n]["properties"]["file"]
        for n in artifact.get("dependencies", [])
        if n in artifacts and artifacts[n]["type"] == _ASSETS
    ]
    region = artifact.get("environment", "").rsplit("/", 1)[-1]
    return AssemblyStack(
        name=properties.get("stackName", name),
        template=_existing(directory / properties["templateFile"]),
        parameters=properties.get("parameters", {}),
        tags=properties.get("tags", {}),
        region=None if region in ("", "unknown-region") else region,
        assets=tuple(asset for manifest in manifests for asset in _assets(manifest)),
    )


def _assets(manifest: Path) -> Iterator[Asset]:
    content = _json(manifest)
    if content.get("dockerImages"):
        names = ", ".join(content["dockerImages"])
        raise AssemblyError(f"{manifest}: container images do not run locally: {names}. Use zip assets.")
    for name, file in content.get("files", {}).items():
        source = file["source"]
        if "path" not in source:
            raise AssemblyError(f"{manifest}: the asset {name} is built by a command, which localaws does not run")
        if source["packaging"] not in ("zip", "file"):
            raise AssemblyError(f"{manifest}: the asset {name} has the unknown packaging {source['packaging']!r}")
        path = _existing(manifest.parent / source["path"])
        for destination in file["destinations"].values():
            yield Asset(path, source["packaging"], destination["bucketName"], destination["objectKey"])


def publish(ctx: Context, assets: Iterator[Asset] | tuple[Asset, ...]) -> None:
    """Put assets into their buckets, which are created if they do not exist.

    A ``zip`` asset is not zipped: its object is a small zip whose one entry, ``.localaws-asset``, holds the path of the
    directory. Assets are named by their content, so one that is in its bucket already is not sent again.
    """
    s3 = ctx.client("s3")
    present: dict[str, set[str]] = {}
    for asset in assets:
        bucket, key = (placeholders(ctx, text) for text in (asset.bucket, asset.key))
        if bucket not in present:
            present[bucket] = _keys(ctx, bucket)
        if key in present[bucket] and asset.packaging == "file":
            continue
        body = pointer(asset.path) if asset.packaging == "zip" and asset.path.is_dir() else asset.path.read_bytes()
        s3.put_object(Bucket=bucket, Key=key, Body=body)
        present[bucket].add(key)


def placeholders(ctx: Context, text: str) -> str:
    """Return ``text`` with the placeholders of environment-agnostic assemblies (``${AWS::AccountId}``) filled in."""
    return (
        text.replace("${AWS::AccountId}", ctx.account)
        .replace("${AWS::Region}", ctx.region)
        .replace("${AWS::Partition}", "aws")
    )


def pointer(directory: Path) -> bytes:
    """Return the small zip that stands for an asset directory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(POINTER_ENTRY, (1980, 1, 1, 0, 0, 0)), str(directory.resolve()))
    return buffer.getvalue()


def bootstrap(ctx: Context) -> None:
    """Create what ``cdk bootstrap`` creates, and who deploys asks for: version parameter, asset bucket, five roles.

    ``cdk bootstrap`` itself takes both over, into its stack.
    https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping.html
    """
    bucket = f"cdk-hnb659fds-assets-{ctx.account}-{ctx.region}"
    roles = [f"cdk-hnb659fds-{name}-{ctx.account}-{ctx.region}" for name in _ROLES]
    ctx.lent |= {BOOTSTRAP_PARAMETER, bucket, *roles}
    if api.find(ctx, "ssm", "GetParameter", Name=BOOTSTRAP_PARAMETER) is None:
        api.call(ctx, "ssm", "PutParameter", Name=BOOTSTRAP_PARAMETER, Value=BOOTSTRAP_VERSION, Type="String")
    _keys(ctx, bucket)
    for role in roles:
        if api.find(ctx, "iam", "GetRole", RoleName=role) is None:
            _make_role(ctx, role)


def _make_role(ctx: Context, name: str) -> None:
    """Create a role that its account and CloudFormation may assume, and that may do everything, as who deploys may."""
    may = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ctx.account}:root", "Service": "cloudformation.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    api.call(ctx, "iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=trust)
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    api.call(ctx, "iam", "PutRolePolicy", RoleName=name, PolicyName=api.LENT_POLICY, PolicyDocument=document)


def _keys(ctx: Context, bucket: str) -> set[str]:
    """Return the keys in ``bucket``, which is created if it does not exist."""
    if api.find(ctx, "s3", "HeadBucket", Bucket=bucket) is None:
        api.make_bucket(ctx, bucket)
        return set()
    pages = ctx.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {item["Key"] for page in pages for item in page.get("Contents", ())}


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(_existing(path).read_text())
    except ValueError as error:
        raise AssemblyError(f"{path} is not JSON: {error}. Synthesize again.") from None
    return content


def _existing(path: Path) -> Path:
    if not path.exists():
        raise AssemblyError(f"{path} does not exist. Synthesize again: the cloud assembly is incomplete.")
    return path
