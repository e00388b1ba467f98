"""Compares names as people write them, across different spellings of the same name."""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase

from pyspark.sql import Column
from pyspark.sql import functions as F

# Engines differ in what they lower beyond ASCII (İ), so every letter is named.
_ACCENTED = "ÀÁÂÃÄÅĄÇĆČĎÈÉÊËĘĚĞÌÍÎÏİŁÑŃŇÒÓÔÕÖØŐŘŚŠŞŤÙÚÛÜŮŰÝŹŻŽàáâãäåąçćčďèéêëęěğìíîïıłñńňòóôõöøőřśšşťùúûüůűýÿźżž"
_PLAIN = "aaaaaaacccdeeeeeegiiiiilnnnooooooorssstuuuuuuyzzzaaaaaaacccdeeeeeegiiiiilnnnooooooorssstuuuuuuyyzzz"
_EMAIL = r"^[a-z0-9_%+-]+(\.[a-z0-9_%+-]+)*@([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$"
_MARKS = "[ .,;'\u2019`\u00b4()/_-]+"


def lower(text: Column) -> Column:
    """Return ``text`` with its ASCII letters in lower case."""
    return F.translate(text, ascii_uppercase, ascii_lowercase)


def is_email(text: Column) -> Column:
    """Return whether ``text``, in lower case, has the form of an e-mail address; false for null."""
    return F.coalesce(text.rlike(_EMAIL), F.lit(False))


def folded(text: Column) -> Column:
    """Return ``text`` without case, accents, spaces and marks, equal for all spellings of a name; null when empty.

    A text that would have two letters or fewer keeps its marks: n/a is not NA, which is Namibia.
    """
    plain = F.translate(text, ascii_uppercase + _ACCENTED, ascii_lowercase + _PLAIN)
    bare = F.regexp_replace(F.regexp_replace(plain, "ß", "ss"), _MARKS, "")
    return F.when(F.length(bare) > 2, bare).otherwise(F.nullif(F.trim(plain), F.lit("")))


def one_letter_off(one: Column, other: Column) -> Column:
    """Return whether two folded ASCII names of five letters or more differ by one letter.

    DuckDB counts bytes, Spark letters: in ASCII they are the same.
    """
    long = "^[a-z0-9]{5,}$"
    return one.rlike(long) & other.rlike(long) & (F.levenshtein(one, other) == 1)
