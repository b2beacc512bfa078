"""What venues' own close-outs decide, as events of the one ledger: steps, fills, deleveraging, and who bears a loss.

Each function takes what a venue's rule found (``venues.drift``, ``venues.drift_bankruptcy``, ``venues.dydx``,
``venues.dydx_deleveraging``) and applies it. Trades run at the nearest tick; what the venue's own integer differs from
the ledger's cost of it, at most by its rounding or by a fraction of a tick, is a transfer between the same two
accounts (``sale.trade_for``). So what an account's money changes by is the venue's figure, to the atom.

One thing differs in principle: the ledger realises the profit of closed lots into the balance at once, where Drift
keeps it, and the fees, in the perpetual's quote amount until it is settled. Collateral is the same; the buffer that
Drift asks of an unrealised loss is not asked of a realised one.
"""

from fractions import Fraction

from crossmargin import _checks as check
from crossmargin._checks import Integers
from crossmargin.account import RiskEngine
from crossmargin.liquidation.holdings import apply
from crossmargin.liquidation.sale import moved, nearest_ticks, trade_for
from crossmargin.liquidation.venues.drift import DOLLAR, PerpPosition, PerpStep
from crossmargin.liquidation.venues.drift_bankruptcy import (
    BALANCE_DECIMALS,
    FUNDING_OF_QUOTE,
    INDEX_DECIMALS,
    PerpLoss,
    deposit_index_delta,
    deposits_of,
)
from crossmargin.liquidation.venues.dydx import LiquidationFill, contract
from crossmargin.liquidation.venues.dydx_deleveraging import Deleveraging
from crossmargin.venues.drift_tables import BASE_ONE, PRICE_ONE
from crossmargin.venues.dydx_tables import lot_base

INDEX = 10**INDEX_DECIMALS  # of the ledger's balances, which earn by events and not by an index


def settlement_of(engine: RiskEngine, instrument: str) -> int:
    return int(engine.instruments.settlement[engine.instrument(instrument)])


def atoms_of(engine: RiskEngine, instrument: str, dollars: int) -> int:
    """Quote 1e-6 as atoms of the settlement asset; an asset of fewer decimals is refused."""
    asset = engine.instruments.assets[settlement_of(engine, instrument)]
    return asset.atoms(Fraction(dollars, DOLLAR), "quote", f"of {instrument}")


def base_of(engine: RiskEngine, instrument: str) -> Fraction:
    """Base (1e-9 of a coin) of a lot."""
    terms = engine.instruments.instrument(instrument)
    return terms.lot * terms.contract_size * BASE_ONE


# ---- Drift v2 -------------------------------------------------------------------------------------


def take_perp(
    engine: RiskEngine, account: int, instrument: str, position: PerpPosition, step: PerpStep, *,
    liquidator: int, fund: int,
) -> None:  # fmt: skip
    """Apply a step: its base at the oracle's price against the liquidator, who gets a fee, as the insurance does."""
    asset, value = settlement_of(engine, instrument), atoms_of(engine, instrument, step.value)
    lots = step.base / base_of(engine, instrument)
    if lots.denominator != 1:
        raise check.refuse("base", "be a whole number of lots", step.base, f"of {instrument}")
    price = Fraction(position.oracle, PRICE_ONE) / engine.instruments.instrument(instrument).tick
    received = -value if step.base > 0 else value
    traded = trade_for(engine.instruments, account, liquidator, instrument, int(lots), round(price), received)
    fees = ((liquidator, step.liquidator_fee), (fund, step.insurance_fee))
    paid = [moved(account, payee, asset, atoms_of(engine, instrument, fee)) for payee, fee in fees]
    apply(engine, traded, *paid)


def held_base(engine: RiskEngine, instrument: str) -> dict[int, int]:
    """Signed base (1e-9) of a perpetual by account, of all who hold it."""
    row, base = engine.instrument(instrument), base_of(engine, instrument)
    return {account: int(lots * base) for account, item, lots, *_ in engine.positions() if item == row and lots}


def open_base(engine: RiskEngine, instrument: str) -> tuple[int, int]:
    """Base of all longs, >= 0, and of all shorts, <= 0: over which a loss is shared."""
    held = held_base(engine, instrument).values()
    return sum(max(base, 0) for base in held), sum(min(base, 0) for base in held)


