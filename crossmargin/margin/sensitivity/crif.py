"""Rows of the common risk interchange format (CRIF): sensitivities with their labels."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from crossmargin import _checks as check
from crossmargin.errors import InvalidInputError
from crossmargin.snapshot import read_file

COLUMNS = {
    "product": ("ProductClass", "product_class"),
    "risk_type": ("RiskType", "risk_type"),
    "qualifier": ("Qualifier", "qualifier"),
    "bucket": ("Bucket", "bucket"),
    "label1": ("Label1", "label1"),
    "label2": ("Label2", "label2"),
    "amount": ("AmountUSD", "amountUSD", "Amount", "amount"),
    "currency": ("AmountCurrency", "amount_currency"),
    "portfolio": ("PortfolioID", "portfolio_id"),
    "collect": ("collect_regulations", "CollectRegulations"),
    "post": ("post_regulations", "PostRegulations"),
}
REQUIRED = ("product", "risk_type", "amount")
PRODUCTS = ("RatesFX", "Credit", "Equity", "Commodity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Crif:
    """One sensitivity: ``amount`` in the calculation currency; labels that a risk type does not use are ignored."""

    product: str = ""
    risk_type: str
    qualifier: str = ""
    bucket: str = ""
    label1: str = ""
    label2: str = ""
    amount: float
    portfolio: str = ""
    collect: tuple[str, ...] = ()
    post: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check.number(f"amount of {self.risk_type} {self.qualifier}", self.amount)


def read_crif(path: str | Path, *, currency: str = "USD") -> list[Crif]:
    """Rows of a CSV or tab-separated file; amounts must be in the calculation currency."""
    try:
        text = read_file(path).decode("utf-8-sig")
    except UnicodeError as error:
        raise InvalidInputError(f"sensitivities must be text in UTF-8, were not: {error}") from None
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if "\t" in text.partition("\n")[0] else ",")
    names = columns_of(rows.fieldnames or (), str(path))
    return [read_row(row, names, currency, f"in line {rows.line_num} of {path}") for row in rows]


def columns_of(head: Iterable[str], path: str) -> dict[str, str]:
    """The file's name of each column, whatever its case."""
    there = {name.strip().lower(): name for name in head}
    found: dict[str, str] = {}
    for name, known in COLUMNS.items():
        for text in known:
            if text.lower() in there:
                found.setdefault(name, there[text.lower()])
    for name in REQUIRED:
        if name not in found:
            raise InvalidInputError(f"columns of {path} must hold one of {COLUMNS[name]}, were {list(there.values())}")
    return found


def read_row(row: Mapping[str, str], names: Mapping[str, str], currency: str, place: str) -> Crif:
    texts = {name: (row[column] or "").strip() for name, column in names.items()}
    stated = texts.pop("currency", "")
    if stated and stated != currency and "usd" not in names["amount"].lower():
        raise InvalidInputError(f"currency must be the calculation currency {currency}, was {stated!r} {place}")
    try:
        amount = float(texts.pop("amount"))
    except ValueError:
        raise InvalidInputError(f"amount must be a number, was {row[names['amount']]!r} {place}") from None
    sides = {name: regulations(texts.pop(name, "")) for name in ("collect", "post")}
    return Crif(amount=amount, **texts, **sides)  # type: ignore[arg-type]


def regulations(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
