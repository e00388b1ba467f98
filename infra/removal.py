"""What becomes of that which holds data when its stack is deleted, or was never made whole."""

from __future__ import annotations

from aws_cdk import RemovalPolicy

from sluice.environments import Environment


def of_filled(environment: Environment) -> RemovalPolicy:
    """Return the policy of what a first deployment puts objects into, and whose name AWS makes up: buckets.

    A deployment that fails leaves them, since a bucket that is not empty cannot be deleted and would stop the rollback;
    the next one makes others.
    """
    return RemovalPolicy.RETAIN if environment.keep_data else RemovalPolicy.DESTROY


def of_named(environment: Environment) -> RemovalPolicy:
    """Return the policy of everything else that holds data: what a failed first deployment made goes with it.

    Its name is given (databases, streams, a log group): a next deployment would find it taken.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
    """
    return RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if environment.keep_data else RemovalPolicy.DESTROY
