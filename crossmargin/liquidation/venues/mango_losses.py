"""Mango v4: the loss of a perpetual without base, settled as far as tokens back it, then insured, then socialised.

Notation: h LiquidationEnd health, q < 0 the perpetual's quote, P price and e effective balance of the settle token.
Rules: mango-v4, instructions/perp_liq_negative_pnl_or_bankruptcy.rs, state/perp_market.rs (socialised loss).
"""

from dataclasses import dataclass

from crossmargin import _checks as check
from crossmargin.liquidation.venues.mango_rules import InsuranceFund, Limit, Perpetual, Token


@dataclass(frozen=True, slots=True, kw_only=True)
class LossCloseOut:
    """Transfers of one step, settle tokens >= 0; ``insurance`` in atoms of the fund's asset.

    The account's quote rises by all three. ``settled`` it pays in settle tokens to the liquidator, whose quote falls
    by it; by ``covered`` the liquidator's quote falls too, for the ``insurance`` of the fund; ``socialised`` is borne
    by those who hold the perpetual (``funding_after``).
    """

    instrument: str
    settled: float
    covered: float = 0.0
    insurance: int = 0
    socialised: float = 0.0
    limit: Limit


def close_out_loss(
    health: float,
    perpetual: Perpetual,
    token: Token,
    *,
    room: float,
    settle_limit: float,
    most: float,
    fund: InsuranceFund,
) -> LossCloseOut:
    """Settle a loss, then take as much of the rest off the account as brings health to 0.

    ``settled = min(-q, settle_limit, room, most)``, ``room`` being what the account can pay in settle tokens with its
    health without perpetuals still >= 0: it leaves h as it is. Where ``most`` is not what bound it,
    ``need = min(-q - settled, rise of e that brings h to 0)``, ``take = min(need, most - settled)``;
    ``rate = P (1 + f_b) / P_fund``; ``insurance = min(ceil(take rate), fund)``;
    ``covered = min(take, insurance / rate)``; ``socialised = need - covered`` if the insurance is the whole fund, an
    empty one included; else 0.

    ``most``: of the loss, what the liquidator takes over. Refused: a perpetual with lots, or without a loss.
    """
    owed = loss_of(perpetual)
    backed = min(owed, settlement_cap(settle_limit, room))
    settled = min(backed, check.number("most", most, low=0.0))
    if settled < backed:  # a larger liquidator could still settle, so nobody else has to pay
        return LossCloseOut(instrument=perpetual.instrument, settled=settled, limit=Limit.CALLER)
    left = owed - settled
    need = min(left, token.rise(token.effective, -check.number("health", health)))
    take = min(need, most - settled)
    worth = token.price * (1.0 + perpetual.penalty.liquidator)
    insurance = fund.pays(take * worth)
    covered, exhausted = fund.covers(insurance, worth, take), insurance == fund.atoms
    return LossCloseOut(
        instrument=perpetual.instrument,
        settled=settled,
        covered=covered,
        insurance=insurance,
        socialised=need - covered if exhausted else 0.0,
        limit=limit_of(left, need, take if not exhausted else need),
    )


def loss_of(perpetual: Perpetual) -> float:
    """``-q`` of a perpetual without base."""
    where = f"of perpetual {perpetual.instrument!r}"
    if perpetual.lots:
        raise check.refuse("lots", "be 0 before a loss is settled", perpetual.lots, where)
    return check.positive("loss", -perpetual.quote, where)


def settlement_cap(settle_limit: float, room: float) -> float:
    return min(check.number("settle limit", settle_limit, low=0.0), check.number("room", room, low=0.0))


def limit_of(left: float, need: float, borne: float) -> Limit:
    """What the step ended at, of a loss left after settling, of which the need was to be borne by others."""
    if borne < need:
        return Limit.CALLER
    return Limit.POSITION if need >= left else Limit.HEALTH


def funding_after(long_index: float, short_index: float, loss: float, open_interest: int) -> tuple[float, float]:
    """Funding indices, settle tokens a lot, after a loss is spread over all who hold the perpetual.

    ``(long + loss / OI, short - loss / OI)``: a holder of signed lots n pays ``n`` times the rise of the index of its
    side, so each side pays; OI is the sum of ``|lots|`` over both. With nobody holding lots nothing is booked, and the
    last who settles a profit bears it. In whole atoms, holder by holder: ``socialisation.by_funding_index``.
    """
    check.number("loss", loss, low=0.0)
    if not check.integer("open interest", open_interest, low=0):
        return long_index, short_index
    return long_index + loss / open_interest, short_index - loss / open_interest
