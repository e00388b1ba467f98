"""S3: what moto's buckets lack: quick listings of versions, bucket policies that deny, copies read once."""
