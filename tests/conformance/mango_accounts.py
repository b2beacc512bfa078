"""Turns rows of the Mango v4 file into method, instruments, market and portfolio.

Units are native: a token of a health row has no decimals, one of a liquidation row nine, since the venue holds parts of
a unit; a tick is 1. Reserved quote is written as bids that cost it: whole lots at the highest bid, the rest near
zero; reserved base as one ask. An unknown limit is one that tightens nothing: near zero for bids, far for asks.
"""

import re

from crossmargin import Account, Asset, Instrument, Instruments, Market, Observation, Order, Portfolio, Position
from crossmargin.instruments import Kind
from crossmargin.liquidation.venues.mango import Standing
from crossmargin.liquidation.venues.mango_rules import PenaltyRates, Rules
from crossmargin.venues.mango import Health
from crossmargin.venues.mango_parameters import PerpetualRule, TokenRule
from crossmargin.venues.mango_stable_price import SECOND, StablePrice, StablePriceRule
from liquidation.mango_steps import FINE, standing_of

LIQUIDATING = ("liq_token_perp", "liq_perp_base", "perp_bankruptcy")  # steps of a liquidation and a bankruptcy
STABLE = "stable_price"
LEVELS = {"init_health": 0, "maint_health": 1, "liq_end_health": 2}
PERP, UNDERLYING, QUOTE = "PERP", "perp base", "USD"
NEAR, FAR = 1, 10**6


def is_health(row):
    return not row["name"].startswith((*LIQUIDATING, STABLE))


def is_refused(row):
    """Health of an account that the venue does not value."""
    return is_health(row) and "error" in row["expected"].values()


def is_valued(row):
    return is_health(row) and not is_refused(row)


# ---- the forms of rows: tokens with weights, prices, totals and balance -----------------------


def tokens_of(row, sets):
    """Tokens of a row, each with weights, price, stable price, balance and pool totals."""
    if "liqee" in row["portfolio"]:
        return [one_sided(row, side) for side in ("asset", "liab")]
    market, held = row["market"], row["portfolio"]
    prices, n = market["prices"], len(market["prices"])
    stable, totals = market.get("stable_prices", prices), held.get("bank_totals") or [None] * n
    tokens = sets[row["params"]["param_set"]]["tokens"]
    return [
        token | {"price": p, "stable_price": s, "balance": held[token["id"]], "totals": total or {}}
        for token, p, s, total in zip(tokens, prices, stable, totals)  # a row may use the first tokens alone
    ]


def one_sided(row, side):
    """A token of which the row gives the weights of one side; the other side is not reached and has weight 1."""
    given = row["params"][side]
    weights = dict.fromkeys(("init_asset_w", "init_liab_w", "maint_asset_w", "maint_liab_w"), 1)
    weights |= {f"init_{side}_w": given["init_w"], f"maint_{side}_w": given["maint_w"]}
    start = next(value for name, value in given.items() if name.endswith("scale_start_quote"))
    totals = {name: value for name, value in given.items() if name.startswith("total")} | {"scale_start_quote": start}
    price, balance = row["market"][f"oracle_{side}"], row["portfolio"]["liqee"][side]
    return weights | {"id": side, "price": price, "stable_price": given["stable_price"], "balance": balance,
                      "totals": totals}  # fmt: skip


def spot_of(row):
    """Spot orders of a row; free amounts are balances, only what is not free is reserved."""
    found = []
    for order in row["portfolio"].get("spot_orders", ()):
        reserved = {f"reserved_{side}": order.get(f"total_{side}", 0) - order.get(f"free_{side}", 0)
                    for side in ("base", "quote")}
        found.append(reserved | order)
    return found  # fmt: skip


def free_of(row, token):
    sides = [(order, side) for order in spot_of(row) for side in ("base", "quote") if order[side] == token]
    return sum(order.get(f"free_{side}", 0) for order, side in sides)


# ---- method, instruments, market, book --------------------------------------------------------


def method_of(row, sets):
    perp = sets[row["params"]["param_set"]]["perp"] if row["portfolio"].get("perp") else None
    return Health(
        name="health", source=row["source"], tokens=tuple(map(token_rule, tokens_of(row, sets))),
        perpetuals=(perpetual_rule(perp),) if perp else (), skip_bad_oracles="missing" in row["portfolio"],
    )  # fmt: skip


