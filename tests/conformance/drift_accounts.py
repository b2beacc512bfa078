"""Reads rows of drift_v2.json as methods, markets and books; it knows no margin rule.

A row that publishes one weight, ratio or side of orders is an account that isolates it: ``Figures`` is the plan of
the venue file with its inner figures as outputs.
"""

from dataclasses import dataclass, fields
from fractions import Fraction

from crossmargin import Account, Asset, Book, Instrument, Instruments, Market, Observation, Portfolio, Position
from crossmargin.instruments import Kind
from crossmargin.liquidation.venues import drift, drift_bankruptcy, drift_spot
from crossmargin.margin.plan.builder import Builder
from crossmargin.venues.drift import DriftMargin
from crossmargin.venues.drift_parameters import DEBT, PerpMarket, SpotMarket, UserSettings
from crossmargin.venues.drift_rules import in_quote, perpetuals, spot_tokens
from crossmargin.venues.drift_tables import LEVELS

PERP, PAIR, QUOTE, TOKEN = "SOL-PERP", "SOL/USDC", "USDC", "SOL"
TYPES = {"i": "initial", "f": "fill", "m": "maintenance", "initial": "initial", "maintenance": "maintenance"}
MICRO, NANO = 10**6, 10**9
INDEX = 10**10  # of deposits, before anything was earned


class Figures(DriftMargin, frozen=True, kw_only=True, tag="drift_figures"):
    """The venue's plan with the figures of its one perpetual and one token as outputs, in the venue's integers."""

    def program(self):
        m = Builder()
        perps, tokens = perpetuals(m), spot_tokens(m)
        for kind, held in (("perp", perps), ("token", tokens)):
            for field in fields(held):
                m.output(f"{kind} {field.name}", getattr(held, field.name).total())
        m.output("token contribution", tokens.contribution.total())
        m.equity("profit", in_quote(m, perps.counted))
        m.charge("margin", in_quote(m, perps.requirement))
        return m.build()

    def prepare(self, instruments, market):
        """Rates are published as sums over the one key held, so they are not 0 on an empty one."""
        return self.bind(instruments, market)


@dataclass(frozen=True)
class Figure:
    """One published integer: an output of a pocket at a level; ``unit`` of them make one of the output."""

    output: str
    expected: int
    level: str = "initial"
    pocket: int = 0
    unit: int = 1

    def of(self, values):
        rows = list(values[self.output])
        return rows[LEVELS.index(self.level) if len(rows) > 1 else 0] * self.unit


@dataclass(frozen=True)
class Case:
    """A row as a prepared method, a book and the figures to find."""

    method: DriftMargin
    instruments: Instruments
    market: Market
    book: Book
    figures: tuple[Figure, ...]

    @property
    def prepared(self):
        return self.method.prepare(self.instruments, self.market)


def kind_of(row):
    return row["name"].partition(":")[0].partition(" ")[0]


def is_liquidation(row):
    return kind_of(row) in LIQUIDATING


def is_buffered(row):
    """A row that publishes what collateral must be for a liquidation to end."""
    return "total_collateral_plus_buffer" in row["expected"]


def is_account(row):
    """A row of a whole account; the others isolate one figure of the rule."""
    return kind_of(row) == "account"


def case_of(row):
    return READERS[kind_of(row)](row)


# ---- what a row is made of ------------------------------------------------------------------


def instruments_of(*, token=True):
    """One token, its perpetual and its pair, counted in the venue's own units."""
    small = {"lot": Fraction(1, NANO), "tick": Fraction(1, MICRO), "underlying": TOKEN, "settlement": QUOTE}
    listed = [Instrument(id=PERP, kind=Kind.PERPETUAL, **small), Instrument(id=PAIR, kind=Kind.SPOT, **small)]
    assets = [Asset(id=QUOTE, decimals=6), Asset(id=TOKEN, decimals=9, underlying=TOKEN)]
    return Instruments.of(listed if token else [], assets if token else assets[:1])


def market_of(prices, *, averages=None, deposits=None):
    seen = [("index", name, price) for name, price in ({QUOTE: 1} | prices).items()]
    seen += [("average_price", name, price) for name, price in (averages or {}).items() if price is not None]
    seen += [("deposits", TOKEN, deposits)] if deposits is not None else []
    return Market.of([Observation(subject=s, field=f, value=v) for f, s, v in seen], as_of=0)


def method_of(*, token=None, perp=None, kind=Figures, **more):
    return kind(
        name="row", source="drift-labs/protocol-v2 tests", quote=QUOTE,
        spot=(SpotMarket(asset=QUOTE), SpotMarket(asset=TOKEN, **(token or {}))),
        perps=(PerpMarket(instrument=PERP, **({"initial": 1000, "maintenance": 500} | (perp or {}))),),
        **more,
    )  # fmt: skip


