"""How long anything may come again, as the stacks declare it: what recognises it must outlive that.

The records of a stream are recognised by their own rows, so no retention of a stream's table may be shorter.
"""

from __future__ import annotations

#: Days for which a queue keeps a message, and then its dead-letter queue: the most that SQS offers.
#: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
QUEUE_DAYS = 14
#: Hours for which a stream keeps its records, in the environment that keeps them longest.
STREAM_HOURS = 168
#: Days until staged files expire. Files that a killed ingestor staged belong to no unit, but no lifecycle rule can
#: distinguish them from a unit that waits for its committer. A unit may wait four weeks for redelivery (a queue, then
#: its dead-letter queue) and, generously, two months until people have mended what stops the committer; of a stream it
#: is the last copy of its records.
STAGING_DAYS = 90
#: Days after which nothing comes again.
LONGEST_DAYS = max(STAGING_DAYS, 2 * QUEUE_DAYS + STREAM_HOURS // 24)
