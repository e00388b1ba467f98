"""Mistakes that people make in a project, each with the line that it stands in and what is said of it."""

from __future__ import annotations

from typing import NamedTuple

#: A sound contract of a dataset that arrives.
ORDERS = """\
apiVersion: v3.1.0
kind: DataContract
id: shop.orders
version: 1.0.0
status: active
servers:
  - server: landing
    type: s3
    location: s3://landing/orders/
    format: csv
    delimiter: ';'
schema:
  - name: orders
    physicalName: bronze.orders
    properties:
      - name: order_id
        logicalType: string
        physicalType: string
        primaryKey: true
        primaryKeyPosition: 1
        required: true
      - name: ordered_on
        physicalName: Ordered On
        physicalType: date
        partitioned: true
      - name: amount
        physicalType: decimal(12,2)
        logicalTypeOptions:
          minimum: 0
      - name: state
        physicalType: string
        enum:
          - value: open
          - value: paid
slaProperties:
  - property: freshness
    value: 1
    unit: d
  - property: retention
    value: 3650
    unit: d
customProperties:
  - property: arrival
    value:
      encoding: utf-8
      expectedFilesPerDay: 1
"""


def derived(table: str, columns: str = "order_id string, amount decimal(12,2)", more: str = "") -> str:
    """Return a sound contract of a derived table."""
    pairs = [column.strip().partition(" ") for column in columns.split(", ")]
    properties = "".join(f"      - name: {name}\n        physicalType: {kind}\n" for name, _, kind in pairs)
    return (
        f"apiVersion: v3.1.0\nkind: DataContract\nid: shop.{table}\nschema:\n  - name: {table.partition('.')[2]}\n"
        f"    physicalName: {table}\n    properties:\n{properties}{more}"
    )


class Mistake(NamedTuple):
    """What is written in place of what, the text by which its line is known, and what is said of it."""

    old: str
    new: str
    line: str
    said: tuple[str, ...]