def book_of(instruments, *, balances=(), positions=(), orders=()):
    """Balances (pocket, asset, atoms), positions (pocket, lots, cost), orders (instrument, signed lots)."""
    lots = [(instruments.index[name], size) for name, size in orders if size]
    return Book.of(
        instruments, [Account(id="row", currency=QUOTE)],
        positions=columns(positions, "pocket", "lots", "open_cost", instrument=instruments.index.get(PERP)),
        balances=columns([(p, instruments.asset_index[a], n) for p, a, n in balances], "pocket", "asset", "atoms"),
        orders=columns([(i, row, 1 if n > 0 else -1, abs(n)) for i, (row, n) in enumerate(lots)],
                       "id", "instrument", "side", "lots", ticks=1),
    )  # fmt: skip


def columns(rows, *names, **constant):
    rows = list(rows)
    table = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    return {"account": [0] * len(rows)} | table | {name: [value] * len(rows) for name, value in constant.items()}


def simple(figures, *, prices=None, averages=None, deposits=None, balances=(), positions=(), orders=(), **method):
    """A case of one cross pocket at a price of 100 unless the row says another."""
    instruments = instruments_of()
    market = market_of(prices or {TOKEN: 100}, averages=averages, deposits=deposits)
    book = book_of(instruments, balances=balances, positions=positions, orders=orders)
    return Case(method_of(**method), instruments, market, book, tuple(figures))


# ---- rows that isolate one figure -----------------------------------------------------------------


def asset_weight(row):
    p, weight = row["params"], row["params"].get("initial_asset_weight", row["params"].get("base_weight"))
    return simple(
        [Figure("token weight", row["expected"]["value"], "fill" if "fill" in row["name"] else "initial")],
        token={"initial_asset": weight, "maintenance_asset": weight, "imf": p["imf_factor"]},
        balances=[(0, TOKEN, row["portfolio"]["size_1e9"])],
    )


def liability_weight(row):
    p, weight = row["params"], row["params"]["liability_weight"]
    return simple(
        [Figure("token weight", row["expected"]["value"], "maintenance" if "maint" in row["name"] else "initial")],
        token={"initial_liability": weight, "maintenance_liability": weight, "imf": p["imf_factor"]},
        balances=[(0, TOKEN, -row["portfolio"]["size_1e9"])],
        allow_imprudent=(DEBT,) if weight == 0 else (),
    )


def pool_weight(row):
    p = row["params"]
    return simple(
        [Figure("token weight", row["expected"]["value"])],
        token={"initial_asset": p["initial_asset_weight"], "scale_start": p["scale_start"]},
        prices={TOKEN: row["market"]["oracle"] / MICRO}, deposits=row["portfolio"]["total_deposits"],
        balances=[(0, TOKEN, NANO)],
    )  # fmt: skip


def profit_weight(row):
    p = row["params"]
    return simple(
        [Figure("perp profit_weight", row["expected"]["value"])],
        perp={"profit_initial": p["initial_weight"], "profit_imf": p["pnl_imf_factor"]},
        positions=[(0, 0, -row["portfolio"]["unrealised_pnl"])],
    )


def margin_ratio(row):
    p, held = row["params"], row["portfolio"]
    return simple(
        [Figure("perp ratio", row["expected"]["value"], TYPES[held["type"]])],
        perp={"initial": p["initial"], "maintenance": p["maintenance"], "imf": p.get("imf_factor", 0),
              "leveraged_initial": p.get("hl_initial", 0), "leveraged_maintenance": p.get("hl_maintenance", 0)},
        user=UserSettings(high_leverage=held["high_leverage"]),
        positions=[(0, held["size_1e9"], 0)],
    )  # fmt: skip


def prediction(row):
    p, held, wanted = row["params"], row["portfolio"], row["expected"]
    names = {"im": ("requirement", "initial"), "im_pnl": ("counted", "initial"),
             "mm": ("requirement", "maintenance"), "mm_pnl": ("counted", "maintenance")}  # fmt: skip
    return simple(
        [Figure(f"perp {name}", wanted[key], level) for key, (name, level) in names.items()],
        perp={"initial": p["initial"], "maintenance": p["maintenance"], "contract": "prediction",
              "profit_initial": p["pnl_weight_initial"], "profit_maintenance": p["pnl_weight_maintenance"]},
        prices={TOKEN: row["market"]["oracle"] / MICRO},
        positions=[(0, held["base"], -held["quote"])],
    )  # fmt: skip


def worst_case(row):
    held = row["portfolio"]
    return simple(
        [Figure("perp worst", row["expected"]["base"]), Figure("perp liability", row["expected"]["liability"])],
        perp={"contract": "prediction" if "max_price" in row["params"] else "perpetual"},
        prices={TOKEN: row["market"]["oracle"] / MICRO},
        positions=[(0, held["base"], 0)],
        orders=[(PERP, held["open_bids"]), (PERP, held["open_asks"])],
    )