def cover_perp_loss(
    engine: RiskEngine, account: int, instrument: str, loss: PerpLoss, *, fund: int, fee_pool: int
) -> dict[int, int]:
    """Pay a bankrupt account what it lacks: insurance, fees, then every holder's funding; what each gave, in atoms.

    A holder gives ``ceil(|base| funding)``. What they give beyond the loss goes to the fund.
    """
    asset = settlement_of(engine, instrument)
    wanted = {name: atoms_of(engine, instrument, getattr(loss, name)) for name in ("insurance", "fees", "socialised")}
    funding = loss.funding // FUNDING_OF_QUOTE
    held = held_base(engine, instrument) if wanted["socialised"] else {}
    given = {a: atoms_of(engine, instrument, -(-abs(base) * funding // BASE_ONE)) for a, base in held.items()}
    first = (moved(fund, account, asset, wanted["insurance"]), moved(fee_pool, account, asset, wanted["fees"]))
    apply(engine, *first, *shared(given, account, fund, asset, wanted["socialised"]))
    return given


def shared(given: dict[int, int], account: int, fund: int, asset: int, wanted: int) -> list[Integers]:
    """What each gives, all of it to the account, and the rest of it to the fund; nothing where it is not enough."""
    over = sum(given.values()) - wanted
    if over < 0:
        raise check.refuse("what holders give", f"be at least {wanted} atoms", wanted + over)
    return [*(moved(payer, account, asset, atoms) for payer, atoms in given.items()), moved(account, fund, asset, over)]


def swap_tokens(
    engine: RiskEngine, account: int, asset: str, liability: str, *, repaid: int, given: int, insured: int,
    liquidator: int, fund: int,
) -> None:  # fmt: skip
    """Repay ``repaid`` atoms of a borrowed token for ``given`` of a deposited one, ``insured`` of the debt to the fund.

    The insurance fee is of the borrowed token: it is repaid less than the liquidator brought.
    """
    known = engine.instruments.asset_index
    assets = [int(check.known("asset", name, known, "asset")) for name in (asset, liability)]
    apply(engine, moved(account, liquidator, assets[0], given), moved(liquidator, account, assets[1], repaid),
          moved(account, fund, assets[1], insured))  # fmt: skip


def cover_token_loss(engine: RiskEngine, account: int, asset: str, *, fund: int) -> int:
    """Let all depositors of a token pay what an account owes of it, by the index; the index's change, 1e-10.

    Each keeps the floor of its deposit at the lower index, the rest of what they give goes to the fund. Nothing where
    nobody has deposits.
    """
    row, decimals = engine.instruments.asset_index[asset], engine.instruments.asset(asset).decimals
    scale = 10 ** (BALANCE_DECIMALS - decimals)
    owned = {a: atoms for a, item, atoms in engine.effective_balances() if item == row}
    owed, deposits = -min(owned.get(account, 0), 0), {a: n for a, n in owned.items() if n > 0}
    delta = deposit_index_delta(owed, sum(deposits.values()) * scale, INDEX, decimals)
    if delta:
        kept = {a: deposits_of(n * scale, INDEX - delta, decimals) for a, n in deposits.items()}
        given = {a: n - kept[a] for a, n in deposits.items()}
        apply(engine, *shared(given, account, fund, row, owed))
    return delta


# ---- dYdX v4 --------------------------------------------------------------------------------------


def take_fill(engine: RiskEngine, account: int, fill: LiquidationFill, *, taker: int, fund: int) -> None:
    """Apply a fill with another account, and what it brings or costs the insurance fund."""
    lots = fill.base // lot_base(*contract(engine.prepared, fill.instrument))  # whole lots filled
    traded = for_quote(engine, account, taker, fill.instrument, lots, fill.quote)
    apply(engine, traded, moved(account, fund, settlement_of(engine, fill.instrument), fill.insurance))


def for_quote(engine: RiskEngine, account: int, other: int, instrument: str, lots: int, quote: int) -> Integers:
    """A trade for which the account receives so many quote quanta (< 0: pays), which are atoms."""
    terms = engine.instruments.instrument(instrument)
    decimals = engine.instruments.asset(terms.settlement).decimals
    ticks = nearest_ticks(terms, decimals, lots, -quote)
    return trade_for(engine.instruments, account, other, instrument, lots, ticks, quote)


def take_deleveraging(engine: RiskEngine, account: int, instrument: str, found: Deleveraging) -> None:
    """Apply deleveraging fills; counterparties are accounts of ``EngineHoldings``, whose ids are handles."""
    fills = ((int(fill.counterparty), fill.lots, fill.quote) for fill in found.fills)
    apply(engine, *(for_quote(engine, account, other, instrument, lots, quote) for other, lots, quote in fills))
