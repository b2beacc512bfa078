"""Best NumPy and BLAS form of a rates-and-FX SIMM delta: whole matrices made outside the clock, a book one row.

Written from the formulas for this benchmark: netting by a dense map, concentration, then ``X R`` by one matrix product
for all books, buckets and currencies by small einsums.
"""

import numpy as np


class Peer:
    """Interest-rate and FX delta of books that hold the same factors; figures from a calibration."""

    def __init__(self, calibration, rows):
        rates, fx = calibration.rates, calibration.fx
        curve = [(n, r) for n, r in enumerate(rows) if r.risk_type == "Risk_IRCurve"]
        spot = [(n, r) for n, r in enumerate(rows) if r.risk_type == "Risk_FX" and r.qualifier != "USD"]
        self.keys = list(dict.fromkeys((r.qualifier, r.label1, r.label2) for _, r in curve))
        self.names = list(dict.fromkeys(r.qualifier for _, r in spot))
        self.currencies = list(dict.fromkeys(key[0] for key in self.keys))
        self.net = np.zeros((len(rows), len(self.keys)))
        for n, r in curve:
            self.net[n, self.keys.index((r.qualifier, r.label1, r.label2))] = 1.0
        self.net_fx = np.zeros((len(rows), len(self.names)))
        for n, r in spot:
            self.net_fx[n, self.names.index(r.qualifier)] = 1.0
        group = lambda table, name: table.get(name, table["Other"])  # noqa: E731
        tenor = [rates.tenors.index(key[1]) for key in self.keys]
        self.member = np.array([[key[0] == c for c in self.currencies] for key in self.keys], dtype=float)
        self.weight = np.array([rates.weight[group(rates.group, k[0])][t] for k, t in zip(self.keys, tenor, strict=True)])
        rho = np.array(rates.rho_tenor)[np.ix_(tenor, tenor)]
        other = np.array([[1.0 if a[2] == b[2] else rates.rho_curve for b in self.keys] for a in self.keys])
        self.rho = rho * other * (self.member @ self.member.T)
        self.limit = np.array([rates.delta_threshold[group(rates.concentration_group, c)] * 1e6 for c in self.currencies])
        base = group(fx.group, "USD")
        groups = [group(fx.group, name) for name in self.names]
        self.weight_fx = np.array([fx.weight[f"{g}|{base}"] for g in groups])
        self.rho_fx = np.array([[fx.rho[f"{base}|{a}|{b}"] for b in groups] for a in groups])
        np.fill_diagonal(self.rho_fx, 1.0)
        self.limit_fx = np.array([fx.delta_threshold[group(fx.category, name)] * 1e6 for name in self.names])
        self.gamma, self.psi = rates.gamma, calibration.psi[0][5]

    def margins(self, amounts):
        """SIMM of each book, (books,); ``amounts`` (books, rows)."""
        net = amounts @ self.net
        size = np.maximum(1.0, np.sqrt(np.abs(net @ self.member) / self.limit))
        x = net * self.weight * (size @ self.member.T)
        k = np.sqrt(np.maximum((x * (x @ self.rho)) @ self.member, 0.0))
        s = np.clip(x @ self.member, -k, k)
        g = np.minimum(size[:, :, None], size[:, None]) / np.maximum(size[:, :, None], size[:, None])
        cross = np.einsum("bi,bij,bj->b", s, g, s) - (s * s).sum(axis=1)
        rates = np.sqrt(np.maximum((k * k).sum(axis=1) + self.gamma * cross, 0.0))
        net = amounts @ self.net_fx
        size = np.maximum(1.0, np.sqrt(np.abs(net) / self.limit_fx))
        x = net * self.weight_fx * size
        f = np.minimum(size[:, :, None], size[:, None]) / np.maximum(size[:, :, None], size[:, None])
        fx = np.sqrt(np.maximum(np.einsum("bi,bij,bj->b", x, f * self.rho_fx, x), 0.0))
        return np.sqrt(rates**2 + fx**2 + 2.0 * self.psi * rates * fx)
