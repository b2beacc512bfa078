"""(e) Every method of the gate's tests, both order policies: how often a check runs the plan anew, what it costs."""

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np

from crossmargin import Account, Book
from crossmargin._core.events import Kind
from crossmargin.account import Capacity, RiskEngine
from crossmargin.account.engine import held_by
from crossmargin.errors import CrossmarginError
from crossmargin.instruments import Payoff
from crossmargin.margin import Prepared
from latency_host import FAR, Host, agree
from latency_report import Row
from latency_sizes import Sizes

COPIES = 256
DEAR = 4.0  # a check that costs more of the batch's account than that is flagged


def desks() -> dict[str, Prepared]:
    """The methods that the gate's tests use; modules here have names of folders there."""
    here, path = Path(__file__).resolve().parent, sys.path[:]
    sys.path[:] = [str(here.parent / "tests"), *(p for p in path if Path(p).resolve() != here)]
    try:
        from account import gate_desks

        return {name: gate_desks.prepared(name) for name in gate_desks.DESKS}
    finally:
        sys.path[:] = path


def methods(host: Host, sizes: Sizes, empty) -> tuple[list[Row], int]:
    rows, agreed = [], 0
    for name, prepared in desks().items():
        for policy in ("worst_fill", "venue"):
            row, compared = method(host, sizes, name, prepared, policy)
            rows.append(row)
            agreed += compared
    return rows, agreed


def price_of(prepared: Prepared, item: int) -> int:
    """Ticks of about the instrument's price."""
    row, market = prepared.instruments.rows[item], prepared.market
    price = market.get("mark", row.id, market.get("index", row.underlying, 1.0))
    if row.strike is not None:
        price = 0.05 if row.payoff is Payoff.INVERSE else 0.05 * market.get("index", row.underlying, price)
    return max(round(Fraction(price) / row.tick), 1)


def lots_of(prepared: Prepared, item: int, dollars: float) -> int:
    row = prepared.instruments.rows[item]
    inverse = row.payoff is Payoff.INVERSE and row.strike is None
    index = 1.0 if inverse else prepared.market.get("index", row.underlying, 1.0)
    return max(round(dollars / (float(row.contract_size * row.lot) * index)), 1)


def filled(prepared: Prepared, policy: str, rng: np.random.Generator) -> tuple[RiskEngine, list[int]]:
    """An engine with one account: cash of every asset, a position and two orders in what the method can hold."""
    capacity = Capacity(accounts=1, slots=24, orders=128, journal=0, notional=1e8)
    engine = RiskEngine(prepared, orders=policy, capacity=capacity)
    assets = prepared.instruments.assets
    quote = prepared.market.quote
    engine.open("a", quote if quote in prepared.instruments.asset_index else assets[0].id)
    for number, asset in enumerate(assets):
        try:
            price = prepared.market.price(asset.id, asset.underlying) or 1.0
        except CrossmarginError:
            continue
        engine.event(Kind.DEPOSIT, 0, 0, number, round(1e6 / price * 10**asset.decimals))
    items = np.flatnonzero(held_by(prepared, policy)["position"])[:20].tolist()
    taken = []
    for item in items:
        lots, ticks = lots_of(prepared, item, 5_000.0), price_of(prepared, item)
        sign = int(rng.choice((-1, 1)))
        engine.event(Kind.BAND, 0, 0, item, -(2**40), 2**60)
        engine.event(Kind.TRADE, 0, *((0, 0, -1, 0) if sign > 0 else (-1, 0, 0, 0)), item, lots, ticks)
        for side in (1, -1):
            order = 2 * item + (3 + side) // 2
            if engine.event(Kind.REST, 0, 0, order, item, side * lots, max(ticks - side * (ticks // 50), 1)) == 0:
                taken.append(item)
    return engine, sorted(set(taken))


def method(host: Host, sizes: Sizes, name: str, prepared: Prepared, policy: str) -> tuple[Row, int]:
    rng = np.random.default_rng(8)
    engine, items = filled(prepared, policy, rng)
    chosen = rng.choice(items, 512)
    lots = np.array([lots_of(prepared, item, 2_000.0) for item in chosen.tolist()]) * rng.choice((-1, 1), 512)
    ticks = np.array([price_of(prepared, item) for item in chosen.tolist()])
    asked = (np.zeros(512, dtype=np.int64), chosen.astype(np.int64), lots.astype(np.int64), ticks.astype(np.int64))
    agreed = agree(engine, asked)
    n, before = sizes.method_calls, np.array(engine.counts())
    spread = host.checks(engine, n, asked, FAR)
    checks, anew, _ = np.array(engine.counts()) - before
    each = host.stream(engine, n, asked)
    statuses = np.zeros(len(chosen), dtype=np.int32)
    engine.check_many(*asked, statuses)
    share, (batch, why) = anew / max(checks, 1), batch_cost(host, prepared, engine, policy)
    work = (f"{name}, {policy}, {len(engine.positions())} positions; {100 * np.mean(statuses == 0):.0f} % accepted, "
            f"{100 * share:.0f} % ran the plan anew")
    flagged = batch is not None and each > DEAR * batch
    orders = "" if policy == "venue" else " without its orders"
    beside = why or f"batch, an account{orders}{f'; above {DEAR:g}' if flagged else ''}"
    return Row("e", work, spread, each, beside, batch, each / batch if batch else None), agreed


def batch_cost(host: Host, prepared: Prepared, engine: RiskEngine, policy: str) -> tuple[float | None, str]:
    """ns an account of the batch over copies of the account, with the orders that the policy charges; else why not."""
    try:
        book = copies(engine.book(orders=policy == "venue"), COPIES)
        run = lambda: prepared.values(book, ("equity", "requirement"))  # noqa: E731
        run()
    except CrossmarginError as error:
        return None, f"batch refuses it: {str(error).partition(';')[0][:60]}"
    return host.least(run, 5) / COPIES, ""


def copies(book: Book, n: int) -> Book:
    """The same account n times."""
    columns = {}
    for name in ("positions", "balances", "orders"):
        table = getattr(book, name)
        kept = KEPT[name]
        rows = {key: np.tile(table.columns[key], n) for key in kept}
        length = len(table.columns["account"])
        columns[name] = rows | {"account": np.repeat(np.arange(n), length)}
    currency = book.accounts[0].currency
    return Book.of(book.instruments, [Account(id=f"{k:04d}", currency=currency) for k in range(n)], **columns)


KEPT = {
    "positions": ("instrument", "lots", "open_cost"), "balances": ("asset", "atoms"),
    "orders": ("id", "instrument", "side", "lots", "ticks"),
}  # fmt: skip
