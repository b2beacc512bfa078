"""Figures of MAR21 that the published rows need, as a calibration; bank capital is no method of the package."""

from math import exp, sqrt

from crossmargin.margin.sensitivity.calibration import Calibration, RiskClass, Scenario, Side

YEARS = {"3m": 0.25, "6m": 0.5, "1y": 1.0, "2y": 2.0, "3y": 3.0, "5y": 5.0, "10y": 10.0}
EQUITY = dict(zip(map(str, range(1, 14)), (55, 60, 45, 55, 30, 35, 40, 50, 70, 50, 70, 15, 25), strict=True))
EQUITY_RHO = [0.15] * 4 + [0.25] * 4 + [0.075, 0.125, 0.0, 0.80, 0.80]
COMMODITY = dict(zip(map(str, range(1, 12)), (30, 35, 60, 80, 40, 45, 20, 35, 25, 35, 50), strict=True))
COMMODITY_RHO = (55, 95, 40, 80, 60, 65, 55, 45, 15, 40, 15)
CREDIT = dict(zip(map(str, range(1, 9)), (0.5, 1, 5, 3, 3, 2, 1.5, 2.5), strict=True)) | {"16": 12}
SECTORS = [[75, 10, 20, 25, 20, 15, 10], [5, 15, 20, 15, 10, 10], [5, 15, 20, 5, 20], [20, 25, 5, 5], [25, 5, 15],
           [5, 20], [5]]  # fmt: skip
SCENARIOS = [Scenario(name="HIGH", times=1.25), Scenario(name="MEDIUM"), Scenario(name="LOW", floor=0.75)]


def equity_delta():
    gamma = {f"{a}/{b}": 0.15 for a in range(1, 11) for b in range(a + 1, 11)}
    gamma |= {f"{a}/{b}": 0.45 for a in range(1, 11) for b in (12, 13)} | {"12/13": 0.75, "*": 0.0}
    return RiskClass(
        weight={f"{b}/SPOT": w / 100 for b, w in EQUITY.items()} | {f"{b}/REPO": w / 10_000 for b, w in EQUITY.items()},
        weight_label="risk_factor", absolute=["11"], gamma=gamma,
        sides=[Side(label="qualifier", rho={str(b + 1): r for b, r in enumerate(EQUITY_RHO)}),
               Side(label="risk_factor", rho={"*": 0.999})],
    )  # fmt: skip


def commodity_delta():
    gamma = {f"{b}/11": 0.0 for b in range(1, 11)} | {"*": 0.2}
    names = Side(label="risk_factor", rho={str(b + 1): r / 100 for b, r in enumerate(COMMODITY_RHO)})
    sides = [names, Side(label="tenor", rho={"*": 0.99}), Side(label="qualifier", rho={"*": 0.999})]
    return RiskClass(weight={b: w / 100 for b, w in COMMODITY.items()}, sides=sides, gamma=gamma)


def credit_delta():
    gamma = {f"{a + 1}/{a + 2 + n}": g / 100 for a, row in enumerate(SECTORS) for n, g in enumerate(row)}
    sides = [Side(label="qualifier", rho={"*": 0.35}), Side(label="tenor", rho={"*": 0.65}),
             Side(label="risk_factor", rho={"*": 0.999})]  # fmt: skip
    return RiskClass(weight={b: w / 100 for b, w in CREDIT.items()}, sides=sides, absolute=["16"], gamma=gamma | {"*": 0.0})


def between_tenors(label):
    """``exp(-0.01 |T_k - T_l| / min(T_k, T_l))``."""
    names = list(YEARS)
    return Side(label=label, names=names, matrix=[
        [exp(-0.01 * abs(YEARS[a] - YEARS[b]) / min(YEARS[a], YEARS[b])) for b in names] for a in names
    ])  # fmt: skip


def vega(horizon, gamma, *sides):
    """``RW = min(0.55 sqrt(horizon / 10), 1)``."""
    return RiskClass(weight={"*": min(0.55 * sqrt(horizon / 10), 1.0)}, sides=[between_tenors("option_tenor"), *sides],
                     gamma={"*": gamma})  # fmt: skip


def calibration():
    """Classes by (class, measure); FX, securitisations and others of one factor a bucket need no rho."""
    delta = {"EQUITY DELTA": equity_delta(), "COMMODITY DELTA": commodity_delta(), "CSR_NONSEC DELTA": credit_delta()}
    vegas = {
        "GIRR VEGA": vega(60, 0.5, between_tenors("tenor")), "FX VEGA": vega(40, 0.6), "EQUITY VEGA": vega(20, 0.15),
        "COMMODITY VEGA": vega(120, 0.2), "CSR_NONSEC VEGA": vega(120, 0.1), "CSR_SEC_NONCTP VEGA": vega(120, 0.0),
        "CSR_SEC_CTP VEGA": vega(120, 0.1),
    }  # fmt: skip
    return Calibration(name="SBM", date="2023-01-01", source="MAR21", classes=delta | vegas, scenarios=SCENARIOS,
                       indefinite="keep")  # fmt: skip  the high scenario is none
