"""Makes legal names of columns of those in a file, and tells names that speak of persons."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from sluice.contracts.columns import NAME

_LONGEST = 63
_SPELLED = str.maketrans({"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L",
                          "đ": "d", "Đ": "D", "þ": "th", "Þ": "TH", "%": " percent ", "#": " number ", "&": " and ",
                          "€": " eur ", "$": " usd ", "£": " gbp ", "+": " plus "})  # fmt: skip
_PERSONAL = re.compile(
    r"(?:^|_)(?:e_?mails?|mails?|phone|telephone|tel|mobile|fax|first_?name|last_?name|full_?name|sur_?name"
    r"|given_?name|family_?name|middle_?name|maiden_?name|nick_?name|user_?name|customer_?name|client_?name"
    r"|contact_?name|contact_?title|person_?name|birth(?:day|_?date|_?year|_?place)?|dob|date_of_birth|gender|sex"
    r"|street|address|addresses|address_?line(?:_?[0-9])?|post_?code|postal_?code|zip|zip_?code|ssn|social_security"
    r"|passport|national_id|tax_id|iban|bic|card_?number|credit_?card|account_?holder|ip|ip_?addr(?:ess)?"
    r"|latitude|longitude|race|ethnicity|religion|nationality|marital_?status|vorname|nachname|geburtsdatum|strasse"
    r"|prenom|nom|nombre|apellido|telefon|telefono|adresse|direccion|plz)(?:_|$)"
)
#: Names that hold one of these words and speak of things.
_OF_THINGS = re.compile(r"(?:^|_)(?:company|product|campaign|file|host|city|country|mac|web|url|count)(?:_|$)")


def column_names(headers: Sequence[str]) -> list[str]:
    """Return a legal column name for each name in a file, no two the same."""
    found: list[str] = []
    for place, header in enumerate(headers, 1):
        name = column_name(header) or f"column_{place}"
        found.append(_unused(name, found))
    return found


def column_name(header: str) -> str:
    """Return the legal name that is nearest to a name in a file, empty when nothing of it can stay."""
    text = unicodedata.normalize("NFKD", header.translate(_SPELLED))
    text = text.encode("ascii", "ignore").decode()
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text)
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", text)
    text = re.sub("[^a-z0-9]+", "_", text.lower()).strip("_")
    if text and not text[0].isalpha():
        text = f"column_{text}"
    text = text[:_LONGEST].rstrip("_")
    return text if NAME.fullmatch(text) else ""


def personal(name: str) -> bool:
    """Return whether a column's name says that it is about a person."""
    return _PERSONAL.search(name) is not None and _OF_THINGS.search(name) is None


def _unused(name: str, taken: Iterable[str]) -> str:
    there = set(taken)
    if name not in there:
        return name
    number = 2
    while (other := f"{name[: _LONGEST - len(str(number)) - 1]}_{number}") in there:
        number += 1
    return other
