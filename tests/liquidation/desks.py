"""Perpetuals on three underlyings under three methods, for cascades: small, and quick to value."""

from crossmargin import Asset, Instrument, Instruments, Market, Observation
from crossmargin.instruments import Kind
from crossmargin.margin.collateral import Haircut
from crossmargin.margin.scenario_margin import IsolatedMargin, ScenarioMargin
from crossmargin.margin.scenarios import Grid
from crossmargin.margin.tiered import TieredMargin, Tiers

PRICES = {"BTC": 60_000.0, "ETH": 3_000.0, "SOL": 150.0}
KINDS = ("PERP", "SWAP")  # two contracts an underlying, so that there is something to net
AS_OF = 1_700_000_000 * 10**9


def instruments():
    listed = [
        Instrument(id=f"{name}-{kind}", kind=Kind.PERPETUAL, underlying=name, settlement="USDC", lot=lot, tick="0.01")
        for name, lot in zip(PRICES, ("0.001", "0.01", "0.1"), strict=True) for kind in KINDS
    ]  # fmt: skip
    return Instruments.of(listed, [Asset(id="USDC", decimals=6)])


def market():
    seen = [Observation(subject="USDC", field="index", value=1.0)]
    for name, price in PRICES.items():
        seen.append(Observation(subject=name, field="index", value=price))
        seen += [Observation(subject=f"{name}-{kind}", field="mark", value=price) for kind in KINDS]
    return Market.of(seen, as_of=AS_OF, quote="USDC")


GRID = Grid(moves=(-0.15, -0.1, -0.05, 0.05, 0.1, 0.15))
CASH = (Haircut(asset="USDC"),)
TIERS = Tiers(edges=(0.0, 1_000_000.0), initial=(0.15, 0.3), maintenance=(0.1, 0.2))
METHODS = {
    "isolated": IsolatedMargin(name="isolated", scenarios=GRID, collateral=CASH, factor=(1.0, 0.667)),
    "tiered": TieredMargin(name="tiered", collateral=CASH, schedules=dict.fromkeys(PRICES, TIERS), net_by="underlying"),
    "portfolio": ScenarioMargin(name="portfolio", scenarios=GRID, collateral=CASH, factor=(1.0, 0.667),
                                between_groups="joint"),
}  # fmt: skip


def prepared(name="portfolio"):
    return METHODS[name].prepare(instruments(), market())
