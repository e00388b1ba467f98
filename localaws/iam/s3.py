"""The permissions that an S3 call needs: on the bucket or object of its path, and on the object that it copies."""

from __future__ import annotations

from collections.abc import Mapping

from localaws.gateway.calls import Request
from localaws.gateway.calls_s3 import ALSO, COPIED
from localaws.iam.actions import Need, UnknownAction
from localaws.iam.conditions import Given

#: The permission of each operation whose name differs from its permission's.
_PERMISSIONS = {
    "AbortMultipartUpload": "AbortMultipartUpload",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteBucketAnalyticsConfiguration": "PutAnalyticsConfiguration",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketIntelligentTieringConfiguration": "PutIntelligentTieringConfiguration",
    "DeleteBucketInventoryConfiguration": "PutInventoryConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketMetricsConfiguration": "PutMetricsConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteObjects": "DeleteObject",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketAnalyticsConfiguration": "GetAnalyticsConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketIntelligentTieringConfiguration": "GetIntelligentTieringConfiguration",
    "GetBucketInventoryConfiguration": "GetInventoryConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketMetricsConfiguration": "GetMetricsConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBucketAnalyticsConfigurations": "GetAnalyticsConfiguration",
    "ListBucketIntelligentTieringConfigurations": "GetIntelligentTieringConfiguration",
    "ListBucketInventoryConfigurations": "GetInventoryConfiguration",
    "ListBucketMetricsConfigurations": "GetMetricsConfiguration",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListParts": "ListMultipartUploadParts",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
    "PutBucketAnalyticsConfiguration": "PutAnalyticsConfiguration",
    "PutBucketCors": "PutBucketCORS",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketIntelligentTieringConfiguration": "PutIntelligentTieringConfiguration",
    "PutBucketInventoryConfiguration": "PutInventoryConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketMetricsConfiguration": "PutMetricsConfiguration",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutBucketReplication": "PutReplicationConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "SelectObjectContent": "GetObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
}
_VERSIONED = {
    "GetObject": "GetObjectVersion",
    "DeleteObject": "DeleteObjectVersion",
    "GetObjectTagging": "GetObjectVersionTagging",
    "PutObjectTagging": "PutObjectVersionTagging",
    "DeleteObjectTagging": "DeleteObjectVersionTagging",
    "GetObjectAcl": "GetObjectVersionAcl",
    "PutObjectAcl": "PutObjectVersionAcl",
    "GetObjectAttributes": "GetObjectVersionAttributes",
}

#: What is done with the key of an encrypted object where that is not what comes with the permission.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions
_KEY_USES: dict[str, tuple[str, ...]] = {
    "HeadObject": (),
    "UploadPart": ("kms:Decrypt",),
    "UploadPartCopy": ("kms:Decrypt",),
    "CompleteMultipartUpload": ("kms:Decrypt",),
}

#: Condition keys of S3 by what they stand in; of its other keys nothing is known.
_S3_CONDITIONS = (
    "prefix", "delimiter", "max-keys", "versionId", "x-amz-acl", "x-amz-copy-source", "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-storage-class",
)  # fmt: skip


def needs(request: Request) -> list[Need]:
    """Return every permission that an S3 call needs; raise `UnknownAction` if they are not known."""
    given = request.parameters
    if not request.action:
        raise UnknownAction("s3:(unknown)")
    bucket = f"arn:aws:s3:::{request.bucket}" if request.bucket else "*"
    permission = _PERMISSIONS.get(request.action, request.action)
    context: dict[str, Given] = {
        f"s3:{name.lower()}": str(given[name]) if name in given else None for name in _S3_CONDITIONS
    }
    context["s3:signatureversion"] = "AWS4-HMAC-SHA256"  # no other signature is accepted
    if request.action == "DeleteObjects":
        return [_deletion(bucket, key, version, context) for key, version in given["keys"]]
    if "versionId" in given:
        permission = _VERSIONED.get(permission, permission)
    resources = (f"{bucket}/{request.key}" if request.key else bucket,)
    wanted = [Need(f"s3:{permission}", resources, context, _KEY_USES.get(request.action))]
    if request.action == "GetObjectAttributes":
        read = "GetObjectVersion" if "versionId" in given else "GetObject"
        wanted.append(Need(f"s3:{read}", wanted[0].resources, context))
    if request.action in {"PutObject", "CopyObject", "CreateMultipartUpload"}:
        also = dict.fromkeys(permission for header, permission in ALSO.items() if header in given)
        wanted += [Need(f"s3:{permission}", wanted[0].resources, context) for permission in also]
    if request.action == "CreateBucket" and any(ALSO.get(name) == "PutObjectAcl" for name in given):
        wanted.append(Need("s3:PutBucketAcl", (bucket,), context))
    if request.action in {"CopyObject", "UploadPartCopy"}:
        source = given[COPIED]
        read = "s3:GetObjectVersion" if source.version else "s3:GetObject"
        of_source: dict[str, Given] = {"s3:versionid": source.version or None}
        wanted.append(Need(read, (f"arn:aws:s3:::{source.bucket}/{source.key}",), of_source))
    return wanted


def _deletion(bucket: str, key: str, version: str, context: Mapping[str, Given]) -> Need:
    return Need("s3:DeleteObjectVersion" if version else "s3:DeleteObject", (f"{bucket}/{key}",), context)
