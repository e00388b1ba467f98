"""The characters that AWS allows in the names that ARNs are made of.

Readers take an ARN apart in different ways: moto takes the text after the last colon or slash for a name, where a
policy matches the beginning of the ARN. So a name may only have the characters that its kind allows, and an ARN with
more parts than its kind has is refused. Where a name may hold a slash (a path), no reader takes a part of it. Each
API's reference gives the allowed characters of a parameter (``Pattern:``).
"""

from __future__ import annotations

_WORD = "[A-Za-z0-9_-]+"
_DOTTED = "[A-Za-z0-9_.-]+"
#: Names of services that allow nearly all characters; here they may not hold the separators of an ARN.
_PLAIN = r"[^:/\x00-\x1f\x7f]+"
#: IAM's names with the path before them, and names that are paths themselves.
_PATH = r"(?:[!-.0-9;-~]+/)*[A-Za-z0-9_+=,.@-]+"
_STATES = r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]+"
#: What may stand behind a function's name.
QUALIFIER = r"(?::(?:\$LATEST|[A-Za-z0-9_-]+))?"
#: By the name of the place in ``actions.json``; a service's own where several use one name.
_CHARACTERS = {
    "Partition": "aws",
    "Account": "[0-9]*",
    "iam:Account": "[0-9]*|aws",  # of AWS's own policies
    "cloudwatch:AlarmName": r"[^\x00-\x1f\x7f]+",  # which nobody takes apart
    "Region": "[a-z0-9-]*",
    "ActivityName": _STATES,
    "Alias": "[A-Za-z0-9/_-]+",
    "ApiDestinationName": _DOTTED,
    "ArchiveName": _DOTTED,
    "BucketName": _DOTTED,
    "ConsumerCreationTimpstamp": "[0-9]+",
    "ConsumerName": _DOTTED,
    "DataCatalogName": "[A-Za-z0-9_.@-]+",
    "DeliveryStreamName": _DOTTED,
    "EventBusName": _DOTTED,
    "ExecutionId": _STATES,
    "FunctionName": _WORD,
    "GroupName": _DOTTED,
    "IndexName": _DOTTED,
    "KeyId": "[A-Za-z0-9-]+",
    "LayerName": _WORD,
    "LayerVersion": "[0-9]+",
    "LogGroupName": r"[A-Za-z0-9_./#-]+(?::\*)?",  # with the end that stands for all of its streams
    "LogStreamName": r"[^:*\x00-\x1f\x7f]+",
    "ObjectName": ".+",
    "ParameterNameWithoutLeadingSlash": "[A-Za-z0-9_./-]+",
    "QueueName": r"[A-Za-z0-9_-]+(?:\.fifo)?",
    "RuleName": _DOTTED,
    "ScheduleName": _DOTTED,
    "SecretId": "[A-Za-z0-9/_+=.@!-]+",
    "StackName": "[A-Za-z0-9-]+",
    "StateMachineName": _STATES,
    "StreamName": _DOTTED,
    "StreamType": "stream",
    "TopicName": r"[A-Za-z0-9_-]+(?:\.fifo)?",
    "WorkGroupName": _DOTTED,
    "dynamodb:StreamLabel": "[0-9T:.-]+",
    "dynamodb:TableName": _DOTTED,
    "events:ConnectionName": f"{_DOTTED}(?:/[0-9a-f-]+)?",
    "lambda:Alias": _WORD,
    "lambda:Version": "\\$LATEST|[A-Za-z0-9_-]+",
}


def characters(service: str, place: str) -> str:
    """Return the regular expression of a name at ``place`` in an ARN of ``service``; it also matches ``*``."""
    if place.endswith("WithPath") or place == "EntityPath":
        allowed = _PATH
    else:
        allowed = _CHARACTERS.get(f"{service}:{place}") or _CHARACTERS.get(place, _PLAIN)
    return rf"(?:{allowed}|\*)"
