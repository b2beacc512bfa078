"""OKX portfolio margin of one unit in NumPy, from the tables of a prepared method; in the currency."""

import numpy as np

from peers.sums import ARRAYS, NUMBERS, Operators, Rows, by_account

QUOTES = ("usdt_delta", "usdc_delta", "usd_delta")
BY_EXPIRY = ("cash_delta", "vega", "rho")


class Peer:
    """Prepares once one wide table: scenarios, three sums by expiry, deltas and the value."""

    def __init__(self, prepared) -> None:
        bound, t = prepared.bound, prepared.bound.tables
        assert (np.asarray(bound.items["position"]) == np.arange(bound.size("instrument"))).all()
        self.unit = bound.labels["unit"].index(prepared.instruments.rows[0].underlying)
        self.n_mr1 = t["mr1_profit"].shape[1]
        self.n_rows = self.n_mr1 + t["mr6_profit"].shape[1]
        self.n_expiries = bound.size("expiry")
        one_hot = np.eye(self.n_expiries)[np.asarray(bound.maps["instrument", "expiry"])]
        by_expiry = [one_hot * t[name] for name in BY_EXPIRY]
        rest = [t[name] for name in ("value", "day_gain", "index_delta", *QUOTES)]
        self.wide = np.hstack([t["mr1_profit"], t["mr6_profit"], *by_expiry, *rest])
        self.moves = np.hstack([t["mr1_move"], t["mr6_move"]])[self.unit]
        self.close, self.cost = np.hstack([t["close_long"], t["close_short"]]), t["cost"][:, 0]
        self.basis = t["basis_rate"][:, 0]
        self.settled = int(prepared.instruments.settlement[0])
        assert (prepared.instruments.settlement == self.settled).all()
        self.n_assets, self.size, self.coin = bound.size("asset"), t["unit_value"][:, 0], t["coin"][:, 0]
        settlement = prepared.instruments.assets[self.settled]
        self.price = prepared.market.price(settlement.id, settlement.underlying)
        self.plain = {name: table.ravel().tolist() for name, table in t.items() if table.size <= 4}
        kinds = (("close", "multipliers"), ("depeg", "rates"), ("discount", "rates"))
        self.tiers = {name: marginal(t[f"{name}_edges"], t[f"{name}_{rates}"]) for name, rates in kinds}

    def one(self, book) -> list[float]:
        """Initial and maintenance of the only account, then its equity at both."""
        item, lots = book.positions["instrument"], book.positions["lots"].astype(np.float64)
        v = lots @ self.wide[item]
        close = float(np.abs(lots) @ self.close[item, (lots < 0).astype(np.int64)])
        atoms = np.zeros(self.n_assets)
        atoms[book.balances["asset"]] = book.balances["atoms"]
        owned = atoms * self.size
        rest = v[self.n_rows + 3 * self.n_expiries :].tolist()
        owned[self.settled] += rest[0] - float(book.positions["open_cost"] @ self.cost[item])
        return self.requirement(NUMBERS, v, rest, close, float(atoms @ self.coin), owned)

    def batch(self, form: str, rows: Rows) -> np.ndarray:
        """The same of many accounts, shape (4, accounts)."""
        v = by_account(form, rows, self.wide)
        close = rows.total(np.abs(rows.lots) * self.close[rows.item, (rows.lots < 0).astype(np.int64)])
        atoms = rows.balances(self.n_assets)
        owned = atoms * self.size
        rest = np.ascontiguousarray(v[:, self.n_rows + 3 * self.n_expiries :].T)
        owned[:, self.settled] += rest[0] - rows.total(rows.cost * self.cost[rows.item])
        return np.array(self.requirement(ARRAYS, v, rest, close, atoms @ self.coin, owned))

    def requirement(self, o: Operators, v, rest, close, coins, owned) -> list:
        """Charges at both levels and equity, of sums (..., columns)."""
        t, u = self.plain, self.unit
        _, day, delta, usdt, usdc, usd = rest
        used = self.spot_in_use(o, coins, delta)
        mr1, mr6 = self.scenarios(o, v, used)
        mr4, mr3, mr5 = self.by_expiry(v)
        mr4 = mr4 + abs(used) * t["spot_basis"][u]
        mr9 = self.tier("depeg", self.hedged(o, usdt, usdc, usd + used))
        stress = o.most(o.most(mr1, o.most(-day, 0.0)), mr6 * t["extreme_share"][0])
        before = stress + mr3 * t["vega_rate"][0] + mr4 + mr5 * t["rate_move"][0]
        before = before + mr9 * t["depeg_within"][0]
        unit = o.most(before, self.tier("close", close)) + mr9 * t["depeg_beside"][0]
        owed = np.maximum(-owned, 0.0).sum(axis=-1)
        edges, rates = self.tiers["discount"]
        beyond = np.maximum(np.maximum(owned, 0.0)[..., None] - edges, 0.0)
        counted = (beyond * rates).sum(axis=(-2, -1))
        required = [unit * t["unit_factor"][level] + owed * t["borrow_rate"][level] for level in range(2)]
        equity, price = counted - owed, self.price
        return [figure / price for figure in (*required, equity, equity)]

    def spot_in_use(self, o: Operators, coins, delta):
        """Spot that hedges the delta of the contracts."""
        long, short = (o.least(o.most(s * coins, 0.0), o.most(-s * delta, 0.0)) for s in (1.0, -1.0))
        return (long - short) * self.plain["spot_counts"][0]

    def scenarios(self, o: Operators, v: np.ndarray, used) -> list:
        """Losses of MR1 and MR6."""
        gain = v[..., : self.n_rows] + np.multiply.outer(used, self.moves)
        least = gain[..., : self.n_mr1].min(axis=-1), gain[..., self.n_mr1 :].min(axis=-1)
        return [-o.least(x, 0.0) for x in least]

    def by_expiry(self, v: np.ndarray) -> list:
        """Gross over expiries: cash delta at its rate, vega, rho."""
        size = np.abs(v[..., self.n_rows : self.n_rows + 3 * self.n_expiries])
        n = self.n_expiries
        sums = (size[..., k * n : (k + 1) * n].sum(axis=-1) for k in (1, 2))
        return [size[..., :n] @ self.basis, *sums]

    def tier(self, name: str, x):
        """Marginal tiers of a size."""
        edges, rates = self.tiers[name]
        return np.maximum(np.subtract.outer(abs(x), edges), 0.0) @ rates

    def hedged(self, o: Operators, usdt, usdc, usd):
        """What one quote currency hedges of another: USDT with USD, then with USDC, then USDC with USD."""
        left, size = {"usdt": usdt, "usdc": usdc, "usd": usd}, 0.0
        for one, other in (("usdt", "usd"), ("usdt", "usdc"), ("usdc", "usd")):
            x, y = left[one], left[other]
            down = o.least(o.most(x, 0.0), o.most(-y, 0.0))
            up = o.least(o.most(-x, 0.0), o.most(y, 0.0))
            left[one], left[other], size = x - down + up, y + down - up, size + down + up
        return size


def marginal(edges: np.ndarray, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges, and what each adds to the rate before it; one row where all keys share it."""
    steps = np.diff(rates, axis=-1, prepend=0.0)
    return (edges[0], steps[0]) if len(edges) == 1 else (edges, steps)
