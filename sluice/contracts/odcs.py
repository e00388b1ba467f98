"""What becomes of each field of the Open Data Contract Standard: it acts, it documents, or it is refused.

A field that documents is for people and stands in the contract alone: it says nothing about how data is handled.
``docs/reference/contracts.md`` lists both kinds. What is in neither is refused: nothing is declared without effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from sluice.contracts.model import CLASSIFICATIONS
from sluice.nearest import did_you_mean

#: Fields that act, by the standard's model. A check's and a custom property's own readers refuse values without effect.
ACTS: Final[Mapping[str, frozenset[str]]] = {
    "OpenDataContractStandard": frozenset(
        {"apiVersion", "kind", "version", "domain", "team", "servers", "schema", "slaProperties", "customProperties"}
    ),
    "Team": frozenset({"name"}),
    "Server": frozenset({"type", "location", "format", "delimiter", "stream"}),
    "SchemaObject": frozenset(
        {"name", "physicalName", "description", "properties", "relationships", "quality", "customProperties"}
    ),
    "SchemaProperty": frozenset(
        {
            "name", "physicalName", "physicalType", "logicalType", "logicalTypeOptions", "description", "primaryKey",
            "primaryKeyPosition", "required", "unique", "partitioned", "partitionKeyPosition", "classification", "enum",
            "quality", "relationships", "customProperties",
        }
    ),
    "EnumValue": frozenset({"value"}),
    "DataQuality": frozenset(
        {
            "name", "type", "metric", "query", "engine", "implementation", "unit", "arguments", "severity", "mustBe",
            "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo",
            "mustBeBetween", "mustNotBeBetween",
        }
    ),
    "Relationship": frozenset({"type", "from", "to"}),
    "ServiceLevelAgreementProperty": frozenset({"property", "value", "unit", "element"}),
    "CustomProperty": frozenset({"property", "value"}),
}  # fmt: skip
_NAMED = frozenset({"id", "description", "tags", "authoritativeDefinitions"})
#: Fields for people.
DOCUMENTS: Final[Mapping[str, frozenset[str]]] = {
    "OpenDataContractStandard": frozenset(
        {
            "id", "name", "tenant", "tags", "status", "dataProduct", "description", "support", "price",
            "authoritativeDefinitions", "context", "contractCreatedTs",
        }
    ),
    "Description": frozenset({"usage", "purpose", "limitations", "authoritativeDefinitions"}),
    "AuthoritativeDefinition": frozenset({"id", "url", "type", "description"}),
    "Support": frozenset({"id", "channel", "url", "description", "tool", "scope", "invitationUrl"}),
    "Pricing": frozenset({"id", "priceAmount", "priceCurrency", "priceUnit"}),
    "Team": _NAMED | {"members"},
    "TeamMember": _NAMED | {"username", "name", "role", "dateIn", "dateOut", "replacedByUsername"},
    "Context": frozenset({"instructions", "verifiedStatements", "constraints"}),
    "VerifiedStatement": frozenset({"id", "question", "answer", "tags", "authoritativeDefinitions"}),
    "Constraint": frozenset({"id", "constraint", "tags", "authoritativeDefinitions"}),
    "Synonym": frozenset({"id", "synonym", "description", "locale", "source", "status"}),
    "Server": frozenset({"id", "server", "description"}),
    "SchemaObject": _NAMED - {"description"}
    | {
        "physicalType", "logicalType", "businessName", "deprecated", "synonyms", "context",
        "dataGranularityDescription",
    },
    "SchemaProperty": _NAMED - {"description"}
    | {
        "businessName", "deprecated", "synonyms", "semanticType", "transformSourceObjects", "transformLogic",
        "transformDescription", "examples", "criticalDataElement",
    },
    "EnumValue": _NAMED | {"label"},
    "DataQuality": _NAMED | {"businessImpact", "dimension", "method"},
    "Relationship": frozenset({"id"}),
    "ServiceLevelAgreementProperty": frozenset({"id", "description", "driver", "authoritativeDefinitions"}),
    "CustomProperty": frozenset({"id", "description", "vendor"}),
}  # fmt: skip
#: The values of fields that the standard gives names for; any other would look as if it said something.
STATED: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("OpenDataContractStandard", "apiVersion"): ("v3.0.0", "v3.0.1", "v3.0.2", "v3.1.0", "v3.2.0"),
    ("OpenDataContractStandard", "kind"): ("DataContract",),
    ("OpenDataContractStandard", "status"): ("proposed", "draft", "active", "deprecated", "retired"),
    ("SchemaObject", "physicalType"): ("table",),
    ("SchemaObject", "logicalType"): ("object",),
    ("SchemaProperty", "semanticType"): ("column", "measure", "dimension"),
    ("SchemaProperty", "classification"): CLASSIFICATIONS,
    ("DataQuality", "type"): ("library", "sql", "custom"),
    ("DataQuality", "dimension"): (
        "accuracy", "completeness", "conformity", "consistency", "coverage", "timeliness", "uniqueness",
    ),
    ("Relationship", "type"): ("foreignKey",),
    ("ServiceLevelAgreementProperty", "driver"): ("regulatory", "analytics", "operational"),
}  # fmt: skip
_ELSEWHERE: Final[Mapping[tuple[str, str], str]] = {
    ("Server", "encoding"): "write it as encoding in the custom property arrival",
    ("OpenDataContractStandard", "roles"): "grant them in IAM and Lake Formation, which decide who may read",
    ("SchemaProperty", "properties"): "declare logicalType object or array, kept as JSON text",
    ("SchemaProperty", "items"): "declare logicalType object or array, kept as JSON text",
}
#: The fields of a column's ``logicalTypeOptions`` that act.
COLUMN_OPTIONS: Final = (
    "format", "pattern", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "minLength", "maxLength",
)  # fmt: skip

#: Where the fields of the standard's models stand.
_PLACES: Final[Mapping[str, str]] = {
    "SchemaProperty": "at a column, below properties",
    "SchemaObject": "at the table, below schema",
    "Server": "below servers",
    "OpenDataContractStandard": "at the top of the file",
}


def has_effect(model: str, field: str) -> bool:
    """Return whether a field of one of the standard's models acts or documents."""
    return field in ACTS.get(model, ()) or field in DOCUMENTS.get(model, ())


def without_effect(model: str, field: str) -> str:
    """Return why a field is refused, and what to do."""
    instead = _ELSEWHERE.get((model, field))
    return f"{field} has no effect here; remove it" + (f", or {instead}" if instead else "")


def no_such_field(model: str, field: str, fields: Iterable[str]) -> str:
    """Return why a field that the standard's model does not have is refused; ``fields`` are those that it has."""
    effective = [name for name in fields if has_effect(model, name)]
    elsewhere = [place for other, place in _PLACES.items() if other != model and field in ACTS[other]]
    if model == "SchemaProperty" and field in COLUMN_OPTIONS:
        elsewhere = [f"in the column's logicalTypeOptions, as logicalTypeOptions: {{{field}: …}}"]
    meant = f" it stands {elsewhere[0]};" if elsewhere else did_you_mean(field, effective)
    return f"no such field in the Open Data Contract Standard;{meant} allowed: {', '.join(effective)}"
