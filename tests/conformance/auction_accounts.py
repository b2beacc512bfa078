"""Accounts of the auction runs of derive_auction.json under the real PMRM v1 plan: sold share by share, revalued.

An amount of the ledger has at most 9 decimals, coarser than the rows are compared. So an account is held ``TIMES``
over (requirement and value are proportional to what is held), and its figures are divided by that power of two.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

from conformance.derive_accounts import AS_OF, CASH, UNDERLYING, amount
from conformance.derive_first_accounts import BASE, method_of
from conformance.rows import load
from crossmargin import Account as Owner
from crossmargin import Asset, Instrument, Instruments, Market, Observation, Portfolio
from crossmargin._core.events import Kind as Event
from crossmargin._core.status import Status
from crossmargin.account import Capacity, RiskEngine
from crossmargin.instruments import Kind, Right, expiry_key
from crossmargin.liquidation.auction import AuctionTerms, Figures
from crossmargin.liquidation.sale import account_figures, pay_start_fee, sell_share
from crossmargin.margin import Prepared

SECOND = 10**9
TIMES = 2**15
LOT = Fraction(1, 2**36)  # of TIMES contracts: 2**-51 of the row's
FILE = load("derive_pmrm1")
TERMS = {
    "starting_mtm_pct": "start", "fast_cutoff_pct": "cutoff", "liquidation_fee_rate": "fee_rate",
    "buffer_margin_pct": "buffer", "fast_length_s": "fast_duration", "slow_length_s": "slow_duration",
    "insolvent_length_s": "insolvent_duration",
}  # fmt: skip


def terms_of(params):
    """Terms of a row; the absolute cutoff is in none."""
    found = {TERMS[name]: value * SECOND if name.endswith("_s") else value for name, value in params.items()}
    return AuctionTerms(name="row", **found)


def moment(seconds):
    return AS_OF + seconds * SECOND


def option_of(option):
    side = Right.CALL if option["is_call"] else Right.PUT
    return Instrument(
        id=f"{option['expiry_ts']}-{option['strike']}-{side}", kind=Kind.OPTION, underlying=UNDERLYING, settlement=CASH,
        lot=LOT, strike=option["strike"], right=side, expiry=moment(option["expiry_ts"]),
    )  # fmt: skip


def market_at(row, market, seconds):
    """Feeds of one moment, at full confidence; the forward is wholly variable, the stablecoin at its peg."""
    see = [Observation(subject=UNDERLYING, field="index", value=market["spot"])]
    see.append(Observation(subject=CASH, field="peg", value=row["market"]["stable"]))
    for expiry in market["expiries"]:
        key = expiry_key(UNDERLYING, moment(expiry["expiry_ts"]))
        figures = {"forward": expiry["forward"], "forward_fixed": 0.0, "rate": expiry["rate"]}
        see += [Observation(subject=key, field=name, value=value) for name, value in figures.items()]
    for option, volatility in zip(row["portfolio"]["options"], market["vols"], strict=True):
        see.append(Observation(subject=option_of(option).id, field="volatility", value=volatility))
    return Market.of(see, as_of=moment(seconds), quote=CASH)


@dataclass(frozen=True)
class Account:
    """A portfolio of the ledger and the method prepared at one market; ``sold`` is what is gone of the original."""

    row: dict
    portfolio: Portfolio
    prepared: Prepared
    sold: float = 0.0

    @classmethod
    def of(cls, row):
        p = row["portfolio"]
        options = [option_of(option) for option in p["options"]]
        instruments = Instruments.of(
            options, [Asset(id=CASH, decimals=9), Asset(id=BASE, decimals=9, underlying=UNDERLYING)]
        )
        held = {o.id: round(Fraction(x["amount"]) * TIMES / LOT) for o, x in zip(options, p["options"], strict=True)}
        cash = amount(Fraction(p["cash"]) * TIMES)
        owner = Owner(id="row", currency=CASH)
        portfolio = Portfolio.of(instruments, account=owner, positions=held, balances={CASH: cash})
        named = row | {"params": {"param_set": "default"}}  # as the row's `margin_engine` says
        prepared = method_of(FILE, named).prepare(instruments, market_at(row, row["market"], 0))
        return cls(row, portfolio, prepared)

    def at(self, market, seconds):
        return replace(self, prepared=self.prepared.remark(market_at(self.row, market, seconds)))

    @property
    def cash(self):
        return float(self.portfolio.amounts[CASH] / TIMES)

    @property
    def figures(self):
        """Mark to market and maintenance surplus of the plan, over all scenarios."""
        return self.asked("none")  # not through the gate: its quantum is coarser than the rows are compared

    def asked(self, orders):
        found = self.prepared.requirement(self.portfolio, orders=orders)
        scaled = {"value": found.equity_maintenance / TIMES, "surplus_maintenance": found.surplus_maintenance / TIMES}
        return Figures(cash=self.cash, **scaled)

    def paying(self, fee):
        return self.holding(self.cash - fee, 1)

    def after(self, bid):
        """The same share of every position gone, the cash as the bid leaves it."""
        kept = 1 - Fraction(bid.share)
        return replace(self.holding(bid.cash, kept), sold=self.sold + (1 - self.sold) * bid.share)

    def holding(self, cash, kept):
        lots = {name: round(held.lots * kept) for name, held in self.portfolio.positions.items()}
        balances = {CASH: amount(Fraction(cash) * TIMES)}
        return replace(self, portfolio=self.portfolio.holding(positions=lots, balances=balances))


QUANTUM = 2.0**-30  # of TIMES the account: 2**-45 of the row's


class LiveAccount:
    """The same account in an engine, beside a fund, who owes what the fund cannot pay, and bidders with their cash.

    Money of the ledger is ``TIMES`` that of the row; figures and bids are the row's.
    """

    ACCOUNT, FUND, SHORTFALL, BIDDERS = 0, 1, 2, 3  # handles
    WEALTH = "100000000"

    def __init__(self, row, *, bidders, quantum=QUANTUM, fund=WEALTH):
        made = Account.of(row)
        room = Capacity(accounts=self.BIDDERS + bidders, slots=4, orders=1, journal=0)
        self.row, self.sold = row, 0.0
        self.engine = RiskEngine(made.prepared, quantum=quantum, orders="none", capacity=room)
        for name in ("row", "fund", "shortfall", *(f"bidder {n}" for n in range(bidders))):
            self.engine.open(name, CASH)
        self.holds(made.portfolio)
        for account in range(self.BIDDERS, self.BIDDERS + bidders):
            self.done(self.engine.deposit(account, CASH, self.WEALTH))
        self.done(self.engine.deposit(self.FUND, CASH, fund))

    def holds(self, portfolio):
        """Bring what the row's account holds from elsewhere."""
        rows = self.engine.instruments
        for name, atoms in portfolio.balances.items():
            self.done(self.engine.event(Event.ADJUST, 0, self.ACCOUNT, rows.asset_index[name], atoms))
        for name, held in portfolio.positions.items():
            self.done(self.engine.event(Event.BRING, 0, self.ACCOUNT, rows.index[name], held.lots, held.open_cost))

    @staticmethod
    def done(status):
        assert status == Status.OK, Status(status).name

    def at(self, market, seconds):
        self.done(self.engine.mark(market_at(self.row, market, seconds).seen.values(), time=moment(seconds)))

    @property
    def figures(self):
        return self.figures_of(self.ACCOUNT)

    def figures_of(self, account):
        """The engine's figures of an account, as the row states them."""
        found = account_figures(self.engine, account)
        names = ("value", "surplus_maintenance", "cash")
        return Figures(**{name: getattr(found, name) / TIMES for name in names})

    def pays_fee(self, auction):
        return pay_start_fee(self.engine, self.ACCOUNT, replace(auction, fee=auction.fee * TIMES), fund=self.FUND)

    def sells(self, bid, number):
        """A bid of the row's money by the bidder of a number; what it moved."""
        money = ("price", "payment", "transferred_cash", "reserved", "cash", "fund_pays", "unpaid")
        scaled = replace(bid, **{name: getattr(bid, name) * TIMES for name in money})
        self.sold += (1 - self.sold) * bid.share
        parties = {"fund": self.FUND, "shortfall": self.SHORTFALL}
        return sell_share(self.engine, self.ACCOUNT, self.BIDDERS + number, scaled, **parties)
