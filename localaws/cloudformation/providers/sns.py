"""AWS::SNS: topics, their policies and subscriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localaws.cloudformation.providers import api
from localaws.cloudformation.providers.provider import Provider, Request, ResourceOutcome
from localaws.context import Context

_TOPIC_ATTRIBUTES = ("DisplayName", "KmsMasterKeyId", "FifoTopic", "ContentBasedDeduplication", "SignatureVersion")
_SUBSCRIPTION_ATTRIBUTES = (
    "DeliveryPolicy",
    "FilterPolicy",
    "FilterPolicyScope",
    "RawMessageDelivery",
    "RedrivePolicy",
    "SubscriptionRoleArn",
)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return api.json_text(value) if isinstance(value, Mapping | list) else str(value)


def _create_topic(ctx: Context, request: Request) -> ResourceOutcome:
    fifo = str(request.get("FifoTopic", False)).lower() == "true"
    name = request.get("TopicName") or request.name(256, suffix=".fifo" if fifo else "")
    arn = f"arn:aws:sns:{ctx.region}:{ctx.account}:{name}"
    api.must_be_new(api.find(ctx, "sns", "GetTopicAttributes", TopicArn=arn), f"the topic {name}")
    attributes = {k: _text(request[k]) for k in _TOPIC_ATTRIBUTES if k in request.properties}
    api.call(ctx, "sns", "CreateTopic", Name=name, Attributes=attributes, Tags=api.pairs(request.tags))
    return ResourceOutcome(arn, {"TopicArn": arn, "TopicName": name})


def _configure_topic(ctx: Context, new: Request, old: Request | None, outcome: ResourceOutcome) -> None:
    if old is not None:
        for name in ("DisplayName", "KmsMasterKeyId", "ContentBasedDeduplication", "SignatureVersion"):
            if new.get(name) != old.get(name):
                value = _text(new.get(name, ""))
                api.call(
                    ctx, "sns", "SetTopicAttributes", TopicArn=outcome.physical_id, AttributeName=name,
                    AttributeValue=value,
                )  # fmt: skip
        api.retag(ctx, "sns", outcome.physical_id, old.tags, new.tags)
    before = old.get("Subscription", []) if old else []
    for entry in [s for s in new.get("Subscription", []) if s not in before]:
        api.call(ctx, "sns", "Subscribe", TopicArn=outcome.physical_id, **entry)
    gone = [s for s in before if s not in new.get("Subscription", [])]
    if gone:
        listed = api.call(ctx, "sns", "ListSubscriptionsByTopic", TopicArn=outcome.physical_id)["Subscriptions"]
        for found in listed:
            if {"Protocol": found["Protocol"], "Endpoint": found["Endpoint"]} in gone:
                api.remove(ctx, "sns", "Unsubscribe", SubscriptionArn=found["SubscriptionArn"])


def _delete_topic(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "sns", "DeleteTopic", TopicArn=outcome.physical_id)


def _set_policy(ctx: Context, topics: list[str], policy: str) -> None:
    for topic in topics:
        api.remove(ctx, "sns", "SetTopicAttributes", TopicArn=topic, AttributeName="Policy", AttributeValue=policy)


def _create_policy(ctx: Context, request: Request) -> ResourceOutcome:
    _set_policy(ctx, request["Topics"], api.json_text(request["PolicyDocument"]))
    return ResourceOutcome(request.name(), {"Id": request.name()})


def _update_policy(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    _set_policy(ctx, [t for t in old["Topics"] if t not in new["Topics"]], _owner_only(ctx))
    _set_policy(ctx, new["Topics"], api.json_text(new["PolicyDocument"]))
    return outcome


def _delete_policy(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    _set_policy(ctx, request["Topics"], _owner_only(ctx))


def _owner_only(ctx: Context) -> str:
    # A topic always has a policy; the default one lets its owner's account do everything.
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ctx.account}:root"},
        "Action": "sns:*",
        "Resource": "*",
    }
    return api.json_text({"Version": "2012-10-17", "Statement": [statement]})


def _subscribe(ctx: Context, request: Request) -> ResourceOutcome:
    attributes = {k: _text(request[k]) for k in _SUBSCRIPTION_ATTRIBUTES if k in request.properties}
    arn = api.call(
        ctx,
        "sns",
        "Subscribe",
        TopicArn=request["TopicArn"],
        Protocol=request["Protocol"],
        Endpoint=request.get("Endpoint"),
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    return ResourceOutcome(arn, {"Arn": arn})


def _update_subscription(ctx: Context, new: Request, old: Request, outcome: ResourceOutcome) -> ResourceOutcome:
    for name in _SUBSCRIPTION_ATTRIBUTES:
        if new.get(name) != old.get(name):
            value = _text(new.get(name, ""))
            api.call(
                ctx, "sns", "SetSubscriptionAttributes", SubscriptionArn=outcome.physical_id, AttributeName=name,
                AttributeValue=value,
            )  # fmt: skip
    return outcome


def _unsubscribe(ctx: Context, request: Request, outcome: ResourceOutcome) -> None:
    api.remove(ctx, "sns", "Unsubscribe", SubscriptionArn=outcome.physical_id)


PROVIDERS = (
    Provider(
        "AWS::SNS::Topic",
        honoured=" ".join(["TopicName Tags Subscription.{Endpoint,Protocol}", *_TOPIC_ATTRIBUTES]),
        accepted={"TracingConfig": "no traces are collected locally"},
        attributes=frozenset({"TopicArn", "TopicName"}),
        create=_create_topic,
        configure=_configure_topic,
        delete=_delete_topic,
        immutable=frozenset({"TopicName", "FifoTopic"}),
        name_property="TopicName",
    ),
    Provider(
        "AWS::SNS::TopicPolicy",
        honoured="Topics PolicyDocument",
        required=frozenset({"Topics", "PolicyDocument"}),
        attributes=frozenset({"Id"}),
        create=_create_policy,
        update=_update_policy,
        delete=_delete_policy,
    ),
    Provider(
        "AWS::SNS::Subscription",
        honoured=" ".join(["TopicArn Protocol Endpoint", *_SUBSCRIPTION_ATTRIBUTES]),
        accepted={"Region": "all topics are in this region"},
        required=frozenset({"TopicArn", "Protocol"}),
        attributes=frozenset({"Arn"}),
        create=_subscribe,
        update=_update_subscription,
        delete=_unsubscribe,
        immutable=frozenset({"TopicArn", "Protocol", "Endpoint", "Region"}),
    ),
)
