"""A made-up calibration of the structure of SIMM, round figures of nobody's, for tests without a licensed file."""

from crossmargin.margin.sensitivity.simm_calibration import Bucketed, Exchange, Rates, SimmCalibration

TENORS = ["3m", "1y", "5y"]


def bucketed(buckets, rho, same, **more):
    return Bucketed(
        weight={b: 10.0 * (n + 1) for n, b in enumerate(buckets)}, vega_weight=dict.fromkeys(buckets, 0.5),
        rho=dict.fromkeys(buckets, rho), rho_same=dict.fromkeys(buckets, same),
        buckets=[b for b in buckets if b != "Residual"],
        gamma=[[1.0 if a == b else 0.2 for b in buckets if b != "Residual"] for a in buckets if a != "Residual"],
        delta_threshold=dict.fromkeys(buckets, 2.0), vega_threshold=dict.fromkeys(buckets, 3.0), **more,
    )  # fmt: skip


def model(days=10):
    rates = Rates(
        tenors=TENORS, group={"USD": "1", "Other": "2"}, weight={"1": [50.0, 60.0, 70.0], "2": [80.0, 90.0, 100.0]},
        inflation_weight=40.0, basis_weight=20.0, vega_weight=0.2, history=0.5,
        rho_tenor=[[1.0, 0.7, 0.4], [0.7, 1.0, 0.8], [0.4, 0.8, 1.0]], rho_curve=0.9, rho_inflation=0.3, rho_basis=0.1,
        gamma=0.25, concentration_group={"USD": "a", "Other": "b"}, delta_threshold={"a": 1.0, "b": 0.5},
        vega_threshold={"a": 10.0, "b": 5.0},
    )  # fmt: skip
    fx = Exchange(
        group={"BRL": "1", "Other": "2"}, weight={"1|1": 20.0, "1|2": 15.0, "2|1": 15.0, "2|2": 8.0}, vega_weight=0.4,
        history=0.6, rho={"2|1|1": 0.4, "2|1|2": 0.3, "2|2|1": 0.3, "2|2|2": 0.5}, vega_rho=0.5,
        category={"USD": "1", "EUR": "1", "Other": "2"}, delta_threshold={"1": 50.0, "2": 10.0},
        vega_threshold={"1": 9.0, "2": 8.0, "4": 7.0},
    )  # fmt: skip
    psi = [[1.0 if i == j else 0.3 for j in range(6)] for i in range(6)]
    return SimmCalibration(
        version="made up", source="tests", days=days, rates=rates,
        credit_qualifying=bucketed(["1", "2", "Residual"], 0.4, 0.9, base_weight=10.0, base_rho=0.25),
        credit_non_qualifying=bucketed(["1", "Residual"], 0.3, 0.8),
        equity=bucketed(["1", "12", "Residual"], 0.2, 1.0, history=0.6),
        commodity=bucketed(["1", "2"], 0.7, 1.0, history=0.7), fx=fx, psi=psi,
    )  # fmt: skip
