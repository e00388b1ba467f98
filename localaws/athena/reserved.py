"""The words that are names only in quotes: of backticks where tables are defined, of double quotes in queries.

https://docs.aws.amazon.com/athena/latest/ug/reserved-words.html
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from localaws.athena.errors import QueryFailed, place

_DEFINING: Final = """
ALL ALTER AND ARRAY AS AUTHORIZATION BETWEEN BIGINT BINARY BOOLEAN BOTH BY CASE CASHE CAST CHAR COLUMN CONF CONSTRAINT
COMMIT CREATE CROSS CUBE CURRENT CURRENT_DATE CURRENT_TIMESTAMP CURSOR DATABASE DATE DAYOFWEEK DECIMAL DELETE DESCRIBE
DISTINCT DIV DOUBLE DROP ELSE END EXCHANGE EXISTS EXTENDED EXTERNAL EXTRACT FALSE FETCH FLOAT FLOOR FOLLOWING FOR
FOREIGN FROM FULL FUNCTION GRANT GROUP GROUPING HAVING IF IMPORT IN INNER INSERT INT INTEGER INTERSECT INTERVAL INTO IS
JOIN LATERAL LEFT LESS LIKE LOCAL MACRO MAP MORE NONE NOT NULL NUMERIC OF ON ONLY OR ORDER OUT OUTER OVER PARTIALSCAN
PARTITION PERCENT PRECEDING PRECISION PRESERVE PRIMARY PROCEDURE RANGE READS REDUCE REGEXP REFERENCES REVOKE RIGHT
RLIKE ROLLBACK ROLLUP ROW ROWS SELECT SET SMALLINT START TABLE TABLESAMPLE THEN TIME TIMESTAMP TO TRANSFORM TRIGGER TRUE
TRUNCATE UNBOUNDED UNION UNIQUEJOIN UPDATE USER USING UTC_TIMESTAMP VALUES VARCHAR VIEWS WHEN WHERE WINDOW WITH
"""
_ASKING: Final = """
ALTER AND AS BETWEEN BY CASE CAST CONSTRAINT CREATE CROSS CUBE CURRENT_CATALOG CURRENT_DATE CURRENT_PATH CURRENT_SCHEMA
CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER DEALLOCATE DELETE DESCRIBE DISTINCT DROP ELSE END ESCAPE EXCEPT EXECUTE
EXISTS EXTRACT FALSE FIRST FOR FROM FULL GROUP GROUPING HAVING IN INNER INSERT INTERSECT INTO IS JOIN JSON_ARRAY
JSON_EXISTS JSON_OBJECT JSON_QUERY JSON_TABLE JSON_VALUE LAST LEFT LIKE LISTAGG LOCALTIME LOCALTIMESTAMP NATURAL
NORMALIZE NOT NULL OF ON OR ORDER OUTER PREPARE RECURSIVE RIGHT ROLLUP SELECT SKIP TABLE THEN TRIM TRUE UESCAPE UNION
UNNEST USING VALUES WHEN WHERE WITH
"""
#: Listed, and names without quotes all the same: in AWS's own tables for logs of load balancers and of a VPC, and to
#: Trino. https://docs.aws.amazon.com/athena/latest/ug/application-load-balancer-logs.html, …/vpc-flow-logs.html
USED_IN_TABLES: Final = frozenset({"TIME", "START", "TIMESTAMP"})
USED_IN_QUERIES: Final = frozenset({"FIRST", "LAST", "OF"})
#: The words of statements that define databases and tables.
DDL: Final = frozenset(_DEFINING.split()) - USED_IN_TABLES
#: The words of queries, and of statements about views.
QUERY: Final = frozenset(_ASKING.split()) - USED_IN_QUERIES
#: Of these the name alone is a value.
_VALUES: Final = frozenset(word for word in QUERY if word.startswith(("CURRENT_", "LOCALTIME")))


def refuse_reserved(tree: exp.Expr, tokens: list[Token], sql: str) -> None:
    """Raise SYNTAX_ERROR for a name without quotes in a query that is a reserved word, at its place in ``sql``."""
    for before, token in pairwise(tokens):
        # What stands behind a point is a name, whichever node it became.
        plain = token.token_type not in (TokenType.IDENTIFIER, TokenType.STRING)
        if before.token_type == TokenType.DOT and plain and token.text.upper() in QUERY:
            raise _refused(token.text, token.start, sql)
    for name in tree.find_all(exp.Identifier):
        word = name.name.upper()
        if name.args.get("quoted") or word not in QUERY or (word in _VALUES and _is_value(name)):
            continue
        start = name.meta.get("start")
        if start is not None and sql[start : start + len(word)].upper() == word:  # otherwise nobody wrote it
            raise _refused(name.name, start, sql)


def _refused(word: str, start: int, sql: str) -> QueryFailed:
    return QueryFailed("SYNTAX_ERROR", f"{place(sql, start)}: mismatched input '{word}'. Expecting: <identifier>")


def _is_value(name: exp.Identifier) -> bool:
    column = name.parent
    return isinstance(column, exp.Column) and not column.table
