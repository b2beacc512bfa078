"""Books as Arrow tables and Parquet files; needs the extra ``arrow``.

======== =================================================================================================
table    columns
======== =================================================================================================
accounts id, currency, owner, parent, mode, method (text)
others   those of ``Book.of`` (integers); instrument and asset by id; account by row of accounts or by id
pockets  account, pocket, uses: pockets that stand on the balances of another
======== =================================================================================================

A column of one chunk of int64 is not copied in either direction, nor are the codes of ids that stand in the order
of the instruments' own. Several chunks are joined once, other integers converted; nulls and fractions are refused.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Integers
from crossmargin.errors import MissingExtraError
from crossmargin.instruments import Instruments
from crossmargin.portfolio import tables
from crossmargin.portfolio.accounts import DEFAULTS, Accounts, Labels
from crossmargin.portfolio.book import FIELDS, Book
from crossmargin.portfolio.units import Pairs

TABLES = ("accounts", "positions", "balances", "orders", "pockets")
Names = Mapping[str, Callable[[], Mapping[str, int]]]  # per column of ids, their rows when they are needed


def pyarrow(part: str = "") -> Any:
    """The library or a part of it, or an error that names the extra."""
    try:
        return import_module(f"pyarrow{part}")
    except ImportError as error:
        raise MissingExtraError("pyarrow must be installed, was not: pip install 'crossmargin[arrow]'") from error


def from_arrow(
    instruments: Instruments,
    accounts: Any,
    *,
    positions: Any = None,
    balances: Any = None,
    orders: Any = None,
    pockets: Any = None,
) -> Book:
    """Build a book of Arrow tables, or of whatever hands one out by ``__arrow_c_stream__``.

    ``accounts`` may be ``Account`` objects as well. Ids are matched with those of ``instruments``, so that tables
    written beside others are renumbered, or refused with the first id that is not among them. Arrow
    says that its memory does not change, and what is adopted is trusted in that: a table made over an array that is
    written to afterwards changes the book. A row that then names nothing is refused when a plan reads it.
    """
    holders = accounts if isinstance(accounts, Sequence) else accounts_of(read_table("accounts", accounts))
    held = Accounts.from_rows(holders)
    names: Names = {
        "account": lambda: {str(name): row for row, name in enumerate(held.ids)},
        "instrument": lambda: instruments.index,
        "asset": lambda: instruments.asset_index,
    }
    return Book.of(
        instruments,
        held,
        positions=columns_of("positions", positions, names),
        balances=columns_of("balances", balances, names),
        orders=columns_of("orders", orders, names),
        pockets=columns_of("pockets", pockets, names),
    )


def to_arrow(book: Book) -> dict[str, Any]:
    """Tables by name, as ``from_arrow(instruments, **tables)`` takes them; no column of the book is copied.

    ``pockets`` names those that hold something.
    """
    made = {"accounts": table_of_accounts(book.accounts)}
    for name, fields in FIELDS.items():
        made[name] = pyarrow().table({field: written(book, field, getattr(book, name)[field]) for field in fields})
    cross = pockets_on_cross(book)
    uses = np.zeros(len(cross.key), dtype=np.int64)
    return made | {"pockets": pyarrow().table({"account": cross.account, "pocket": cross.pocket, "uses": uses})}


def write_parquet(book: Book, folder: str | Path) -> None:
    """One file a table, ``accounts.parquet`` and so on; files of these names are replaced."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    for name, table in to_arrow(book).items():
        pyarrow(".parquet").write_table(table, place / f"{name}.parquet")


def read_parquet(instruments: Instruments, folder: str | Path) -> Book:
    """A book of the files of ``write_parquet``; all must be there, since an absent table would be a lighter book."""
    files = {name: Path(folder) / f"{name}.parquet" for name in TABLES}
    for path in files.values():
        if not path.is_file():
            raise check.refuse("folder", f"hold {path.name}", str(folder))
    return from_arrow(instruments, **{name: pyarrow(".parquet").ParquetFile(p).read() for name, p in files.items()})


def read_table(name: str, given: Any) -> Any:
    """An Arrow table of what was given, on the same memory."""
    if isinstance(given, pyarrow().Table):
        return given
    if not hasattr(given, "__arrow_c_stream__"):
        raise check.refuse(name, "be an Arrow table or stream", type(given).__name__)
    return pyarrow().table(given)