def fill_simulation(row):
    p, held, seen = row["params"], row["portfolio"], row["market"]
    average = seen["twap_5min"]
    names = {"token_amount": "amount", "orders_value": "order", "token_value": "value",
             "weighted_token_value": "weighted", "free_collateral_contribution": "contribution"}  # fmt: skip
    return simple(
        [Figure(f"token {names[key]}", value) for key, value in row["expected"].items()],
        token={"initial_asset": p["initial_asset_weight"], "initial_liability": p["initial_liability_weight"]},
        prices={TOKEN: seen["oracle"] / MICRO}, averages={TOKEN: average and average / MICRO},
        balances=[(0, TOKEN, held["token"])],
        orders=[(PAIR, held["open_bids"]), (PAIR, held["open_asks"])],
    )  # fmt: skip


# ---- rows of whole accounts -------------------------------------------------------------------------


def account(row):
    p, held, seen = row["params"], row["portfolio"], row["market"]
    instruments = instruments_of(token="sol" in seen)
    prices = {QUOTE: seen.get("usdc", 1)} | ({TOKEN: seen["sol"]} if "sol" in seen else {})
    own = {PERP: held["position_margin_ratio"]} if "position_margin_ratio" in held else {}
    user = UserSettings(ratio=held.get("user_margin_ratio", 0), override=p.get("override", 0), positions=own)
    method = method_of(token=weights(p["sol"]), perp=p["perp"], user=user, kind=DriftMargin,
                       buffer=p.get("buffer", p.get("liquidation_buffer", 200)))  # fmt: skip
    orders = [(PAIR, held.get(name, 0) * NANO) for name in ("sol_open_bids", "sol_open_asks")]
    assert held.get("open_orders", 0) == sum(size != 0 for _, size in orders)
    book = book_of(instruments, balances=balances(held, instruments), positions=positions(held, seen), orders=orders)
    market = market_of(prices, averages={QUOTE: seen.get("usdc_twap_5min")})
    return Case(method, instruments, market, book, tuple(account_figures(row)))


def weights(p):
    return {"initial_asset": p["init_asset_w"], "maintenance_asset": p["maint_asset_w"],
            "initial_liability": p["init_liab_w"], "maintenance_liability": p["maint_liab_w"]}  # fmt: skip


def balances(held, instruments):
    """Whole units in the row, atoms in the book."""
    rows = [(0, QUOTE, held.get("usdc", 0) * MICRO), (0, TOKEN, held.get("sol", 0) * NANO)]
    rows += [(1, QUOTE, held["isolated"]["deposit"] * MICRO)] if "isolated" in held else []
    return [row for row in rows if row[1] in instruments.asset_index and row[2]]


def positions(held, seen):
    """An omitted quote amount means no unrealised profit."""
    rows = []
    if "perp_base" in held:
        quote = held.get("perp_quote", -held["perp_base"] * seen["sol"])
        rows.append((0, held["perp_base"] * NANO, -quote * MICRO))
    if "isolated" in held:
        rows.append((1, held["isolated"]["base"] * NANO, -held["isolated"]["quote"] * MICRO))
    return rows


OUTPUTS = {
    "margin_requirement": ("requirement", 0), "total_collateral": ("equity", 0),
    "total_collateral_plus_buffer": ("equity_with_buffer", 0),
    "cross_requirement": ("requirement", 0), "cross_collateral": ("equity", 0),
    "cross_requirement_plus_buffer": ("requirement_with_buffer", 0),
    "isolated_requirement": ("requirement", 1), "isolated_collateral": ("equity", 1),
    "isolated_requirement_plus_buffer": ("requirement_with_buffer", 1),
    "isolated_collateral_plus_buffer": ("equity_with_buffer", 1),
}  # fmt: skip
PASSES = {"meets_cross": (0,), "meets_all": (0, 1)}  # pockets whose surplus must not be negative


def account_figures(row):
    """Every integer that the row publishes; whether it passes is compared by the test."""
    level = TYPES[row["params"]["type"]]
    for key, value in row["expected"].items():
        if key not in PASSES:
            output, pocket = OUTPUTS[key]
            yield Figure(output, value, level, pocket, MICRO)


READERS = {
    "spot_asset_weight": asset_weight, "spot_asset_weight_2": asset_weight,
    "spot_liability_weight": liability_weight, "scaled_initial_asset_weight": pool_weight,
    "unrealised_pnl_weight": profit_weight,
    "perp_margin_ratio": margin_ratio, "perp_margin_ratio_hlm_imf": margin_ratio,
    "prediction_market": prediction, "worst_case": worst_case, "worst_case_prediction": worst_case,
    "spot_fill_sim": fill_simulation, "account": account,
}  # fmt: skip