def token_rule(token):
    start = token["totals"].get("scale_start_quote")
    return TokenRule(
        asset=token["id"], initial_asset=token["init_asset_w"], initial_debt=token["init_liab_w"],
        maintenance_asset=token["maint_asset_w"], maintenance_debt=token["maint_liab_w"],
        deposit_scale_start=start if "total_deposits" in token["totals"] else None,
        borrow_scale_start=start if "total_borrows" in token["totals"] else None,
    )  # fmt: skip


def perpetual_rule(perp):
    return PerpetualRule(
        instrument=PERP, initial_long=perp["init_base_asset_w"], initial_short=perp["init_base_liab_w"],
        maintenance_long=perp["maint_base_asset_w"], maintenance_short=perp["maint_base_liab_w"],
        initial_profit=perp["init_overall_asset_w"], maintenance_profit=perp["maint_overall_asset_w"],
    )  # fmt: skip


def instruments_of(row, sets, decimals=0):
    found = [
        Instrument(id=spot_id(order), kind=Kind.SPOT, underlying=order["base"], settlement=order["quote"], tick=1)
        for order in spot_of(row)
    ]
    if row["portfolio"].get("perp"):
        perp = sets[row["params"]["param_set"]]["perp"]
        terms = {"settlement": perp["settle"], "lot": perp["base_lot_size"], "tick": 1}
        found.append(Instrument(id=PERP, kind=Kind.PERPETUAL, underlying=UNDERLYING, **terms))
    assets = [Asset(id=token["id"], decimals=decimals) for token in tokens_of(row, sets)]
    return Instruments.of(found, [*assets, Asset(id=QUOTE, decimals=0)])


def spot_id(order):
    return f"{order['base']}/{order['quote']}"


def market_of(row, sets):
    seen = []

    def see(subject, field, value):
        seen.append(Observation(subject=subject, field=field, value=value))

    missing = row["portfolio"].get("missing", "").split("_")
    for token in (token for token in tokens_of(row, sets) if token["id"] not in missing):
        see(token["id"], "index", token["price"])
        see(token["id"], "slow_price", token["stable_price"])
        totals = token["totals"]
        if "total_deposits" in totals:  # what orders may bring is part of the observed total
            see(token["id"], "deposits", totals["total_deposits"] + totals.get("potential_order_tokens", 0))
        if "total_borrows" in totals:
            see(token["id"], "borrows", totals["total_borrows"])
    if row["portfolio"].get("perp"):
        price = sets[row["params"]["param_set"]]["perp"]["price"]
        see(UNDERLYING, "index", price)
        see(UNDERLYING, "slow_price", price)
    return Market.of(seen, as_of=0, quote=QUOTE)


def portfolio_of(row, instruments, sets):
    perp, orders, positions = row["portfolio"].get("perp"), [], {}
    for spot in spot_of(row):
        orders += spot_lines(spot)
    if perp:
        positions[PERP] = position_of(perp, sets[row["params"]["param_set"]]["perp"])
        orders += [(PERP, "buy", perp["bids_lots"], 1), (PERP, "sell", perp["asks_lots"], 1)]
    balances = {token["id"]: token["balance"] + free_of(row, token["id"]) for token in tokens_of(row, sets)}
    return Portfolio.of(
        instruments, account=Account(id="row", currency=QUOTE), balances=balances, positions=positions,
        orders=[Order(id=number, instrument=name, side=side, lots=lots, limit=str(limit))
                for number, (name, side, lots, limit) in enumerate(orders) if lots],
    )  # fmt: skip


def position_of(perp, rules):
    """Lots and open cost: amounts taken but not yet settled count as filled."""
    quote = perp["quote_native"] + perp.get("taker_quote_lots", 0) * rules["quote_lot_size"]
    return Position(perp["base_lots"] + perp.get("taker_base_lots", 0), -quote)


def spot_lines(order):
    """Bids and an ask: (instrument, side, lots, limit)."""
    name, quote = spot_id(order), order["reserved_quote"]
    ask, bid = (int(order.get(limit) or unknown) for limit, unknown in (("lowest_ask", FAR), ("highest_bid", NEAR)))
    yield name, "buy", quote // bid, bid
    yield name, "buy", quote % bid, NEAR
    yield name, "sell", order["reserved_base"], ask