def columns_of(name: str, given: Any, names: Names) -> dict[str, Any] | None:
    """Columns as ``Book.of`` takes them."""
    if given is None:
        return None
    table = read_table(name, given)
    check.unique(f"{name} column", table.column_names)
    return {
        field: numbers(f"{name}.{field}", one_chunk(f"{name}.{field}", column), names.get(field), field)
        for field, column in zip(table.column_names, table.columns, strict=True)
    }


def one_chunk(name: str, column: Any) -> Any:
    """The column as one array, itself where it is one; nulls are refused."""
    if column.null_count:
        row = check.first(column.is_null().to_numpy())
        raise check.refuse(name, "be given in every row", None, f"at row {row}")
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def numbers(name: str, column: Any, rows: Callable[[], Mapping[str, int]] | None, of: str) -> Any:
    """Integers of a column, or the rows of the ids that stand in it."""
    types = pyarrow().types
    text = types.is_string(column.type) or types.is_large_string(column.type) or types.is_string_view(column.type)
    if rows is None or not (text or types.is_dictionary(column.type)):
        return column.to_numpy(zero_copy_only=False)
    coded = column.cast(pyarrow().string()).dictionary_encode() if text else column
    codes = check.integers(name, coded.indices.to_numpy(zero_copy_only=False), copy=False)
    return matched(name, codes, coded.dictionary.to_pylist(), rows(), of)


def matched(name: str, codes: Integers, ids: list[str], rows: Mapping[str, int], of: str) -> Integers:
    """The row of each coded id; the codes themselves where they are the rows."""
    tables.within(name, codes, len(ids), "names")
    places = np.array([rows.get(one, -1) for one in ids], dtype=np.int64)
    for part in check.stretches(len(codes)) if (places < 0).any() else ():
        unknown = places[codes[part]] < 0
        if unknown.any():
            row = part.start + check.first(unknown)
            check.known(name, ids[codes[row]], rows, of, f"at row {row}")
    return codes if (places == np.arange(len(ids))).all() else places[codes]


def accounts_of(table: Any) -> Accounts:
    """Accounts of a table of text; absent columns have their default."""
    check.unique("accounts column", table.column_names)
    fields = dict(zip(table.column_names, table.columns, strict=True))
    for field in fields.keys() - {"id", *DEFAULTS}:
        raise check.refuse("accounts columns", f"be among id, {', '.join(DEFAULTS)}", field)
    for field in ("id", "currency"):
        if field not in fields:
            raise check.refuse(f"accounts.{field}", "be given", None)
    texts = {field: as_text(f"accounts.{field}", column) for field, column in fields.items()}
    return Accounts.of(texts.pop("id").to_pylist(), **{field: labels(column) for field, column in texts.items()})


def as_text(name: str, column: Any) -> Any:
    """A column of text, whatever its encoding."""
    types, kind = pyarrow().types, column.type
    kind = kind.value_type if types.is_dictionary(kind) else kind
    if not (types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)):
        raise check.refuse(name, "hold text", str(kind))
    return one_chunk(name, column).cast(pyarrow().string())


def labels(column: Any) -> Labels:
    """The distinct texts of a column, in the order in which they come."""
    coded = column.dictionary_encode()
    return Labels.coded(tuple(coded.dictionary.to_pylist()), coded.indices.to_numpy().astype(np.int64))


def table_of_accounts(accounts: Accounts) -> Any:
    made = {"id": pyarrow().array(accounts.ids, pyarrow().string())}
    for field in DEFAULTS:
        column = accounts.column(field)
        codes = np.zeros(len(accounts), dtype=np.int32) if column.codes is None else column.codes.astype(np.int32)
        made[field] = dictionary(codes, column.values)
    return pyarrow().table(made)


def written(book: Book, field: str, column: Integers) -> Any:
    """A column as it stands; instruments and assets with the ids that their rows mean."""
    if field == "instrument":
        return dictionary(column, book.instruments.column("id"))
    if field == "asset":
        return dictionary(column, [asset.id for asset in book.instruments.assets])
    return pyarrow().array(column)


def dictionary(codes: Any, values: Sequence[str]) -> Any:
    array = pyarrow().array
    return pyarrow().DictionaryArray.from_arrays(array(codes), array(values, pyarrow().string()))


def pockets_on_cross(book: Book) -> Pairs:
    """Pockets of which a row uses the balances of pocket 0."""
    rows = [getattr(book, name) for name in FIELDS]
    moved = [(table, table["pocket"] != table["balance_pocket"]) for table in rows]
    return Pairs.of([(table["account"][at], table["pocket"][at]) for table, at in moved])