# ---- rows of liquidation: what each computes --------------------------------------------------------


def liquidated(row):
    """A position as a row of liquidation gives it: a ratio with its buffer, and no lots."""
    seen = row["market"]
    return drift.PerpPosition(
        base=row["portfolio"].get("base_amount", 0), oracle=seen["oracle"], quote_price=seen["quote_oracle"],
        ratio=row["params"]["margin_ratio"], maintenance=0,
    )  # fmt: skip


def sides(row):
    """The token handed over and the one repaid; what a row does not give it does not read."""
    p, seen = row["params"], row["market"]
    return tuple(
        drift_spot.Side(price=seen.get(f"{name}_price", 0), decimals=p.get(f"{name}_decimals", p.get("decimals", 0)),
                        weight=p.get(f"{name}_weight", 0), multiplier=p[f"{name}_mult"])
        for name in ("asset", "liability")
    )  # fmt: skip


def base_to_cover(row):
    p = row["params"]
    return drift.base_to_cover(row["portfolio"]["margin_shortage"], liquidated(row), p["liquidator_fee"], p["if_fee"])


def liability_to_cover(row):
    return drift_spot.liability_to_cover(row["portfolio"]["margin_shortage"], *sides(row), row["params"]["if_fee"])


def asset_for_liability(row):
    held = row["portfolio"]
    return drift_spot.asset_for_liability(held["liability_amount"], *sides(row), held["asset_amount"])


def funding_delta(row):
    held = row["portfolio"]
    return drift_bankruptcy.funding_delta(held["loss"], held["base_long"], held["base_short"])


def deposit_index_delta(row):
    held = row["portfolio"]
    return drift_bankruptcy.deposit_index_delta(
        held["loss"], held["deposit_balance"], held.get("cumulative_deposit_interest", INDEX),
        row["params"].get("decimals", 6),
    )  # fmt: skip


def perp_insurance_fee(row):
    p = row["params"]
    return drift.perp_insurance_fee(
        row["portfolio"]["margin_shortage"], liquidated(row), p["liquidator_fee"], p["max_if_fee"]
    )


def spot_insurance_fee(row):
    held = row["portfolio"]
    return drift_spot.spot_insurance_fee(
        held["margin_shortage"], held["token_amount"], *sides(row), row["params"]["max_if_fee"]
    )


def liquidation_fee(row):
    p, held = row["params"], row["portfolio"]
    return drift.liquidation_fee(p["base_fee"], p["max_fee"], held["current_slot"] - held["last_active_slot"])


LIQUIDATING = {
    "base_to_cover": base_to_cover, "liability_to_cover": liability_to_cover,
    "asset_for_liability": asset_for_liability, "bankruptcy_funding_delta": funding_delta,
    "bankruptcy_deposit_interest_delta": deposit_index_delta,
    "bankruptcy_deposit_interest_delta_no_deposits": deposit_index_delta,
    "perp_insurance_fee": perp_insurance_fee, "spot_insurance_fee": spot_insurance_fee,
    "liquidation_fee_ramp": liquidation_fee,
}  # fmt: skip


# ---- rows of liquidation as accounts that lack what the row says -------------------------------------

BUFFER = 5  # less than any row lacks, so that collateral is below the requirement itself
STATED = {"margin_shortage": 10 * MICRO, "base_amount": 10 * NANO, "margin_ratio": 500 + BUFFER, "oracle": 100 * MICRO,
          "quote_oracle": MICRO}  # fmt: skip


def stated(row, name):
    """A figure of a row; what it does not give does not matter to it."""
    return (row["portfolio"] | row["params"] | row["market"]).get(name, STATED[name])


def lacking_account(row, side=1):
    """A position opened at the oracle's price, and the cash that leaves the row's shortage: method and portfolio."""
    instruments, base, price = instruments_of(), side * stated(row, "base_amount"), stated(row, "oracle")
    maintenance = stated(row, "margin_ratio") - BUFFER  # a row's ratio holds the buffer
    method = method_of(kind=DriftMargin, perp={"initial": 2 * maintenance, "maintenance": maintenance}, buffer=BUFFER)
    quoted = stated(row, "quote_oracle")
    prepared = method.prepare(instruments, market_of({TOKEN: price / MICRO, QUOTE: quoted / MICRO}))
    position = {PERP: Position(base, base * price // NANO)}
    held = Portfolio.of(instruments, account=Account(id="row", currency=QUOTE), positions=position)
    cash = -(-(drift.shortage(prepared, held) - stated(row, "margin_shortage")) * MICRO // quoted)
    return prepared, held.holding(balances={QUOTE: Fraction(cash, MICRO)})
