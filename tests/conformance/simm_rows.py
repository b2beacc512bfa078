"""Published SIMM rows as CRIF rows, and the published figures of a version as a calibration."""

from conformance.rows import FOLDER
from crossmargin.margin.sensitivity.crif import Crif
from crossmargin.margin.sensitivity.simm_calibration import (
    RESIDUAL,
    RISK_CLASSES,
    Bucketed,
    Exchange,
    Rates,
    SimmCalibration,
)

FIELDS = ("risk_type", "qualifier", "bucket", "label1", "label2", "product")


def crif(row):
    """A row of the pool; add-on rows name their product and figure by fields of their own."""
    if row["risk_type"] == "Param_ProductClassMultiplier":
        return Crif(risk_type=row["risk_type"], qualifier=row["product"], amount=row["amount"])
    amount = row.get("amount_usd", row.get("percent"))
    known = {name: row[name] or "" for name in FIELDS if name in row}
    if "addon_product" in row:
        known["qualifier"] = row["addon_product"]
    return Crif(amount=amount, **known)


def suffixed(table):
    """A table of the file, whose key may carry an explanation in brackets."""
    return {name.split(" (")[0]: value for name, value in table.items()}


def rates(ir, horizon):
    return Rates(
        tenors=ir["tenors"], group=ir["rw_vol_group_of_currency"], weight=ir["delta_rw"][horizon],
        inflation_weight=ir["inflation_rw"][horizon], basis_weight=ir["xccy_basis_rw"][horizon],
        vega_weight=ir["vega_rw"][horizon], history=ir["hvr"][horizon], rho_tenor=ir["rho_tenor"],
        rho_curve=ir["phi_subcurve"], rho_inflation=ir["rho_inflation"], rho_basis=ir["rho_xccy_basis"],
        gamma=ir["gamma_currency"], concentration_group=ir["conc_group_of_currency"],
        delta_threshold=ir["conc_threshold_delta_musd_per_bp"], vega_threshold=ir["conc_threshold_vega_musd"],
    )  # fmt: skip


def bucketed(table, horizon):
    weight, rho = table["delta_rw"][horizon], table["rho_intra"]
    buckets, credit = list(weight), "aggregate|same" in rho
    kind = {b: "residual" if b == RESIDUAL else "aggregate" for b in buckets}
    return Bucketed(
        weight=weight, vega_weight=by_bucket(table["vega_rw"][horizon], buckets),
        history=table.get("hvr", {}).get(horizon, 1.0),
        rho={b: rho[f"{kind[b]}|different"] for b in buckets} if credit else rho,
        rho_same={b: rho[f"{kind[b]}|same"] if credit else 1.0 for b in buckets},
        buckets=[b for b in buckets if b != RESIDUAL], gamma=table["gamma_inter"],
        delta_threshold=table["conc_threshold_delta_musd"],
        vega_threshold=by_bucket(table["conc_threshold_vega_musd"], buckets),
        base_weight=table.get("base_corr_rw", {}).get(horizon, 0.0), base_rho=table.get("rho_base_corr", 0.0),
    )  # fmt: skip


def by_bucket(figure, buckets):
    return figure if isinstance(figure, dict) else dict.fromkeys(buckets, figure)


def exchange(table, horizon):
    fx = suffixed(table)
    return Exchange(
        group=fx["vol_group_of_currency"], weight=fx["delta_rw"][horizon], vega_weight=fx["vega_rw"][horizon],
        history=fx["hvr"][horizon], rho=fx["rho_delta"], vega_rho=fx["rho_vega_curvature"],
        category=fx["conc_category_of_currency"], delta_threshold=fx["conc_threshold_delta_musd"],
        vega_threshold=fx["conc_threshold_vega_musd"],
    )  # fmt: skip


def calibration(figures, horizon, version="2.5"):
    order = figures["psi_risk_class"]["labels"]
    places = [order.index(name) for name in RISK_CLASSES]
    matrix = figures["psi_risk_class"]["matrix"]
    return SimmCalibration(
        version=version, source="published figures", days=int(horizon[:-1]), rates=rates(figures["ir"], horizon),
        credit_qualifying=bucketed(figures["crq"], horizon), credit_non_qualifying=bucketed(figures["cnq"], horizon),
        equity=bucketed(figures["eq"], horizon), commodity=bucketed(figures["cm"], horizon),
        fx=exchange(figures["fx"], horizon), psi=[[matrix[i][j] for j in places] for i in places],
    )  # fmt: skip


def data(name):
    return FOLDER.parent / "data" / "simm" / name
