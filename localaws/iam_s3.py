"""Which permissions a call of S3 needs: on the bucket or the object that its path names, and on what it copies."""

from __future__ import annotations

from urllib.parse import unquote

from localaws.calls import Request
from localaws.iam_actions import Need, UnknownAction
from localaws.iam_conditions import Given

_S3_PERMISSIONS = {
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "HeadBucket": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListBuckets": "ListAllMyBuckets",
    "ListParts": "ListMultipartUploadParts",
    "HeadObject": "GetObject",
    "GetObjectAttributes": "GetObjectAttributes",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "PostObject": "PutObject",
    "DeleteObjects": "DeleteObject",
    "SelectObjectContent": "GetObject",
    "DeleteAnalyticsConfiguration": "PutAnalyticsConfiguration",
    "DeleteIntelligentTieringConfiguration": "PutIntelligentTieringConfiguration",
    "DeleteInventoryConfiguration": "PutInventoryConfiguration",
    "DeleteMetricsConfiguration": "PutMetricsConfiguration",
    "GetBucketEncryptionConfiguration": "GetEncryptionConfiguration",
    "DeleteEncryptionConfiguration": "PutEncryptionConfiguration",
    "DeleteLifecycleConfiguration": "PutLifecycleConfiguration",
    "DeleteReplicationConfiguration": "PutReplicationConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteBucketCORS": "PutBucketCORS",
    "DeleteBucketPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
}
_S3_VERSIONED = {
    "GetObject",
    "DeleteObject",
    "GetObjectTagging",
    "PutObjectTagging",
    "DeleteObjectTagging",
    "GetObjectAcl",
}


#: Condition keys of S3 by what they stand in; of its other keys nothing is known.
_S3_CONDITIONS = (
    "prefix", "delimiter", "max-keys", "versionId", "x-amz-acl", "x-amz-copy-source", "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-storage-class",
)  # fmt: skip


def needs(request: Request) -> list[Need]:
    """Return every permission that a call of S3 needs; raises `UnknownAction`."""
    given = request.parameters
    if not request.action:
        raise UnknownAction("s3:(unknown)")
    bucket = f"arn:aws:s3:::{request.bucket}" if request.bucket else "*"
    permission = _S3_PERMISSIONS.get(request.action, request.action)
    if "versionId" in given and permission in _S3_VERSIONED:
        permission += "VersionTagging" if permission.endswith("Tagging") else "Version"
        permission = permission.replace("TaggingVersion", "Version")
    context: dict[str, Given] = {
        f"s3:{name.lower()}": str(given[name]) if name in given else None for name in _S3_CONDITIONS
    }
    if request.action == "DeleteObjects":
        return [Need(f"s3:{permission}", tuple(f"{bucket}/{key}" for key in given["keys"]) or (bucket,), context)]
    wanted = [Need(f"s3:{permission}", (f"{bucket}/{request.key}" if request.key else bucket,), context)]
    if request.action in {"CopyObject", "UploadPartCopy"}:
        source, _, version = unquote(str(given["x-amz-copy-source"]).lstrip("/")).partition("?")
        wanted.append(Need("s3:GetObjectVersion" if version else "s3:GetObject", (f"arn:aws:s3:::{source}",)))
    return wanted
