"""SQS: queues that many threads may use, with AWS's rules about duplicates."""
