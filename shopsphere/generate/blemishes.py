"""How customers' data goes wrong without breaking a rule: other spellings, typing errors, invented values."""

from __future__ import annotations

from shopsphere.generate.files import csv_text
from shopsphere.generate.reference import CITIES, COUNTRIES, spellings_of

#: What there is not.
INVENTED_COUNTRIES = ("Atlantis", "??", "Ruritania", "XX", "n/a")
INVENTED_CITIES = ("Lindenau am Meer", "Port Lowell", "Łęgowo Dolne", "Saint-Évrard", "tbd")
_PHONES = ("12345", "+49 30", "call me", "0170 1234567", "+00 000", "+1234567890123456789")
_BIRTH_DATES = ("1900-01-01", "1877-07-07", "2099-12-31", "1801-05-05")


def misspelt_country(record: list[str], pick: int) -> str:
    """Return the country's code in another way that ``countries`` knows, or sloppily."""
    code = record[8]
    spellings = (f"{code.lower()} ", *spellings_of(code, COUNTRIES), *(name for c, name, *_ in COUNTRIES if c == code))
    found = spellings[pick % len(spellings)]
    return csv_text(found if pick % 2 else found.upper())


def unknown_country(record: list[str], pick: int) -> str:
    """Return a country that there is not."""
    return INVENTED_COUNTRIES[pick % len(INVENTED_COUNTRIES)]


def misspelt_city(record: list[str], pick: int) -> str:
    """Return the city in another way that ``cities`` knows, sloppily, or with one letter left out."""
    city = record[6].strip('"')
    letter = 1 + pick // 8 % (len(city) - 1)
    spellings = (*spellings_of(city, CITIES), f" {city.upper()}", city.lower(), city.replace("-", " "))
    wrong = (f"{city[:letter]}{city[letter + 1 :]}",) if len(city) >= 6 and "," not in city else ()
    together = [spelling for spelling in (*spellings, *wrong) if spelling != city]
    return csv_text(together[pick % len(together)])


def unknown_city(record: list[str], pick: int) -> str:
    """Return a city that there is not."""
    return csv_text(INVENTED_CITIES[pick % len(INVENTED_CITIES)])


def invalid_email(record: list[str], pick: int) -> str:
    """Return an address that no mail can be sent to, though it looks like one."""
    name, _, host = record[1].partition("@")
    choices = (f"{name}..x@{host}", f".{name}@{host}", f"{name}@-{host}", f"{name}(at)@{host}", f"{name}@shop..example")
    return choices[pick % len(choices)]


def invalid_phone(record: list[str], pick: int) -> str:
    """Return a number that nobody can be called at."""
    return _PHONES[pick % len(_PHONES)]


def impossible_birth_date(record: list[str], pick: int) -> str:
    """Return a day on which no customer was born."""
    return _BIRTH_DATES[pick % len(_BIRTH_DATES)]
