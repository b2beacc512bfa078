"""Turns rows of derive_srm.json into instruments, market, portfolio and method."""

from fractions import Fraction

from crossmargin import Account, Asset, Instrument, Instruments, Market, Observation, Portfolio, Position
from crossmargin.instruments import Kind, Right, expiry_key
from crossmargin.venues.derive_standard import StandardManager
from crossmargin.venues.derive_standard_parameters import Depeg, StandardRules

AS_OF = 1_700_000_000 * 10**9
CASH, UNDERLYINGS = "USDC", ("BTC", "ETH")
LOT = Fraction(1, 10**12)  # amounts of a row have fewer decimals, and stay below 2**53 lots


def rules_of(file: dict, params: dict) -> StandardRules:
    """The named set with what the row changes in it."""
    named = file["param_sets"][params["param_set"]] | {k: v for k, v in params.items() if k != "param_set"}
    return StandardRules(**{k: v for k, v in named.items() if not k.startswith("depeg")})


def method_of(file: dict, row: dict) -> StandardManager:
    rules, named = rules_of(file, row["params"]), file["param_sets"][row["params"]["param_set"]]
    depeg = Depeg(threshold=named["depeg_threshold"], factor=named["depeg_factor"])
    markets = dict.fromkeys(UNDERLYINGS, rules)
    name, source = row["params"]["param_set"], row.get("source", "")
    return StandardManager(name=name, source=source, markets=markets, depeg=depeg)


def option_of(underlying: str, option: dict) -> Instrument:
    right = Right.CALL if option["is_call"] else Right.PUT
    seconds, strike = option["sec_to_expiry"], option["strike"]
    return Instrument(
        id=f"{underlying}-{seconds}-{strike}-{right}", kind=Kind.OPTION, underlying=underlying, settlement=CASH,
        lot=LOT, strike=strike, right=right, expiry=AS_OF + seconds * 10**9,
    )  # fmt: skip


def perpetual_of(underlying: str) -> Instrument:
    return Instrument(id=f"{underlying}-PERP", kind=Kind.PERPETUAL, underlying=underlying, settlement=CASH, lot=LOT)


def instruments_of(*rows: dict) -> Instruments:
    """What the rows hold, listed together."""
    held = {i.id: i for i in map(perpetual_of, UNDERLYINGS)}
    for row in rows:
        for name in UNDERLYINGS:
            held |= {i.id: i for i in (option_of(name, o) for o in row["portfolio"][name]["options"])}
    coins = [Asset(id=name, decimals=9, underlying=name) for name in UNDERLYINGS]
    return Instruments.of(held.values(), [Asset(id=CASH, decimals=9), *coins])


def seen_of(row: dict) -> dict[tuple[str, str], Observation]:
    """Observations of a row by subject and field."""
    seen: dict[tuple[str, str], Observation] = {}

    def see(subject: str, field: str, value: float, confidence: float = 1.0) -> None:
        seen[subject, field] = Observation(subject=subject, field=field, value=value, confidence=confidence)

    see(CASH, "peg", row["market"]["stable"])
    for name in UNDERLYINGS:
        feeds = row["market"][name]
        see(name, "index", feeds["spot"], feeds["spot_conf"])
        see(f"{name}-PERP", "mark", feeds["perp_price"], feeds["perp_conf"])
        volatility_confidence = {}
        for expiry in feeds["expiries"]:
            key = expiry_key(name, AS_OF + expiry["sec_to_expiry"] * 10**9)
            see(key, "forward", expiry["forward"], expiry["forward_conf"])
            see(key, "forward_fixed", 0.0)
            volatility_confidence[expiry["sec_to_expiry"]] = expiry["vol_conf"]
        for option in row["portfolio"][name]["options"]:
            confidence = volatility_confidence[option["sec_to_expiry"]]
            see(option_of(name, option).id, "volatility", option["vol"], confidence)
    return seen


def market_of(*rows: dict) -> Market:
    seen = {key: observation for row in rows for key, observation in seen_of(row).items()}
    return Market.of(seen.values(), as_of=AS_OF, quote=CASH)


def lots_of(amount: float) -> int:
    lots = Fraction(str(amount)) / LOT
    assert lots.denominator == 1 and abs(lots) < 2**53
    return int(lots)


def atoms_of(amount: Fraction) -> Fraction:
    return Fraction(round(amount * 10**9), 10**9)


def portfolio_of(row: dict, instruments: Instruments) -> Portfolio:
    """The row's account; a perpetual's profit is its worth at the mark less its open cost."""
    positions, balances = {}, {CASH: atoms_of(Fraction(str(row["portfolio"]["cash"])))}
    for name in UNDERLYINGS:
        held = row["portfolio"][name]
        positions |= {option_of(name, o).id: lots_of(o["amount"]) for o in held["options"]}
        balances[name] = atoms_of(Fraction(str(held["base_position"])))
        lots = lots_of(held["perp_position"])
        worth = lots * LOT * Fraction(str(row["market"][name]["perp_price"]))
        cost = (worth - Fraction(str(held["perp_unrealised_pnl_plus_funding"]))) * 10**9
        if lots:
            positions[f"{name}-PERP"] = Position(lots, round(cost))
    owner = Account(id=row["name"], currency=CASH)
    return Portfolio.of(instruments, account=owner, positions=positions, balances=balances)


def listed_together(rows: list[dict]) -> list[list[dict]]:
    """Rows gathered under one market and one set of parameters, where no observation differs."""
    groups: list[tuple[dict, dict, list[dict]]] = []
    for row in rows:
        seen = seen_of(row)
        for params, market, members in groups:
            if params == row["params"] and all(market.get(key, o) == o for key, o in seen.items()):
                market |= seen
                members.append(row)
                break
        else:
            groups.append((row["params"], seen, [row]))
    return [members for _, _, members in groups]


def lone_option(row: dict) -> dict:
    """A single-component row as a whole account: one option, nothing else."""
    market, option = row["market"], row["portfolio"]["option"]
    expiry = {"sec_to_expiry": option["sec_to_expiry"], "forward": market["forward"]}
    expiry |= {"forward_conf": 1.0, "vol_conf": 1.0}
    feeds = {"spot": market["spot"], "spot_conf": 1.0, "perp_price": market["spot"], "perp_conf": 1.0, "expiries": []}
    empty = {"perp_position": 0, "perp_unrealised_pnl_plus_funding": 0, "base_position": 0, "options": []}
    portfolio = {"cash": 0, "BTC": empty, "ETH": empty | {"options": [option]}}
    whole = {"stable": 1.0, "BTC": feeds, "ETH": feeds | {"expiries": [expiry]}}
    return row | {"portfolio": portfolio, "market": whole}
