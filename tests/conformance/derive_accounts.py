"""Turns rows of the Derive portfolio-margin files into instruments, market, portfolio and method."""

from fractions import Fraction
from math import floor, log10

from crossmargin import Account, Asset, Instrument, Instruments, Market, Observation, Portfolio, Position
from crossmargin.instruments import Kind, Right, expiry_key
from crossmargin.venues.derive import PortfolioMargin2
from crossmargin.venues.derive_parameters import CollateralRule, Portfolio2, Scenario

AS_OF = 1_700_000_000 * 10**9
CASH, UNDERLYING = "USD", "U"


def lot_of(amount: float) -> Fraction:
    """The finest decimal lot in which an amount still counts exactly in float64."""
    digits = min(15 - floor(log10(abs(amount))) - 1, 15) if amount else 0
    return Fraction(1, 10 ** max(digits, 0))


def lots_of(amount: float, lot: Fraction) -> int:
    return round(Fraction(str(amount)) / lot)


def option_name(option: dict) -> str:
    return f"{option['sec_to_expiry']}-{option['strike']}-{'C' if option['is_call'] else 'P'}"


def options_of(row: dict) -> dict[str, dict]:
    """Options by name; a row may name one contract twice, which is one position."""
    found: dict[str, dict] = {}
    for option in row["portfolio"]["options"]:
        name = option_name(option)
        amount = found[name]["amount"] + option["amount"] if name in found else option["amount"]
        found[name] = option | {"amount": amount}
    return found


def instruments_of(row: dict) -> Instruments:
    options = [
        Instrument(
            id=name, kind=Kind.OPTION, underlying=UNDERLYING, settlement=CASH, lot=lot_of(option["amount"]),
            strike=option["strike"], right=Right.CALL if option["is_call"] else Right.PUT,
            expiry=AS_OF + option["sec_to_expiry"] * 10**9,
        )
        for name, option in options_of(row).items()
    ]  # fmt: skip
    perp = row["portfolio"]["perp_position"]
    if perp:
        options.append(
            Instrument(id="PERP", kind=Kind.PERPETUAL, underlying=UNDERLYING, settlement=CASH, lot=lot_of(perp))
        )
    collaterals = [Asset(id=c["name"], decimals=9) for c in row["portfolio"]["collaterals"]]
    return Instruments.of(options, [Asset(id=CASH, decimals=9), *collaterals])


def market_of(row: dict) -> Market:
    m, seen = row["market"], []

    def see(subject: str, field: str, value: float, confidence: float = 1.0) -> None:
        seen.append(Observation(subject=subject, field=field, value=value, confidence=confidence))

    see(UNDERLYING, "index", m["spot"], m["spot_conf"])
    see(CASH, "peg", m["stable"])
    if row["portfolio"]["perp_position"]:
        see("PERP", "mark", m["perp_price"], m["perp_conf"])
    volatility_confidence = {}
    for expiry in m["expiries"]:
        key = expiry_key(UNDERLYING, AS_OF + expiry["sec_to_expiry"] * 10**9)
        see(key, "forward", expiry["forward_fixed_part"] + expiry["forward_variable_part"], expiry["forward_conf"])
        see(key, "forward_fixed", expiry["forward_fixed_part"])
        see(key, "rate", expiry["rate"], expiry["rate_conf"])
        volatility_confidence[expiry["sec_to_expiry"]] = expiry["vol_conf"]
    for name, option in options_of(row).items():
        see(name, "volatility", option["mark_vol"], volatility_confidence[option["sec_to_expiry"]])
    for collateral in row["portfolio"]["collaterals"]:
        see(collateral["name"], "index", collateral["price"], collateral["conf"])
    return Market.of(seen, as_of=AS_OF, quote=CASH)


def portfolio_of(row: dict, instruments: Instruments) -> Portfolio:
    p, positions = row["portfolio"], {}
    for name, option in options_of(row).items():
        positions[name] = lots_of(option["amount"], instruments.instrument(name).lot)
    profit = Fraction(str(p["perp_unrealised_pnl"])) + Fraction(str(p["perp_unrealised_funding"]))
    if p["perp_position"]:
        lot = instruments.instrument("PERP").lot
        lots = lots_of(p["perp_position"], lot)
        worth = lots * lot * Fraction(str(row["market"]["perp_price"]))
        positions["PERP"] = Position(lots, round((worth - profit) * 10**9))
        profit = Fraction(0)
    balances = {c["name"]: amount(Fraction(str(c["amount"]))) for c in p["collaterals"]}
    balances[CASH] = amount(Fraction(str(p["cash"])) + profit)
    return Portfolio.of(instruments, account=Account(id="row", currency=CASH), positions=positions, balances=balances)


def amount(value: Fraction) -> Fraction:
    return Fraction(round(value * 10**9), 10**9)


def method_of(file: dict, row: dict, *, allow: tuple[str, ...] = ()) -> PortfolioMargin2:
    names = row["params"]
    scenarios = tuple(Scenario(*scenario) for scenario in file["scenario_grids"][names["scenario_grid"]])
    rules = Portfolio2(scenarios=scenarios, allow_imprudent=allow, **file["param_sets"][names["param_set"]])
    collateral = tuple(
        CollateralRule(
            asset=c["name"], maintenance=c["mm_haircut"], initial_extra=c["im_haircut_extra"],
            risk_cancelling=c["risk_cancelling"],
        )
        for c in row["portfolio"]["collaterals"]
    )  # fmt: skip
    return PortfolioMargin2(
        name=names["param_set"], source=row["source"], underlying=UNDERLYING, cash=CASH, rules=rules,
        collateral=collateral,
    )  # fmt: skip