def prepared_of(row, sets, decimals=0):
    """The method over the row's market, and the row's account; an atom is a native unit, or finer by ``decimals``."""
    instruments = instruments_of(row, sets, decimals)
    prepared = method_of(row, sets).prepare(instruments, market_of(row, sets))
    return prepared, portfolio_of(row, instruments, sets)


# ---- steps of a liquidation: one weight a row stands for every level -----------------------------------


def token_case(row, sets):
    """The account of a row that repays the debt ``liab`` with the token ``asset``."""
    if "liqee" in row["portfolio"]:
        return Standing(*prepared_of(row, sets, FINE), Rules(native=1.0))
    held, given = row["portfolio"], row["params"]
    profit = {"weights": (1, 1, 1, 1, given["perp_overall_w"], given["perp_overall_w"])}
    tokens = {
        "asset": {"balance": held["asset_token"], "weights": (given["init_asset_w_asset"], 1) * 2},
        "liab": {"balance": held["liab_token"], "weights": (1, given["init_liab_w_liab"]) * 2},
        "other": {"balance": held["other_token"]},
    }
    perpetuals = {f"{side} perp": {"settle": side, "quote": held[f"{side}_settled_perp_quote"]} | profit
                  for side in ("asset", "liab")}  # fmt: skip
    return standing_of(tokens, perpetuals)


def perpetual_case(row):
    """The account of a row that closes PERP."""
    held, given = row["portfolio"], row["params"]
    base, profit = (given["init_base_asset_w"], given["init_base_liab_w"]), given["overall_asset_w"]
    perp = {"settle": "settle", "lots": held["perp_base"], "quote": held["perp_quote"], "size": given["base_lot_size"],
            "price": given["all_prices"], "weights": (*base, *base, profit, profit)}  # fmt: skip
    penalty = PenaltyRates(subject=PERP, liquidator=given["base_liq_fee"], profit=given["positive_pnl_liq_fee"])
    tokens = {name: {"balance": held[f"{name}_token"]} for name in ("settle", "other")}
    return standing_of(tokens, {PERP: perp}, Rules(perpetuals=(penalty,), native=1.0))


def loss_case(row):
    """The account of a row with a loss in PERP and no base."""
    held, given = row["portfolio"], row["params"]
    weights, profit = (given["settle_token_asset_w"], given["settle_token_liab_w"]), given["perp_overall_asset_w"]
    settle = {"balance": held["settle_token"], "price": given["settle_price"], "weights": weights * 2}
    perp = {"settle": "settle", "quote": held["perp_quote"], "weights": (1, 1, 1, 1, profit, profit)}
    penalty = PenaltyRates(subject=PERP, liquidator=given["base_liq_fee"])
    tokens = {"settle": settle, "other": {"balance": held["other_token"]}}
    return standing_of(tokens, {PERP: perp}, Rules(perpetuals=(penalty,), native=1.0))


# ---- the stable price -----------------------------------------------------------------------------


def stable_price_rule(row):
    """The limits that a row states; the venue's where it states none."""
    names = {"delay_interval_s": "slot_seconds", "delay_growth_limit": "slot_growth", "stable_growth_limit": "growth",
             "min_dt": "least_step", "max_dt": "most_step"}  # fmt: skip
    return StablePriceRule(**{names[name]: value for name, value in row["params"].items()})


def oracle_at(phase, seconds):
    """A phase's oracle price: one figure, or one up to a moment and another after it."""
    if not isinstance(phase["oracle"], str):
        return phase["oracle"]
    first, until, then = re.fullmatch(r"(\S+) until t=(\d+) s inclusive, (\S+) after", phase["oracle"]).groups()
    return float(first if seconds <= int(until) else then)


def stable_prices(row):
    """The model after each phase of a row: so many updates, so many seconds apart."""
    rule, found, seconds = stable_price_rule(row), [], 0
    model = StablePrice.starting(row["portfolio"]["start_price"], rule=rule)
    for phase in row["portfolio"]["phases"]:
        for _ in range(phase["steps"]):
            seconds += phase["dt"]
            model = model.updated(oracle_at(phase, seconds), seconds * SECOND, rule)
        found.append(model)
    return found
