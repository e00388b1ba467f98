"""Lines that a pattern takes apart: the Regex SerDe and the Grok SerDe.

https://docs.aws.amazon.com/athena/latest/ug/regex-serde.html
https://docs.aws.amazon.com/athena/latest/ug/grok-serde.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import re2

from localaws.athena.errors import QueryFailed, not_supported
from localaws.athena.hive.lines import Field, Told
from localaws.athena.hive.values import NESTED

_QUIET = re2.Options()
_QUIET.log_errors = False
_REFERENCE: Final = re.compile(r"%\{(\w+)(?::([\w.\[\]-]+))?(?::(\w+))?\}")
_DEEPEST: Final = 40
#: How many characters a pattern has at most once each name is what it stands for.
_LONGEST: Final = 1 << 17

#: The names that Grok's patterns may use, beside those of ``input.grokCustomPatterns``.
_GROK: Final[dict[str, str]] = {
    "WORD": r"\b\w+\b",
    "NOTSPACE": r"\S+",
    "SPACE": r"\s*",
    "DATA": r".*?",
    "GREEDYDATA": r".*",
    "INT": r"[+-]?[0-9]+",
    "BASE10NUM": r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)",
    "NUMBER": "%{BASE10NUM}",
    "BASE16NUM": r"[+-]?(?:0x)?[0-9A-Fa-f]+",
    "POSINT": r"\b[1-9][0-9]*\b",
    "NONNEGINT": r"\b[0-9]+\b",
    "USERNAME": r"[a-zA-Z0-9._-]+",
    "USER": "%{USERNAME}",
    "EMAILLOCALPART": r"[a-zA-Z0-9!#$%&'*+\-/=?^_`{|}~.]+",
    "EMAILADDRESS": "%{EMAILLOCALPART}@%{HOSTNAME}",
    "QUOTEDSTRING": r"(?:\"(?:\\.|[^\\\"])*\"|'(?:\\.|[^\\'])*'|`(?:\\.|[^\\`])*`)",
    "QS": "%{QUOTEDSTRING}",
    "UUID": r"[A-Fa-f0-9]{8}-(?:[A-Fa-f0-9]{4}-){3}[A-Fa-f0-9]{12}",
    "MAC": r"(?:[A-Fa-f0-9]{2}[:-]){5}[A-Fa-f0-9]{2}",
    "IPV4": r"(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])",
    "IPV6": r"(?:[0-9A-Fa-f]{0,4}:){2,7}(?:%{IPV4}|[0-9A-Fa-f]{0,4})",
    "IP": "(?:%{IPV6}|%{IPV4})",
    "HOSTNAME": r"\b[0-9A-Za-z][0-9A-Za-z-]{0,62}(?:\.[0-9A-Za-z][0-9A-Za-z-]{0,62})*\.?",
    "HOST": "%{HOSTNAME}",
    "IPORHOST": "(?:%{IP}|%{HOSTNAME})",
    "HOSTPORT": "%{IPORHOST}:%{POSINT}",
    "UNIXPATH": r"(?:/[\w%!$@:.,+~-]*)+",
    "WINPATH": r"(?:[A-Za-z]+:|\\)(?:\\[^\\?*]*)+",
    "PATH": "(?:%{UNIXPATH}|%{WINPATH})",
    "TTY": r"/dev/(?:pts|tty[pq]?)(?:\w+)?/?[0-9]+",
    "URIPROTO": r"[A-Za-z][A-Za-z0-9+.-]*",
    "URIHOST": "%{IPORHOST}(?::%{POSINT})?",
    "URIPATH": r"(?:/[A-Za-z0-9$.+!*'(){},~:;=@#%&_\-]*)+",
    "URIPARAM": r"\?[A-Za-z0-9$.+!*'|(){},~@#%&/=:;_?\-\[\]<>]*",
    "URIPATHPARAM": "%{URIPATH}(?:%{URIPARAM})?",
    "URI": "%{URIPROTO}://(?:%{USER}(?::[^@]*)?@)?(?:%{URIHOST})?(?:%{URIPATHPARAM})?",
    "MONTH": (
        r"\b(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:tember)?|"
        r"Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b"
    ),
    "MONTHNUM": r"(?:0?[1-9]|1[0-2])",
    "MONTHDAY": r"(?:0[1-9]|[12][0-9]|3[01]|[1-9])",
    "DAY": (
        r"(?:Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?)"
    ),
    "YEAR": r"(?:[0-9]{4}|[0-9]{2})",
    "HOUR": r"(?:2[0-3]|[01]?[0-9])",
    "MINUTE": r"[0-5][0-9]",
    "SECOND": r"(?:[0-5]?[0-9]|60)(?:[:.,][0-9]+)?",
    "TIME": "%{HOUR}:%{MINUTE}(?::%{SECOND})?",
    "DATE_US": "%{MONTHNUM}[/-]%{MONTHDAY}[/-]%{YEAR}",
    "DATE_EU": "%{MONTHDAY}[./-]%{MONTHNUM}[./-]%{YEAR}",
    "DATE": "(?:%{DATE_US}|%{DATE_EU})",
    "DATESTAMP": "%{DATE}[- ]%{TIME}",
    "ISO8601_TIMEZONE": r"(?:Z|[+-]%{HOUR}(?::?%{MINUTE}))",
    "ISO8601_SECOND": "%{SECOND}",
    "TIMESTAMP_ISO8601": (
        r"%{YEAR}-%{MONTHNUM}-%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}(?::?%{SECOND})?(?:%{ISO8601_TIMEZONE})?"
    ),
    "TZ": r"(?:[PMCE][SD]T|UTC|GMT)",
    "HTTPDATE": "%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} %{INT}",
    "SYSLOGTIMESTAMP": "%{MONTH} +%{MONTHDAY} %{TIME}",
    "PROG": r"[\w._/%-]+",
    "SYSLOGPROG": r"%{PROG:program}(?:\[%{POSINT:pid}\])?",
    "SYSLOGHOST": "%{IPORHOST}",
    "SYSLOGFACILITY": "<%{NONNEGINT:facility}.%{NONNEGINT:priority}>",
    "SYSLOGBASE": (
        "%{SYSLOGTIMESTAMP:timestamp} (?:%{SYSLOGFACILITY} )?%{SYSLOGHOST:logsource} %{SYSLOGPROG}:"
    ),
    "LOGLEVEL": (
        r"(?i:alert|trace|debug|notice|info(?:rmation)?|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe|"
        r"emerg(?:ency)?)"
    ),
    "COMMONAPACHELOG": (
        r"%{IPORHOST:clientip} %{USER:ident} %{USER:auth} \[%{HTTPDATE:timestamp}\] "
        r"\"(?:%{WORD:verb} %{NOTSPACE:request}(?: HTTP/%{NUMBER:httpversion})?|%{DATA:rawrequest})\" "
        r"%{NUMBER:response} (?:%{NUMBER:bytes}|-)"
    ),
    "COMBINEDAPACHELOG": "%{COMMONAPACHELOG} %{QS:referrer} %{QS:agent}",
}  # fmt: skip


class Patterned:
    """Reads lines whose fields are the groups of a pattern; a line that it does not match is a row of NULLs."""

    def __init__(self, told: Told, fields: Sequence[Field], pattern: Any, groups: Mapping[str, int] | None) -> None:
        self._told, self._fields, self._pattern, self._groups = told, fields, pattern, groups
        for field in fields:
            if field.kind.this in NESTED:
                raise not_supported(f"column {field.name} of a nested type in a table of a pattern")

    @classmethod
    def regex(cls, told: Told, fields: Sequence[Field], width: int) -> Patterned:
        """Return the reader of ``input.regex``, which has a group a column."""
        text = _said(told, "input.regex")
        folded = told.properties.get("input.regex.case.insensitive", "").lower() == "true"
        pattern = _compiled(f"(?i:{text})" if folded else text, "input.regex")
        if pattern.groups < width:
            raise QueryFailed(
                "HIVE_CURSOR_ERROR",
                f"Number of matching groups doesn't match the number of columns: {pattern.groups} groups in"
                f" input.regex, {width} columns",
            )
        return cls(told, fields, pattern, None)

    @classmethod
    def grok(cls, told: Told, fields: Sequence[Field]) -> Patterned:
        """Return the reader of ``input.format``, whose names are those of the columns."""
        known = dict(_GROK)
        for line in told.properties.get("input.grokCustomPatterns", "").splitlines():
            name, _, text = line.strip().partition(" ")
            if name:
                known[name] = text.strip()
        groups: dict[str, int] = {}
        pattern = _compiled(_expanded(_said(told, "input.format"), known, groups, 0), "input.format")
        return cls(told, fields, pattern, {name: pattern.groupindex[f"g{at}"] for name, at in groups.items()})

    def records(self, text: str, path: str) -> Iterator[list[Any]]:
        """Yield the values of the wanted fields of each line."""
        del path
        for _, line in self._told.lines(text):
            found = self._pattern.fullmatch(line)
            yield [self._value(found, field) for field in self._fields]

    def _value(self, found: Any, field: Field) -> Any:
        group = field.place + 1 if self._groups is None else self._groups.get(field.name)
        text = found.group(group) if found is not None and group is not None else None
        return None if text is None else self._told.value(text, field.kind)


def _said(told: Told, name: str) -> str:
    found = told.properties.get(name)
    if not found:
        raise QueryFailed("HIVE_CURSOR_ERROR", f'This table does not have serde property "{name}"!')
    return found


def _compiled(pattern: str, name: str) -> Any:
    try:
        return re2.compile(pattern, _QUIET)
    except re2.error as error:
        raise not_supported(
            f"the pattern of {name} ({error})",
            allowed="patterns of RE2, which has no look-around and no back reference",
        ) from None


def _expanded(text: str, known: Mapping[str, str], groups: dict[str, int], depth: int) -> str:
    """Return a Grok pattern as a regular expression, whose groups ``g0``, ``g1``, … are known by name."""

    def one(found: re.Match[str]) -> str:
        name, given = found[1], found[2]
        if name not in known or depth > _DEEPEST:
            raise QueryFailed("HIVE_CURSOR_ERROR", f"No definition for key '{name}' found, aborting")
        if given is None or given.lower() in groups:
            return f"(?:{_expanded(known[name], known, groups, depth + 1)})"
        at = groups[given.lower()] = len(groups)
        inner = _expanded(known[name], known, groups, depth + 1)
        return f"(?P<g{at}>{inner})"

    found = _REFERENCE.sub(one, text)
    if len(found) > _LONGEST:
        raise not_supported(
            f"input.format, whose names stand for a pattern of more than {_LONGEST} characters",
            allowed="shorter patterns of input.grokCustomPatterns",
        )
    return found
