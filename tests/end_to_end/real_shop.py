"""Real files as the shop's landing contracts want them: UCI Online Retail, ECB rates, country codes and cities.

- Invoice 541238 is order O000541238, in pounds; its cancellation C541239 is O000541239, ``returned`` (the digits are
  one sequence). Each invoice line is an order line; the same line written twice keeps its number, so it is the same
  line delivered twice.
- Buyer 16746.0 is customer C0016746, and the text as written is the last name. Every day on which a customer bought is
  a version of them, with the country as written: EIRE, RSA, Channel Islands. All are ``business``: most are
  wholesalers.
- The product number is the stock code's place among all codes, the code stays as ``sku``. A product has a version per
  month: the least of its descriptions, its highest price. Its category is the code's first two digits, or
  ``no goods`` for codes such as POST and BANK CHARGES.
- An invoice without a buyer that asks for money is a guest's, C0000000, whom no customer file knows.
- Rates are those from ``FIRST_RATE`` to ``LAST_RATE``, N/A and the empty last column included; later sales have the
  last rate.
- Countries have what else they are called in the file, and the shop's own spelling where the file lacks it
  (``SHOP_SPELLINGS``). Of several currencies the first counts. Cities are numbered within their country.

What the contracts refuse stays in: negative quantities (cancellations and write-offs); invoices of write-offs, without
buyer and price; orders to the Channel Islands, which have no code of their own; products of a month without a
description; rates without a currency; Antarctica, which has no region; cities of countries
that the code file calls otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from tests.end_to_end import real_reference as reference
from tests.end_to_end.real_reference import Row, as_ndjson, csv_files, csv_rows, files, monday


def shop_files(retail: Path, rates: Path, countries: Path, cities: Path) -> dict[str, bytes]:
    """Return what lands, by key, of the four folders of real data."""
    lines = list(_invoice_lines(retail))
    known = csv_rows((countries / "country-codes.csv").read_text(encoding="utf-8"))
    places = csv_rows((cities / "world-cities.csv").read_text(encoding="utf-8"))
    codes = reference.codes(known)
    numbers = {code: f"P{n:05}" for n, code in enumerate(sorted({line["StockCode"] for line in lines}), start=1)}
    orders = files("orders", _orders(lines, codes), lambda row: row["order_ts"][:10])
    return {
        **{f"{key}.ndjson.gz": as_ndjson(rows) for key, rows in orders.items()},
        **csv_files("order_lines", _order_lines(lines, numbers), lambda row: row["updated_at"][:10]),
        **csv_files("customers", _customers(lines), lambda row: monday(row["updated_at"])),
        **csv_files("products", _products(lines, numbers), lambda row: row["valid_from"]),
        **csv_files("exchange_rates", reference.rates(rates), lambda row: monday(row["rate_date"])),
        **csv_files("countries", reference.countries(known), lambda _: "all"),
        **csv_files("cities", reference.cities(places, codes), lambda _: "all"),
    }


def _invoice_lines(retail: Path) -> Iterator[Row]:
    for file in sorted(retail.glob("*.csv")):
        yield from csv_rows(file.read_text(encoding="utf-8"))


def _orders(lines: list[Row], codes: dict[str, str]) -> Iterator[Row]:
    for invoice, of_invoice in _grouped(lines, "InvoiceNo"):
        first, moments = of_invoice[0], [line["InvoiceDate"] for line in of_invoice]
        asks_money = any(Decimal(line["UnitPrice"]) > 0 for line in of_invoice)
        yield {
            "order_id": _order(invoice),
            "customer_id": _customer(first["CustomerID"] or "0") if first["CustomerID"] or asks_money else None,
            "order_ts": min(moments),
            "status": "returned" if invoice.startswith("C") else "paid",
            "currency": "GBP",
            "country": codes.get(first["Country"].lower()),
            "channel": "web",
            "shipping_cost": None,
            "updated_at": max(moments),
        }


def _order_lines(lines: list[Row], products: dict[str, str]) -> Iterator[Row]:
    for invoice, of_invoice in _grouped(lines, "InvoiceNo"):
        numbers: dict[tuple[str, ...], int] = {}
        for line in of_invoice:
            yield {
                "order_id": _order(invoice),
                "line_number": numbers.setdefault(tuple(line.values()), len(numbers) + 1),
                "product_id": products[line["StockCode"]],
                "quantity": line["Quantity"],
                "unit_price": line["UnitPrice"],
                "discount_pct": "",
                "currency": "GBP",
                "updated_at": line["InvoiceDate"],
            }


def _customers(lines: list[Row]) -> Iterator[Row]:
    for buyer, bought in _grouped([line for line in lines if line["CustomerID"]], "CustomerID"):
        moments = sorted((line["InvoiceDate"], line["Country"]) for line in bought)
        for _, of_day in groupby(moments, key=lambda moment: moment[0][:10]):
            written, country = next(of_day)
            yield {
                "customer_id": _customer(buyer),
                "last_name": buyer,
                "country": country,
                "segment": "business",
                "registered_at": moments[0][0],
                "updated_at": written,
            } | dict.fromkeys(("email", "first_name", "phone", "street", "city", "postal_code", "birth_date"), "")


def _products(lines: list[Row], numbers: dict[str, str]) -> Iterator[Row]:
    for code, sold in _grouped(lines, "StockCode"):
        for month, of_month in groupby(
            sorted(sold, key=itemgetter("InvoiceDate")), lambda line: line["InvoiceDate"][:7]
        ):
            told = list(of_month)
            yield {
                "product_id": numbers[code],
                "sku": code,
                "name": min((line["Description"] for line in told if line["Description"]), default=""),
                "category": f"range {code[:2]}" if code[:5].isdigit() and len(code) >= 5 else "no goods",
                "brand": "",
                "weight": "",
                "weight_unit": "",
                "list_price": max(Decimal(line["UnitPrice"]) for line in told),
                "currency": "GBP",
                "valid_from": f"{month}-01",
                "updated_at": told[-1]["InvoiceDate"],
            }


def _order(invoice: str) -> str:
    return f"O{invoice.removeprefix('C'):0>9}"


def _customer(buyer: str) -> str:
    return f"C{buyer.removesuffix('.0'):0>7}"


def _grouped(rows: list[Row], column: str) -> Iterable[tuple[str, list[Row]]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row[column], []).append(row)
    return found.items()
