"""Deribit portfolio margin of one bucket in NumPy, from the tables of a prepared method."""

import numpy as np

from peers.sums import ARRAYS, NUMBERS, Operators, Rows, by_account


class Peer:
    """Prepares once one wide table: scenarios, deltas by expiry, deltas and values of the account."""

    def __init__(self, prepared) -> None:
        bound, t = prepared.bound, prepared.bound.tables
        assert bound.size("bucket") == bound.size("group") == bound.size("asset") == 1
        assert (np.asarray(bound.items["position"]) == np.arange(bound.size("instrument"))).all()
        self.n_standard, self.n_rows = t["standard"].shape[1], t["standard"].shape[1] + t["extended"].shape[1]
        expiry = np.asarray(bound.maps["instrument", "expiry"])
        deltas = np.eye(bound.size("expiry"))[expiry] * t["delta"]
        self.wide = np.hstack([t["standard"], t["extended"], deltas, t["future_delta"], t["value"]])
        self.option_delta, self.cost = t["option_delta"][:, 0], t["cost_price"][:, 0]
        self.dampener, self.roll = t["dampener"][0], t["roll_rate"][:, 0]
        self.offset, self.most = float(t["pnl_offset"][0, 0]), float(t["max_offsetable_pnl"][0, 0])
        self.plain = {name: table.ravel().tolist() for name, table in t.items() if table.size <= 2}
        self.price = prepared.market.value("index", prepared.instruments.assets[0].id)

    def worst(self, v: np.ndarray) -> np.ndarray:
        """Worst of the aggregated scenarios, of sums (..., columns)."""
        extended = v[..., self.n_standard : self.n_rows]
        netted = v[..., : self.n_rows].copy()
        netted[..., self.n_standard :] -= np.clip(extended, -self.dampener, self.dampener)
        aggregated = np.minimum(np.maximum(netted, 0.0) * self.offset, self.most) + np.minimum(netted, 0.0)
        return aggregated.min(axis=-1)

    def one(self, book) -> list[float]:
        """Initial and maintenance of the only account, then its equity at both."""
        item, lots = book.positions["instrument"], book.positions["lots"].astype(np.float64)
        v = lots @ self.wide[item]
        delta = lots * self.option_delta[item]
        paid = book.positions["open_cost"] @ self.cost[item]
        held = np.array([delta[lots > 0].sum(), delta[lots < 0].sum(), paid])
        roll = float(np.abs(v[self.n_rows : -2]) @ self.roll)
        atoms = float(book.balances["atoms"].sum())
        figures = [float(self.worst(v)), roll, *held.tolist(), *v[-2:].tolist(), atoms]
        return self.requirement(NUMBERS, self.plain, *figures)

    def batch(self, form: str, rows: Rows) -> np.ndarray:
        """The same of many accounts, shape (4, accounts)."""
        v = by_account(form, rows, self.wide)
        delta = rows.lots * self.option_delta[rows.item]
        long, whole = rows.total(np.where(rows.lots > 0, delta, 0.0)), rows.total(delta)
        paid = rows.total(rows.cost * self.cost[rows.item])
        roll = np.abs(v[:, self.n_rows : -2]) @ self.roll
        figures = (self.worst(v), roll, long, whole - long, paid, v[:, -2], v[:, -1], rows.balances(1)[:, 0])
        return np.array(self.requirement(ARRAYS, self.plain, *figures))

    def requirement(self, o: Operators, t, least, roll, long, short, paid, future, value, atoms) -> list:
        """Charges at both levels and equity."""
        unit, worst = t["rounding_unit"][0], -o.least(least, 0.0)
        shock = self.delta_shock(o, t, long, future + short)
        of_worst = o.nearest(worst / unit) * unit - worst
        matrix = worst + of_worst + roll + shock
        of_matrix = o.nearest(matrix / unit) * unit - matrix
        owned = atoms * t["unit_value"][0]
        required = [
            matrix * t["matrix_factor"][level] + of_matrix * t["at_initial"][level]
            + t["open_orders_margin"][level] + t["mmp_margin"][level] + t["spot_margin"][level]
            for level in range(2)
        ]  # fmt: skip
        equity = [value - paid + owned - o.most(owned, 0.0) * t["haircut"][level] for level in range(2)]
        return [figure / self.price for figure in (*required, *equity)]

    def delta_shock(self, o: Operators, t, d1, d2):
        """Long options may reduce the deltas of the rest, never turn them."""
        falling = o.least(o.most(d1 + d2, d2), 0.0)
        rising = o.most(o.least(d1 + d2, d2), 0.0)
        size = abs(o.by_sign(d2, falling, rising, rising))
        beyond = o.most(size - t["delta_threshold"][0], 0.0)
        return size * o.least(beyond * t["m_inc"][0], t["max_delta_shock"][0])
