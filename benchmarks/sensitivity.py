"""SIMM of 24, 240 and 2,400 rows, and ``sqrt(diag(W S W'))``, beside open-source-risk-engine and NumPy with BLAS.

What is asked: what does a margin from sensitivities cost beside the library that risk teams use, and beside matrices?
Reading and laying out are counted apart; ours and NumPy are compared before the clock runs (the engine by its own example,
a row of the conformance tests). One thread for all.

    python benchmarks/sensitivity.py [calibration 2.6 in XML, maybe .gz] [rounds] [accounts of the largest batch]

Without a calibration (ISDA's figures are the user's own) the first part is left out; open-source-risk-engine where it is
installed.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # before NumPy is loaded
    os.environ[name] = "1"

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from crossmargin.margin.sensitivity.crif import Crif
from crossmargin.margin.sensitivity.quadratic import norms
from crossmargin.margin.sensitivity.simm import Simm
from crossmargin.margin.sensitivity.simm_xml import read_simm_xml
from peers.covariance import Blocked
from peers.engine import Engine
from peers.simm import Peer  # beside this file

TENORS = ("2w", "1m", "3m", "6m", "1y", "2y", "3y", "5y", "10y", "15y", "20y", "30y")
CURRENCIES = ("USD", "EUR", "GBP", "CHF", "SEK", "NOK")
BOOKS = 100
SHAPES = ((10_000, 50), (10_000, 500), (1_000_000, 50), (1_000_000, 500))


def best(call, rounds):
    """Least seconds of some calls."""
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return min(found)


def rows_of(n):
    """Rates by currency and tenor, and FX, as a trade list would have them."""
    found = []
    for i in range(n):
        name, amount = CURRENCIES[i % 6], (i % 17 - 8.5) * 1000
        if i % 3 < 2:
            found.append(Crif(product="RatesFX", risk_type="Risk_IRCurve", qualifier=name, bucket="1",
                              label1=TENORS[(i // 6) % 12], label2="OIS", amount=amount))  # fmt: skip
        else:
            found.append(Crif(product="RatesFX", risk_type="Risk_FX", qualifier=name, amount=amount * 10))
    return found


def engine():
    found = Engine.installed()
    if found is None:
        print("open-source-risk-engine is not installed: left out")
    return found


def simm(path, rounds):
    model = Simm(read_simm_xml(path))
    ore = engine()
    print(f"SIMM {model.calibration.version}, microseconds a book; in a batch of {BOOKS} books of one calibration")
    print(f"{'rows':>6} {'laid out':>10} {'ours':>10} {'batch':>10} {'NumPy':>10} {'in batch':>10} {'ORE':>10} {'its rows':>10}")
    for n in (24, 240, 2400):
        rows = rows_of(n)
        prepared, peer = model.prepare(rows), Peer(model.calibration, rows)
        amounts = np.array([row.amount for row in rows])
        batch = np.random.default_rng(1).normal(1.0, 0.2, (BOOKS, 1)) * amounts
        many = model.prepare([replace(row, portfolio=str(book)) for book in range(BOOKS) for row in rows])
        expected = peer.margins(batch)
        np.testing.assert_allclose(many.margin(batch.ravel()).totals, expected, rtol=1e-10)
        np.testing.assert_allclose(prepared.margin().total, peer.margins(amounts[None])[0], rtol=1e-10)
        cells = [best(lambda: model.prepare(rows), rounds), best(prepared.margin, rounds),
                 best(lambda: many.margin(batch.ravel()).totals, rounds) / BOOKS,
                 best(lambda: peer.margins(amounts[None]), rounds), best(lambda: peer.margins(batch), rounds) / BOOKS]  # fmt: skip
        if ore is not None:
            records = ore.records(rows)
            cells += [best(lambda: ore.margin(records), rounds), best(lambda: ore.records(rows), rounds)]
        print(f"{n:>6}", *(f"{1e6 * cell:>10.1f}" for cell in cells))


def covariance(rounds, most):
    print("\nsqrt(diag(W S W')), nanoseconds an account")
    print(f"{'accounts':>10} {'factors':>8} {'ours':>10} {'W L, blocked':>14} {'(W L)**2':>10} {'(W S) W':>10}")
    for accounts, factors in SHAPES:
        if accounts > most:
            continue
        rng = np.random.default_rng(1)
        half = rng.normal(size=(factors, factors))
        s, w = half @ half.T / factors, rng.normal(size=(accounts, factors))
        root = np.linalg.cholesky(s)

        blocked = Blocked(w, root)

        forms = [lambda: norms(w, s), blocked.norms, lambda: np.sqrt(((w @ root) ** 2).sum(axis=1)),
                 lambda: np.sqrt(np.einsum("ij,ij->i", w @ s, w))]  # fmt: skip
        np.testing.assert_allclose(forms[0](), forms[1](), rtol=1e-9)
        widths = (10, 14, 10, 10)
        cells = [f"{1e9 * best(form, rounds) / accounts:>{width}.1f}" for form, width in zip(forms, widths, strict=True)]
        print(f"{accounts:>10,} {factors:>8}", *cells)


def main():
    given = sys.argv[1:]
    path = Path(given.pop(0)) if given and not given[0].isdigit() else None
    rounds = int(given[0]) if given else 7
    if path is None:
        print("no calibration given: SIMM is left out")
    else:
        simm(path, rounds)
    covariance(rounds, int(given[1]) if len(given) > 1 else 1_000_000)


if __name__ == "__main__":
    main()
