"""Names as people write them: what two spellings of one name have in common."""

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
    """Tell whether ``text``, in lower case, is an address that mail can be sent to; null is none."""
    return F.coalesce(text.rlike(_EMAIL), F.lit(False))


def folded(text: Column) -> Column:
    """Return ``text`` without case, accents, spaces and marks: equal for spellings of one name; null when empty.

    What would be left with two letters or fewer keeps its marks: n/a is not NA, which is Namibia.
    """
    plain = F.translate(text, ascii_uppercase + _ACCENTED, ascii_lowercase + _PLAIN)
    bare = F.regexp_replace(F.regexp_replace(plain, "ß", "ss"), _MARKS, "")
    return F.when(F.length(bare) > 2, bare).otherwise(F.nullif(F.trim(plain), F.lit("")))


def one_letter_off(one: Column, other: Column) -> Column:
    """Tell whether two folded names of five letters or more differ by one letter; only ASCII names are compared.

    DuckDB counts bytes, Spark letters: in ASCII they are the same.
    """
    long = "^[a-z0-9]{5,}$"
    return one.rlike(long) & other.rlike(long) & (F.levenshtein(one, other) == 1)
