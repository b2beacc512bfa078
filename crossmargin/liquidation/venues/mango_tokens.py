"""Mango v4: debts in a token repaid out of another token, and debts that nothing is left to repay.

Notation: h LiquidationEnd health, P price, l the token that is owed, a the one that is owned, w their debt and asset
weights at LiquidationEnd. Rules: mango-v4, instructions/token_liq_with_token.rs and token_liq_bankruptcy.rs.
"""

from dataclasses import dataclass

from crossmargin import _checks as check
from crossmargin.liquidation.venues.mango_rules import InsuranceFund, Limit, Token


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCloseOut:
    """Transfers of one step, whole tokens >= 0.

    The liquidator pays ``repaid`` of the owed token to the account, which pays ``taken`` of the owned token: the
    platform keeps ``platform`` of it, the liquidator the rest.
    """

    owed: str
    owned: str
    repaid: float
    taken: float
    platform: float
    limit: Limit


def close_out_tokens(health: float, owed: Token, owned: Token, *, most: float) -> TokenCloseOut:
    """Repay as much of a debt as brings health to 0, as far as both tokens and the liquidator go.

    ``F = (1 + f_l + p_l)(1 + f_a + p_a)``, f the liquidator's and p the platform's penalty;
    ``repaid = min(-h / (P_l w_l - P_l F w_a), A P_a / (P_l F), -balance_l, -effective_l, most)``, >= 0, with
    ``A = min(balance_a, effective_a)``; ``taken = repaid P_l F / P_a``, of which the liquidator has the part
    ``(1 + f_l)(1 + f_a) / F``.

    ``most``: of the owed token. Refused, and nothing moves: a token that is not owed, or not beside its perpetuals;
    one that is not owned, or not beside them; penalties that eat up what the exchange gains.
    """
    check_sides(owed, owned)
    cost = owed.price / owned.price * share(owed, owned, platform=True)  # of the owned token, for one that is owed
    gain = owed.owed_value - cost * owned.owned_value
    check.positive(f"health of repaying {owed.asset!r} with {owned.asset!r}", gain)
    available = min(owned.balance, owned.effective)
    caps = {
        Limit.HEALTH: max(-check.number("health", health), 0.0) / gain,
        Limit.COLLATERAL: available / cost,
        Limit.DEBT: -max(owed.balance, owed.effective),
        Limit.CALLER: check.number("most", most, low=0.0),
    }
    limit = min(caps, key=caps.__getitem__)
    taken = min(caps[limit] * cost, available)
    platform = taken * (1.0 - share(owed, owned, platform=False) / share(owed, owned, platform=True))
    return TokenCloseOut(
        owed=owed.asset, owned=owned.asset, repaid=caps[limit], taken=taken, platform=platform, limit=limit
    )


def check_sides(owed: Token, owned: Token) -> None:
    """The first is owed and the second owned, by the balance alone and with the perpetuals that settle in it."""
    if owed.asset == owned.asset:
        raise check.refuse("owned token", "differ from the owed one", owned.asset)
    for name, amount in (("balance", owed.balance), ("effective balance", owed.effective)):
        if amount >= 0:
            raise check.refuse(name, "be < 0", amount, f"of owed token {owed.asset!r}")
    for name, amount in (("balance", owned.balance), ("effective balance", owned.effective)):
        check.positive(name, amount, f"of owned token {owned.asset!r}")


def share(owed: Token, owned: Token, *, platform: bool) -> float:
    """What is paid for what is repaid, at oracle prices: 1 and both penalties, the platform's with them or without."""
    first, second = (p.total if platform else p.liquidator for p in (owed.penalty, owned.penalty))
    return (1.0 + first) * (1.0 + second)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBankruptcy:
    """Who bears a debt that nothing is left to repay, whole tokens >= 0; ``insurance`` in atoms of the fund's asset.

    The account receives ``covered`` from the liquidator, who receives ``insurance`` from the fund, and ``socialised``
    from those who lent the token. ``direct``: the fund's own asset is owed, so the fund pays the account itself and the
    liquidator has no part.
    """

    asset: str
    covered: float
    insurance: int
    socialised: float
    direct: bool
    limit: Limit


def cover_debt(owed: Token, *, most: float, fund: InsuranceFund) -> TokenBankruptcy:
    """Have the fund pay a liquidator for a debt, and those who lent the token bear the rest once the fund is empty.

    ``loss = -max(balance, effective)``, ``rate = P (1 + f) / P_fund``, in the fund's own asset 1 token for 1;
    ``insurance = min(ceil(min(loss, most) rate), fund)``, ``covered = min(insurance / rate, loss)``: with the last
    atom more than ``most``, so that no caller draws atoms for less than their worth. ``socialised = loss - covered``
    if the insurance is the whole fund, an empty one included, whatever health is; else 0.

    Refused: a token that is not owed, or not beside its perpetuals.
    """
    loss = -max(owed.balance, owed.effective)
    check.positive("debt", loss, f"of token {owed.asset!r}")
    direct = fund.asset == owed.asset
    worth = owed.price * (1.0 if direct else 1.0 + owed.penalty.liquidator)
    insurance = fund.pays(min(loss, check.number("most", most, low=0.0)) * worth)
    covered, exhausted = fund.covers(insurance, worth, loss), insurance == fund.atoms
    return TokenBankruptcy(
        asset=owed.asset,
        covered=covered,
        insurance=insurance,
        socialised=loss - covered if exhausted else 0.0,
        direct=direct,
        limit=Limit.DEBT if exhausted or covered == loss else Limit.CALLER,
    )


def deposit_factor(loss: float, deposits: float) -> float:
    """Factor on the deposit index of a token that spreads a loss over deposits: ``1 - loss / deposits``.

    Refused: a loss beyond all deposits. In whole atoms, depositor by depositor: ``socialisation.by_deposit_index``.
    """
    check.number("loss", loss, low=0.0, high=check.positive("deposits", deposits))
    return 1.0 - loss / deposits
