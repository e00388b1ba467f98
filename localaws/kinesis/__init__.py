"""Kinesis streams as AWS keeps them: shards, sequence numbers, resharding, reads."""