#: By its name: one mistake in the contract of orders.
IN_CONTRACTS = {
    "a typo in a type": Mistake("decimal(12,2)", "decmal(12,2)", "decmal", ("'decmal(12,2)' is not a column type", "did you mean 'decimal(12,2)'?")),
    "a point in a decimal": Mistake("decimal(12,2)", "decimal(17.4)", "17.4", ("did you mean 'decimal(17,4)'?",)),
    "a decimal without a bracket": Mistake("decimal(12,2)", "decimal(17,4", "17,4", ("did you mean 'decimal(17,4)'?",)),
    "a numeric with digits": Mistake("decimal(12,2)", "NUMERIC(17,4)", "NUMERIC", ("did you mean 'decimal(17,4)'?",)),
    "a decimal that none can be": Mistake("decimal(12,2)", "decmal(99,2)", "decmal", ("did you mean 'decimal(12,2)'?",)),
    "an array": Mistake("physicalType: date", "physicalType: array<string>", "array", ("did you mean 'string'?",)),
    "an enum of plain values": Mistake("          - value: open\n          - value: paid\n", "          - open\n          - value: paid\n", "- open", ("an item of an enum is a mapping: write {value: open}",)),
    "a length at the column": Mistake("        physicalType: date\n", "        physicalType: date\n        minLength: 3\n", "minLength", ("in the column's logicalTypeOptions", "{minLength: …}")),
    "a type of another system": Mistake("physicalType: date", "physicalType: VARCHAR(20)", "VARCHAR", ("did you mean 'string'?",)),
    "a tab in YAML": Mistake("    format: csv", "\tformat: csv", "\tformat", ("a tab", "blanks")),
    "a column twice": Mistake("name: ordered_on", "name: order_id", "name: order_id", ("'order_id' is declared twice, first in line 16",)),
    "a header in another case": Mistake("physicalName: Ordered On", "PhysicalName: Ordered On", "PhysicalName", ("no such field", "did you mean 'physicalName'?")),
    "a missing key": Mistake("        physicalType: date\n", "", "name: ordered_on", ("physicalType: needed",)),
    "a missing kind": Mistake("kind: DataContract\n", "", "apiVersion", ("kind: it is missing; allowed: DataContract",)),
    "an empty enum": Mistake("        enum:\n          - value: open\n          - value: paid\n", "        enum: []\n", "enum", ("the enum is empty",)),
    "a misspelt field": Mistake("primaryKey: true", "primarykey: true", "primarykey", ("did you mean 'primaryKey'?",)),
    "a misspelt format": Mistake("format: csv", "format: CSV", "format: CSV", ("did you mean 'csv'?", "allowed: access_log, csv")),
    "a misspelt encoding": Mistake("encoding: utf-8", "encoding: uft-8", "uft-8", ("did you mean 'utf-8'?\n",)),
    "a misspelt option of arrival": Mistake("encoding: utf-8", "encodign: utf-8", "encodign", ("did you mean 'encoding'?",)),
    "a word for a number": Mistake("expectedFilesPerDay: 1", "expectedFilesPerDay: one", "one", ("expectedFilesPerDay: 'one' is not a number",)),
    "a word for true": Mistake("required: true", "required: maybe", "maybe", ("required: true or false is wanted",)),
    "months for days": Mistake("value: 3650\n    unit: d", "value: 12\n    unit: m", "value: 12", ("12 m (minutes) is no retention", "whole days")),
    "an unknown unit": Mistake("value: 3650\n    unit: d", "value: 10\n    unit: days", "unit: days", ("did you mean 'day'?",)),
    "a misspelt service level": Mistake("property: retention", "property: retenton", "retenton", ("did you mean 'retention'?",)),
    "a misspelt custom property": Mistake("property: arrival", "property: arival", "arival", ("did you mean 'arrival'?",)),
    "a number that is none": Mistake("minimum: 0", "minimum: zero", "zero", ("'zero' is not a number",)),
    "a misspelt rule": Mistake("minimum: 0", "minimun: 0", "minimun", ("did you mean 'minimum'?",)),
    "a rule for another type": Mistake("minimum: 0", "maxLength: 3", "maxLength", ("for string columns, not decimal(12,2)",)),
    "a partition at the table": Mistake("    physicalName: bronze.orders", "    partitioned: true\n    physicalName: bronze.orders", "    partitioned: true\n    physicalName", ("no such field", "it stands at a column")),
    "another dataset's folder": Mistake("s3://landing/orders/", "s3://landing/order/", "s3://landing/order/", ("lands in s3://landing/orders/",)),
    "two marks between fields": Mistake("delimiter: ';'", "delimiter: ';;'", "delimiter", ("one ASCII character",)),
    "no list": Mistake("servers:\n  - server: landing\n    type", "servers:\n    server: landing\n    type", "servers:", ("a list is wanted",)),
    "a database that there is not": Mistake("physicalName: bronze.orders", "physicalName: bronce.orders", "bronce", ("did you mean 'bronze.orders'?",)),
    "a capital in a column": Mistake("name: state", "name: State", "name: State", ("'State' is not a column name", "did you mean 'state'?")),
    "a key twice": Mistake("version: 1.0.0", "version: 1.0.0\nkind: DataContract", "kind: DataContract\nstatus", ("'kind' stands twice", "lines 2 and 5")),
    "a colon without a blank": Mistake("version: 1.0.0", "version:1.0.0", "version:1", ("the line is no `key: value`",)),
    "an open bracket": Mistake("enum:\n          - value: open\n          - value: paid", "enum: [open", "enum: [open", ("not YAML",)),
    "a position that is none": Mistake("primaryKeyPosition: 1", "primaryKeyPosition: first", "first", ("a whole number is wanted",)),
}  # fmt: skip
#: Many of them in one contract, none of which hides another.
TOGETHER = (
    "a typo in a type", "a missing key", "an empty enum", "a misspelt field", "a misspelt encoding", "a word for a number",
    "months for days", "a misspelt rule", "two marks between fields", "another dataset's folder", "a missing kind",
)  # fmt: skip
_USE = "from pyspark.sql import functions as F\nfrom sluice.transforms import source, transform\n\n\n"


