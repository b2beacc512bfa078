"""The gate's face: integer handles in the order path, names and decimal strings everywhere else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from hashlib import sha256
from math import ceil, floor

import msgspec
import numpy as np
from numpy.typing import NDArray

from crossmargin import _checks as check
from crossmargin._checks import Integers
from crossmargin._core.events import Kind
from crossmargin._core.gate import Gate
from crossmargin._core.ledger import Trading
from crossmargin._core.status import Status
from crossmargin._core.tables import Tables
from crossmargin.account.decision import FIGURES, Decision, decide
from crossmargin.account.tables import ALL_BITS, MOST, Capacity, Source, bits_of, moved_bits
from crossmargin.errors import raise_for_status
from crossmargin.instruments import Instrument, Instruments, exact
from crossmargin.instruments import Kind as InstrumentKind
from crossmargin.margin import Method, Prepared
from crossmargin.market import Market, Observation
from crossmargin.portfolio import Account, Book, Portfolio
from crossmargin.portfolio.portfolio import ticks_of

POLICIES = ("worst_fill", "venue", "none")
NO_BAND = 2**62
RATE = 2**32


class RiskEngine(Gate):
    """A margin engine for one venue: accounts, orders and money behind one method, changed event by event.

    ``orders``: "worst_fill" (an order may fill wholly, partly or not, whichever is worst), "venue" (the method's own
    charge of resting orders) or "none". ``quantum``: one power of two for all sums of money, quote currency; without it
    one is chosen for each sum from ``capacity``. ``fee``: the rate of a fill's cost that resting orders reserve.
    ``reducing``: an order that the account cannot carry is taken if it lowers the requirement and not the surplus
    ("surplus"), or if equity / maintenance does not fall ("ratio"). ``strict``: an account or instrument in REDUCING
    takes reduce-only orders alone, otherwise whatever reduces.

    ``recomputed`` says what a check computes anew, and over how many nodes.

    ``check place amend cancel trigger trade sweep health read`` take handles and return a ``Status``, 0 done or
    accepted; lots > 0 buys; prices are ticks. What answers otherwise has changed nothing.
    """

    def __init__(
        self,
        prepared: Prepared,
        *,
        orders: str = "worst_fill",
        capacity: Capacity | None = None,
        quantum: float | None = None,
        fee: str | Fraction = "0",
        reducing: str = "surplus",
        strict: bool = False,
    ) -> None:
        check.one_of("orders", orders, POLICIES)
        check.one_of("reducing", reducing, ("surplus", "ratio"))
        self.prepared, self.orders_policy, self.fee = prepared, orders, exact("fee", fee)
        self.opened = capacity or Capacity()
        self.source = Source(self.opened, orders, quantum)
        self.accounts: dict[str, int] = {}
        self.account_names: list[str] = []
        self.texts: dict[bytes, bytes] = {}  # what events name by digest
        self.options = {
            "orders": orders, "quantum": quantum, "fee": str(self.fee), "reducing": reducing, "strict": strict,
        }  # fmt: skip
        of_rows, of_assets = bits_of(prepared.instruments)
        self.bits = {"instrument": of_rows, "asset": of_assets}
        holdable, tables = held_by(prepared, orders), self.source.of(prepared)
        self.recomputed = self.said(tables)
        super().__init__(
            tables, contracts(prepared.instruments, of_rows, holdable, self.fee),
            np.where(holdable["balance"], of_assets, -1),
            accounts=self.opened.accounts, slots=self.opened.slots, orders=self.opened.orders,
            journal=self.opened.journal, policy=POLICIES.index(orders), by_ratio=reducing == "ratio", strict=strict,
        )  # fmt: skip

    def said(self, tables: Tables) -> str:
        """What a check computes anew, with its cost: nothing, intervals of some parts, or the plan over all rows."""
        nodes = sum(not node.free for node in self.prepared.program.nodes) - len(self.prepared.layout.zeros)
        if self.orders_policy != "worst_fill":
            return f"the plan: {nodes} nodes over the account's rows"
        if not tables.n_opaque:
            return "nothing"
        return f"intervals of {tables.n_opaque} parts: {nodes} nodes over the account's rows"

    @property
    def capacity(self) -> Capacity:
        """What there is room for now; ``opened`` is what it began with."""
        accounts, orders = self.room()
        return replace(self.opened, accounts=accounts, orders=orders)

    def reserve(self, accounts: int | None = None, orders: int | None = None, time: int = 0) -> int:
        """Room for at least so many accounts and orders from now on, as an event; never less than there is.

        It allocates and lays every table anew: call it between orders. Positions, balances, orders, figures and handles
        stay to the bit. Slots and journal are for good: ranges and quanta, or another thread, depend on them.
        """
        for name, given in (("accounts", accounts), ("orders", orders)):
            if given is not None:
                check.integer(name, given, low=1, high=MOST)
        return super().reserve(accounts or 0, orders or 0, time)

    @property
    def instruments(self) -> Instruments:
        return self.prepared.instruments

    @property
    def market(self) -> Market:
        return self.prepared.market

    # ---- names -----------------------------------------------------------------------------

    def open(self, name: str, currency: str | None = None, *, time: int = 0) -> int:
        """Open an account stated in ``currency`` (the market's quote if not given); its handle."""
        check.text("account", name)
        if name in self.accounts:
            raise check.refuse("account", "not be open yet", name)
        wanted = self.market.quote if currency is None else currency
        asset = check.known("currency", wanted, self.instruments.asset_index, "asset")
        handle = len(self.account_names)
        raise_for_status(self.event(Kind.ENROL, time, handle, asset, *self.digest(name.encode())), f"account {name!r}")
        self.accounts[name] = handle
        self.account_names.append(name)
        return handle

    def account(self, name: str) -> int:
        """Handle of an account."""
        return int(check.known("account", name, self.accounts, "open account"))

    def instrument(self, name: str) -> int:
        """Handle of an instrument."""
        return int(check.known("instrument", name, self.instruments.index, "instrument"))

    def digest(self, text: bytes) -> tuple[int, int, int, int]:
        """SHA-256 of what does not fit an event, as four words; the text is kept for the journal."""
        found = sha256(text).digest()
        self.texts.setdefault(found, text)
        a, b, c, d = np.frombuffer(found, dtype="<i8").tolist()
        return a, b, c, d

    def lots(self, instrument: str, quantity: str | Fraction) -> int:
        """Signed lots of a quantity of contracts; refused if it is no whole number of lots."""
        row = self.instruments.instrument(instrument)
        found = exact("quantity", quantity) / row.lot
        if found.denominator != 1:
            raise check.refuse("quantity", f"be a multiple of the lot {row.lot}", quantity, f"of {instrument}")
        return int(found)

    def ticks(self, instrument: str, price: str | Fraction) -> int:
        return ticks_of(self.instruments.instrument(instrument), exact("price", price))

    # ---- money -----------------------------------------------------------------------------

    def deposit(self, account: int, asset: str, amount: str, *, time: int = 0) -> int:
        return self.event(Kind.DEPOSIT, time, account, *self.atoms(asset, amount))

    def withdraw(self, account: int, asset: str, amount: str, *, time: int = 0) -> int:
        """Accepted if surplus_initial is 0 or more afterwards, at the engine's order policy."""
        return self.event(Kind.WITHDRAW, time, account, *self.atoms(asset, amount))

    def transfer(self, account: int, asset: str, amount: str, to: int, *, time: int = 0) -> int:
        """A withdrawal that another account receives."""
        return self.event(Kind.TRANSFER, time, account, *self.atoms(asset, amount), to)

    def atoms(self, asset: str, amount: str) -> tuple[int, int]:
        row = check.known("asset", asset, self.instruments.asset_index, "asset")
        return int(row), self.instruments.assets[row].atoms(amount, "amount", f"of {asset}")

    # ---- lifecycle -------------------------------------------------------------------------

    def fund(self, instrument: str, payment: str | Fraction, *, time: int = 0) -> int:
        """Longs owe shorts ``payment`` of the settlement asset a contract (negative: shorts owe longs)."""
        row = self.instrument(instrument)
        terms = self.instruments.rows[row]
        atoms = exact("payment", payment) * terms.lot * 10 ** self.instruments.asset(terms.settlement).decimals
        index = self.contracts()[row][0] + round(atoms * RATE)
        return self.event(Kind.FUND, time, 0, row, index)

    def expire(self, instrument: str, price: str | Fraction, *, time: int = 0) -> int:
        """Settle every position at a price, cancel the orders; an option settles at its payoff."""
        return self.event(Kind.EXPIRE, time, 0, self.instrument(instrument), self.ticks(instrument, price))

    def interest(self, asset: str, debt: str | Fraction, credit: str | Fraction = "0", *, time: int = 0) -> int:
        """Charge debts and pay credits a fraction of themselves, in [0, 1]."""
        row = check.known("asset", asset, self.instruments.asset_index, "asset")
        rates = (ceil(exact("debt", debt) * RATE), floor(exact("credit", credit) * RATE))
        return self.event(Kind.INTEREST, time, 0, int(row), *rates)

    def trading(self, instrument: str, state: Trading, *, time: int = 0) -> int:
        """What an instrument takes from now on: all orders, cancels alone, what reduces, or nothing."""
        return self.event(Kind.LIST, time, 0, self.instrument(instrument), int(state))

    def mode(self, account: int, state: Trading, *, time: int = 0) -> int:
        """The same of an account; REDUCING is an account in liquidation."""
        return self.event(Kind.MODE, time, account, int(state))

    def band(self, instrument: str, low: str | Fraction, high: str | Fraction, *, time: int = 0) -> int:
        """The venue's price band, inside which an order of an account in trouble must lie."""
        ends = (self.ticks(instrument, low), self.ticks(instrument, high))
        return self.event(Kind.BAND, time, 0, self.instrument(instrument), *ends)

    # ---- marks -----------------------------------------------------------------------------

    def mark(self, observations: Iterable[Observation], *, time: int = 0) -> int:
        """Take new figures, all as of ``time``; accounts that they move are stale until a touch or the sweep."""
        when, given = time or self.time or self.market.as_of, tuple(observations)
        fresh = self.remarked(given, when)
        tables = self.source.of(fresh)
        for observation in given:
            status = self.observe(observation, when)
            if status != Status.OK:
                return status
        return self.take(Kind.MARK, when, fresh, tables, (0, 0, 0, 0), len(given))

    def remarked(self, observations: Iterable[Observation], when: int) -> Prepared:
        """The method over the market with some figures replaced."""
        seen = {**self.market.seen, **{(o.subject, o.field): o for o in observations}}
        return self.prepared.remark(Market(max(when, self.market.as_of), self.market.quote, seen))

    def retake(self, observations: Iterable[Observation], when: int) -> int:
        """A MARK of observations that were applied already, as a replay does."""
        given = tuple(observations)
        fresh = self.remarked(given, when)
        return self.take(Kind.MARK, when, fresh, self.source.of(fresh), (0, 0, 0, 0), len(given))

    def observe(self, o: Observation, time: int) -> int:
        """Note one figure in the journal: its bits, its confidence's bits, when it was published, and of what it is."""
        value, confidence = np.array([o.value, o.confidence]).view(np.int64).tolist()
        words = self.digest(b"\0".join((o.subject.encode(), o.field.encode(), o.source.encode())))
        return self.event(Kind.OBSERVE, time, 0, value, *words, confidence, o.published)

    def parameters(self, method: Method, *, time: int = 0) -> int:
        """Take a new parameter set of the same plan; it may leave accounts below their margin."""
        fresh = method.prepare(self.instruments, self.market)
        if fresh.program.hash != self.prepared.program.hash:
            raise check.refuse("method", "build the plan that the engine runs", method.parameters_name)
        digest = self.digest(msgspec.json.encode(method))
        return self.take(Kind.PARAMETERS, time, fresh, self.source.of(fresh), digest, everything=True)

    def take(
        self,
        kind: Kind,
        time: int,
        fresh: Prepared,
        tables: Tables,
        digest: tuple[int, int, int, int],
        count: int = 0,
        *,
        everything: bool = False,
    ) -> int:
        """Swap the tables: of the last ``count`` observations, or of a parameter set named by its digest."""
        bits = ALL_BITS if everything else moved_bits(self.prepared.bound, fresh.bound, self.bits)
        status = self.load(kind, time, tables, bits, np.array([*digest, count], dtype=np.int64))
        if status == Status.OK:
            self.prepared, self.recomputed = fresh, self.said(tables)
        return status

    # ---- questions -------------------------------------------------------------------------

    def evaluate(self, account: str, instrument: str, quantity: str, price: str) -> Decision:
        """What ``check`` answers and why, by names and decimal strings; changes nothing."""
        handle, row = self.account(account), self.instrument(instrument)
        return decide(self, handle, row, self.lots(instrument, quantity), self.ticks(instrument, price))

    def checks(self, account: Integers, instrument: Integers, lots: Integers, ticks: Integers) -> NDArray[np.int32]:
        """``check`` of each of n orders alone: n statuses."""
        given = (("account", account), ("instrument", instrument), ("lots", lots), ("ticks", ticks))
        a, i, q, t = (check.integers(name, values) for name, values in given)
        out = np.zeros(len(a), dtype=np.int32)
        raise_for_status(self.check_many(a, i, q, t, out), "checks")
        return out

    def figures(self, account: int) -> dict[str, float]:
        """Surplus, requirement and equity of an account at the last marks, quote currency."""
        found = np.zeros(len(FIGURES))
        raise_for_status(self.health(account, found), "figures")
        return dict(zip(FIGURES, found.tolist(), strict=True))

    def book(self, *, orders: bool = True) -> Book:
        """Everything that is held and ordered, funding that is due paid in, as a book over the engine's instruments."""
        rows = [(a, i, lots, cost) for a, i, lots, cost, _ in self.positions()]
        every = self.orders() if orders else []
        resting = [(a, n, i, 1 if lots > 0 else -1, abs(may), ticks) for a, n, i, lots, may, ticks, *_ in every if may]
        modes = self.modes()
        assets = self.instruments.assets
        owners = [Account(id=f"{n:09}", currency=assets[modes[n][1]].id) for n in range(len(self.account_names))]
        return Book.of(
            self.instruments, owners,
            positions=columns_of(("account", "instrument", "lots", "open_cost"), rows),
            balances=columns_of(("account", "asset", "atoms"), self.effective_balances()),
            orders=columns_of(("account", "id", "instrument", "side", "lots", "ticks"), resting),
        )  # fmt: skip

    def effective_balances(self) -> list[tuple[int, int, int]]:
        """Balances with the funding that is due: ``floor(-lots difference / 2^32)`` a position."""
        found = {(account, asset): atoms for account, asset, atoms in self.balances()}
        terms, settlement = self.contracts(), self.instruments.settlement.tolist()
        for account, item, lots, _, index in self.positions():  # what is held settles in an asset that is known
            key = (account, settlement[item])
            found[key] = found.get(key, 0) + (-lots * (terms[item][0] - index) >> 32)
        return [(*key, atoms) for key, atoms in found.items() if atoms]

    def portfolio(self, account: str) -> Portfolio:
        """One account as a portfolio."""
        book = self.book()
        return Portfolio(book, book.unit(f"{self.account(account):09}"))

    def imbalance(self) -> dict[str, int]:
        """Atoms of each asset that appeared or vanished: 0, always.

        ``sum of balances - sum of open costs + fees + rounding + clearing + interest - deposits + withdrawals``.
        """
        external, *others = (np.array(row, dtype=object) for row in self.totals())
        left = sum(others) - external
        for _, asset, atoms in self.balances():
            left[asset] += atoms
        settlement = self.instruments.settlement.tolist()
        for _, item, _, cost, _ in self.positions():
            left[settlement[item]] -= cost
        return {asset.id: int(atoms) for asset, atoms in zip(self.instruments.assets, left, strict=True)}


def columns_of(names: tuple[str, ...], rows: Sequence[tuple[int, ...]]) -> Mapping[str, list[int]]:
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def held_by(prepared: Prepared, policy: str) -> dict[str, NDArray[np.bool_]]:
    """Which instruments and assets the method can hold; a contract that settles in another asset it cannot.

    A spot pair that is ordered and never held exchanges balances; its orders are charged by the venue's policy alone.
    """
    instruments = prepared.instruments
    refused = prepared.layout.refused(len(instruments), len(instruments.assets))
    asset = ~refused["balance"]
    pairs = refused["position"] & ~refused["order"] & (policy == "venue")
    known = {a.id for a, held in zip(instruments.assets, asset.tolist(), strict=True) if held}
    spot = [row.kind is InstrumentKind.SPOT and row.underlying in known for row in instruments]
    pairs &= np.array(spot, dtype=bool)
    position = ~refused["position"] | pairs
    return {"position": position & asset[instruments.settlement], "balance": asset, "pair": pairs}


def contracts(
    instruments: Instruments, bits: Integers, holdable: dict[str, NDArray[np.bool_]], fee: Fraction
) -> Integers:
    """One row an instrument, the fields of ``_core.ledger.Contract``; settlement -1 is one that cannot be held."""
    rate = ceil(check.number("fee", float(fee), low=0.0, high=1.0) and fee * RATE)
    given = zip(instruments, bits.tolist(), holdable["pair"].tolist(), strict=True)
    rows = [contract(instruments, row, bit, rate, pair=pair) for row, bit, pair in given]
    found = np.array(rows, dtype=np.int64).reshape(-1, 12)
    found[~holdable["position"], 2] = -1
    return found


def base_of(instruments: Instruments, row: Instrument, *, pair: bool) -> tuple[int, int]:
    """The asset that a fill of a spot pair brings and its atoms a lot; -1 where a fill makes a position."""
    if not pair:
        return -1, 0
    asset = instruments.asset_index[row.underlying]
    atoms = row.contract_size * row.lot * 10 ** instruments.assets[asset].decimals
    if atoms.denominator != 1:
        raise check.refuse("lot", f"be a whole number of atoms of {row.underlying}", row.lot, f"of {row.id}")
    return asset, int(atoms)


def contract(instruments: Instruments, row: Instrument, bit: int, fee: int, *, pair: bool) -> tuple[int, ...]:
    asset = instruments.asset_index[row.settlement]
    ratio = row.value_ratio(instruments.assets[asset].decimals)
    if max(ratio.numerator, ratio.denominator) >= 2**62:
        rule = "be a ratio of 62-bit integers in atoms"
        raise check.refuse("contract_size x lot x tick", rule, ratio, f"of {row.id}")
    terms = (ratio.numerator, ratio.denominator, asset, int(row.costs_inversely), bit, 0, int(Trading.OPEN))
    return (*terms, -NO_BAND, NO_BAND, fee, *base_of(instruments, row, pair=pair))
