"""Derive portfolio margin v2 in NumPy, from the tables of a prepared method."""

import numpy as np

from peers.sums import ARRAYS, NUMBERS, Operators, Rows, by_key


class Peer:
    """Prepares once one wide table of all columns, and factors spread over expiries and rows."""

    def __init__(self, prepared) -> None:
        bound, t = prepared.bound, prepared.bound.tables
        items = {name: np.asarray(keys) for name, keys in bound.items.items()}
        self.option, self.n_items = items["options"], len(items["options"])
        held = self.option >= 0
        self.perp = int(np.flatnonzero(items["perpetual"] >= 0)[0])
        self.n_expiries, self.n_strikes = bound.size("expiry"), bound.size("strike")
        self.expiry = self.over_items(bound.maps["option", "expiry"], self.n_expiries - 1)
        self.strike = self.over_items(bound.maps["option", "strike"], self.n_strikes - 1)
        columns = np.hstack([t[name] for name in ("shocked", "skewed", "forward_moved", "mark")])
        self.wide = np.zeros((self.n_items, columns.shape[1]))
        self.wide[held] = columns[self.option[held]]
        self.size = self.over_items(t["option_size"][:, 0], 0.0)
        self.prepare_rows(t)
        doubt = np.hstack([t["doubt"], t["doubt_with_perp"]])[self.expiry]
        self.doubt = np.abs(self.size)[:, None] * doubt
        self.one_hot = np.eye(self.n_expiries)[self.expiry]
        self.cost = self.over_items(t["premium_atom"][:, 0], float(t["cost_atom"].ravel()[0]))
        self.prepare_assets(items, t)
        self.t = {name: table.ravel() for name, table in t.items()}
        self.plain = {name: table.tolist() for name, table in self.t.items() if table.size <= 2}

    def over_items(self, values: np.ndarray, other: float) -> np.ndarray:
        """A figure of every option, and ``other`` for the perpetual, by instrument."""
        found = np.where(self.option >= 0, np.append(values, other)[self.option], other)
        return found.astype(np.asarray(values).dtype)

    def prepare_rows(self, t) -> None:
        """Sides of the static discount: 1 where none applies; the lesser product is the right side."""
        self.n_regular, self.n_skew = t["shocked"].shape[1], t["skewed"].shape[1]
        self.below, self.above = (np.ones((self.n_expiries, self.wide.shape[1])) for _ in range(2))
        self.below[:, : self.n_regular + self.n_skew] = t["discount_short"]
        self.above[:, : self.n_regular + self.n_skew] = t["discount_long"]
        assert (self.below >= self.above).all()

    def prepare_assets(self, items, t) -> None:
        """Figures of one atom: value, haircuts, cash, moves, doubt."""
        self.n_assets = len(items["collateral"])
        coin, cash = np.flatnonzero(items["collateral"] >= 0), np.flatnonzero(items["cash"] >= 0)
        kinds = (("value", coin), ("haircut", coin), ("cash_atom", cash), ("doubt_of_collateral", coin))
        self.atom = {name: np.zeros((self.n_assets, t[name].shape[1])) for name, _ in kinds}
        for name, rows in kinds:
            self.atom[name][rows] = t[name]
        self.moves = np.zeros((self.n_assets, self.n_regular))
        self.moves[coin] = t["cancelling_move"]

    def scan(self, v: np.ndarray, linear: np.ndarray) -> np.ndarray:
        """Least of scenarios and basis, of sums (..., expiries, columns)."""
        R, K = self.n_regular, self.n_regular + self.n_skew
        mark = v[..., -1:]
        sided = np.minimum(v * self.below, v * self.above)
        regular = (sided[..., :R].sum(axis=-2) - mark.sum(axis=-2)) * self.t["dampening"] + linear
        skew = np.abs(sided[..., R:K] - mark).sum(axis=-2) * -self.t["skew_dampening"]
        basis = np.minimum((v[..., K:-1] - mark).min(axis=-1), 0.0) @ self.t["basis_weight"]
        return np.minimum(basis, np.minimum(regular.min(axis=-1), skew.min(axis=-1)))

    def one(self, book) -> list[float]:
        """Initial and maintenance of the only account, then its equity at both."""
        item, lots = book.positions["instrument"], book.positions["lots"].astype(np.float64)
        held = self.wide[item]
        v = (self.one_hot[item] * lots[:, None]).T @ held
        perp = float(lots[-1]) if item[-1] == self.perp else 0.0
        atoms = np.zeros(self.n_assets)
        atoms[book.balances["asset"]] = book.balances["atoms"]
        linear = perp * self.t["perp_move"] + atoms @ self.moves
        strikes = np.bincount(self.strike[item], lots * self.size[item], self.n_strikes)
        figures = {name: (atoms @ table).tolist() for name, table in self.atom.items()}
        doubts = (np.abs(lots) @ self.doubt[item]).tolist()
        paid = float(book.positions["open_cost"] @ self.cost[item])
        owned = float(np.abs(atoms * self.atom["value"][:, 0]) @ self.atom["doubt_of_collateral"][:, 0])
        naked = -float(np.minimum(strikes, 0.0).sum())
        scan, mark = float(self.scan(v, linear)), float(v[:, -1].sum())
        return self.requirement(NUMBERS, self.plain, scan, mark, perp, naked, doubts, paid, owned, figures)

    def batch(self, form: str, rows: Rows) -> np.ndarray:
        """The same of many accounts, shape (4, accounts)."""
        v = by_key(form, rows, self.wide, self.expiry, self.n_expiries)
        last = rows.start[1:] - 1  # the perpetual is the last instrument
        perp = np.where(rows.item[last] == self.perp, rows.lots[last], 0.0)
        atoms = rows.balances(self.n_assets)
        linear = perp[:, None] * self.t["perp_move"] + atoms @ self.moves
        at = rows.owner * self.n_strikes + self.strike[rows.item]
        strikes = np.bincount(at, rows.lots * self.size[rows.item], len(rows) * self.n_strikes)
        naked = -np.minimum(strikes, 0.0).reshape(len(rows), -1).sum(axis=1)
        figures = {name: (atoms @ table).T for name, table in self.atom.items()}
        doubts = rows.total(np.abs(rows.lots)[:, None] * self.doubt[rows.item]).T
        paid = rows.total(rows.cost * self.cost[rows.item])
        owned = np.abs(atoms * self.atom["value"][:, 0]) @ self.atom["doubt_of_collateral"][:, 0]
        scan, mark = self.scan(v, linear), v[..., -1].sum(axis=1)
        found = (scan, mark, perp, naked, doubts, paid, owned, figures)
        return np.array(self.requirement(ARRAYS, self.plain, *found))

    def requirement(self, o: Operators, t, scan, mark, perp, naked, doubts, paid, owned, figures):
        """Charges at both levels and equity."""
        perps = abs(perp * t["perp_size"][0])
        without, with_perp = doubts
        doubt = perps * t["doubt_of_perp"][0] + o.by_sign(perp, with_perp, without, with_perp) + owned
        charges = [
            -scan * t["scan_factor"][level] + perps * t["perp_charge"][level]
            + naked * t["naked_charge"][level] + figures["haircut"][level] + doubt * t["initial_only"][level]
            for level in range(2)
        ]  # fmt: skip
        equity = mark + perp * t["perp_value"][0] - paid + figures["value"][0] + figures["cash_atom"][0]
        return [*charges, equity, equity]