def made(
    name: str, body: str, inputs: str = 'write="append", orders="bronze.orders"', parameters: str = "orders"
) -> str:
    """Return the module of a transform."""
    return f"{_USE}@transform({inputs})\ndef {name}({parameters}):\n    {body}\n"


#: By the table that it is in: the module, the text by which the mistake's line is known, and what is said.
IN_TRANSFORMS = {
    "silver.returns_none": (made("returns_none", "orders.select('order_id')"), "orders.select", ("the function returns nothing (None)", "Next: write `return`")),
    "silver.syntax": (made("syntax", "return orders.select("), "return orders.select(", ("SyntaxError: '(' was never closed: `return orders.select(`",)),
    "silver.indented": (made("indented", "return orders\n      .limit(3)"), ".limit(3)", ("IndentationError",)),
    "silver.missing_module": (f"import pandsa\n{made('missing_module', 'return orders')}", "import pandsa", ("ModuleNotFoundError: No module named 'pandsa'",)),
    "silver.misspelt_column": (made("misspelt_column", "return orders.select('order_id', 'amout')"), "amout", ("did you mean 'amount'?",)),
    "silver.misspelt_function": (made("misspelt_function", "return orders.select(F.uper('order_id'))"), "F.uper", ("did you mean 'upper'?",)),
    "silver.misspelt_name": (made("misspelt_name", "return order.select('order_id')"), "order.select", ("name 'order' is not defined; did you mean 'orders'?",)),
    "silver.misspelt_input": (made("misspelt_input", "return orders", 'write="append", orders="bronze.ordres"'), "bronze.ordres", ("which no contract declares", "such as bronze.orders")),
    "silver.misspelt_function_of_table": (made("misspelt_function_of_tabel", "return orders"), "@transform", ("there is no function misspelt_function_of_table", "did you mean misspelt_function_of_tabel?")),
    "silver.other_parameters": (made("other_parameters", "return orders", parameters="order"), "@transform", ("@transform declares orders; the function takes order",)),
    "silver.misspelt_option": (made("misspelt_option", "return orders", 'writes="merge", orders="bronze.orders"'), "@transform", ("did you mean `write`?",)),
    "silver.misspelt_mode": (made("misspelt_mode", "return orders", 'write="merg", orders="bronze.orders"'), "@transform", ("(did you mean merge?)",)),
    "silver.other_type": (made("other_type", "return orders.select('order_id', F.lit(1).alias('amount'))"), "@transform", ("amount is integer, the contract says decimal(12,2)",)),
    "silver.other_column": (made("other_column", "return orders.select('order_id', F.col('amount').alias('amounts'))"), "@transform", ("amount is missing", "amounts is not in the contract; did you mean 'amount'?")),
    "silver.raises": (made("raises", "return orders.limit({}['x'])"), "orders.limit", ("KeyError: 'x'",)),
    "silver.in_a_circle": (made("in_a_circle", "return a", 'a="gold.of_the_circle"', "a"), "gold.of_the_circle", ("gold.of_the_circle is made of silver.in_a_circle is made of gold.of_the_circle",)),
    "gold.of_the_circle": (made("of_the_circle", "return a", 'a="silver.in_a_circle"', "a"), "silver.in_a_circle", ("gold.of_the_circle is made of silver.in_a_circle is made of gold.of_the_circle",)),
    "silver.ends": ("import os\n\nos._exit(3)\n", "", ("ends the process that loads it, with status 3",)),
}  # fmt: skip
#: One of the two is told for both.
SAID_ONCE = ("silver.in_a_circle", "gold.of_the_circle")
