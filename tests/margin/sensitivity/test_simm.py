"""SIMM on a made-up calibration: hand-worked figures, batches, contributions, files, refusals."""

from dataclasses import replace
from math import sqrt
from statistics import NormalDist

import msgspec
import numpy as np
import pytest
from margin.sensitivity.simm_model import bucketed, model

from crossmargin import InvalidInputError
from crossmargin.margin.sensitivity.crif import Crif, read_crif
from crossmargin.margin.sensitivity.simm import Simm
from crossmargin.margin.sensitivity.simm_regulations import regulated
from crossmargin.margin.sensitivity.simm_xml import parse_simm_xml

SIMM = Simm(model())
KINDS = [
    ("RatesFX", "Risk_IRCurve", "USD", "1", "1y", "OIS"), ("RatesFX", "Risk_IRCurve", "USD", "1", "5y", "Libor"),
    ("RatesFX", "Risk_IRCurve", "EUR", "2", "3m", "OIS"), ("RatesFX", "Risk_Inflation", "USD", "", "", ""),
    ("RatesFX", "Risk_XCcyBasis", "EUR", "", "", ""), ("RatesFX", "Risk_IRVol", "USD", "", "1y", ""),
    ("RatesFX", "Risk_IRVol", "EUR", "", "5y", ""), ("RatesFX", "Risk_FX", "BRL", "", "", ""),
    ("RatesFX", "Risk_FX", "EUR", "", "", ""), ("RatesFX", "Risk_FXVol", "USDEUR", "", "3m", ""),
    ("Credit", "Risk_CreditQ", "A", "1", "1y", ""), ("Credit", "Risk_CreditQ", "A", "1", "5y", ""),
    ("Credit", "Risk_CreditQ", "B", "Residual", "5y", ""), ("Credit", "Risk_BaseCorr", "IDX", "", "", ""),
    ("Credit", "Risk_CreditNonQ", "C", "1", "5y", "G"), ("Equity", "Risk_Equity", "D", "1", "", ""),
    ("Equity", "Risk_Equity", "E", "12", "", ""), ("Equity", "Risk_EquityVol", "E", "12", "3m", ""),
    ("Equity", "Risk_EquityVol", "D", "1", "1y", ""), ("Commodity", "Risk_Commodity", "Oil", "1", "", ""),
    ("Commodity", "Risk_CommodityVol", "Gas", "2", "3m", ""),
]  # fmt: skip


def row(kind, amount, **more):
    names = ("product", "risk_type", "qualifier", "bucket", "label1", "label2")
    return Crif(**dict(zip(names, kind, strict=True)), amount=amount, **more)


def test_two_tenors_of_two_curves_by_hand():
    """No concentration below the threshold: WS 60 and 70 times 100, correlation 0.8 times 0.9."""
    found = SIMM.margin([row(KINDS[0], 100.0), row(KINDS[1], 100.0)])
    a, b = 6_000.0, 7_000.0
    assert found.total == pytest.approx(sqrt(a * a + b * b + 2 * 0.8 * 0.9 * a * b))


def test_concentration_by_hand():
    """4 million per basis point against 1 million: CR 2."""
    assert SIMM.margin([row(KINDS[0], 4e6)]).total == pytest.approx(60.0 * 4e6 * 2.0)
    assert Simm(model(days=1)).margin([row(KINDS[0], 4e6)]).total == pytest.approx(60.0 * 4e6)


def test_equity_option_by_hand():
    """Vega: RW HVR sigma; curvature SF sigma, lambda at theta 0; bucket 12 has no curvature."""
    sigma = 10.0 * sqrt(365 / 14) / NormalDist().inv_cdf(0.99)
    found = SIMM.margin([row(("Equity", "Risk_EquityVol", "D", "1", "1y", ""), 3.0)])
    vega = 0.5 * 0.6 * sigma * 3.0
    cvr = 0.5 * 14 / 365 * sigma * 3.0
    curvature = cvr + (NormalDist().inv_cdf(0.995) ** 2 - 1) * cvr
    assert found.products(["vega"]).sum() == pytest.approx(vega)
    assert found.products(["curvature"]).sum() == pytest.approx(curvature)
    assert found.total == pytest.approx(vega + curvature)
    index = SIMM.margin([row(("Equity", "Risk_EquityVol", "E", "12", "1y", ""), 3.0)])
    assert index.products(["curvature"]).sum() == 0.0


def test_curvature_of_a_short_and_a_long_book_differ():
    kind = ("Equity", "Risk_EquityVol", "D", "1", "1y", "")
    long, short = (SIMM.margin([row(kind, sign * 5.0)]).products(["curvature"]).sum() for sign in (1, -1))
    assert long > 0.0 == short


def books(n, seed):
    rng = np.random.default_rng(seed)
    return [[row(KINDS[k], float(rng.normal() * 10.0 ** rng.integers(2, 8))) for k in rng.permutation(len(KINDS))[:12]]
            for _ in range(n)]  # fmt: skip


def test_a_batch_of_portfolios_is_each_of_them():
    held = books(20, 1)
    whole = SIMM.margin([replace(r, portfolio=str(number)) for number, book in enumerate(held) for r in book])
    for number, book in enumerate(held):
        alone = SIMM.margin(book)
        assert whole.totals[whole.portfolios.index(str(number))] == pytest.approx(alone.total, rel=1e-12)
    assert whole.total == pytest.approx(sum(SIMM.margin(book).total for book in held), rel=1e-12)


def test_contributions_and_explanation_sum_to_the_margin():
    for book in books(20, 2):
        found = SIMM.margin(book)
        assert found.shares.sum() == pytest.approx(found.total, rel=1e-12)
        explained = found.explain()
        assert explained.value == pytest.approx(found.total, rel=1e-12)
        assert sum(leaf.value for leaf in explained.leaves()) == pytest.approx(found.total, rel=1e-12)


def test_order_of_rows_and_splitting_do_not_matter():
    for book in books(10, 3):
        whole = SIMM.margin(book).total
        halves = [replace(r, amount=r.amount / 2) for r in book]
        assert SIMM.margin(book[::-1]).total == pytest.approx(whole, rel=1e-12)
        assert SIMM.margin(halves + halves[::-1]).total == pytest.approx(whole, rel=1e-12)


def test_add_ons_by_hand():
    base = [row(KINDS[15], 100.0)]
    extra = [Crif(risk_type="Param_AddOnFixedAmount", amount=50.0),
             Crif(risk_type="Param_AddOnNotionalFactor", qualifier="P", amount=10.0),
             Crif(risk_type="Notional", qualifier="P", amount=-200.0), Crif(risk_type="Notional", qualifier="Q", amount=9.0),
             Crif(risk_type="Param_ProductClassMultiplier", qualifier="Equity", amount=1.5)]  # fmt: skip
    plain = SIMM.margin(base).total
    assert SIMM.margin(base + extra).total == pytest.approx(plain * 1.5 + 50.0 + 20.0)
    assert SIMM.margin(base + extra).explain().value == pytest.approx(plain * 1.5 + 50.0 + 20.0)


def test_nothing_asks_nothing():
    assert SIMM.margin([]).total == 0.0
    assert SIMM.margin([row(KINDS[0], 0.0)]).total == 0.0


@pytest.mark.parametrize(("kind", "message"), [
    (("RatesFX", "Risk_Weather", "USD", "", "", ""), "risk_type must be one of .*, was 'Risk_Weather' at row 0"),
    (("Rates", "Risk_FX", "EUR", "", "", ""), "product must be one of .*, was 'Rates' at row 0"),
    (("RatesFX", "Risk_IRCurve", "USD", "1", "7y", "OIS"), "label1 must be one of .*, was '7y' of Risk_IRCurve USD"),
    (("Equity", "Risk_Equity", "D", "99", "", ""), "bucket must name a known bucket, was '99' of Risk_Equity D"),
    (("Equity", "Risk_EquityVol", "D", "1", "soon", ""), "label1 must be an expiry such as 2w, 6m or 10y, was 'soon'"),
])  # fmt: skip
def test_refused_rows(kind, message):
    with pytest.raises(InvalidInputError, match=message):
        SIMM.margin([row(kind, 1.0)])


def test_refused_figures():
    with pytest.raises(InvalidInputError, match="amount of Risk_FX EUR must be finite"):
        Crif(risk_type="Risk_FX", qualifier="EUR", amount=float("inf"))
    bad = bucketed(["1", "2"], 0.5, 1.0)
    with pytest.raises(InvalidInputError, match="commodity.gamma must have a row a bucket"):
        replace_model(commodity=bad_gamma(bad))
    with pytest.raises(InvalidInputError, match="calibration must be XML"):
        parse_simm_xml("nothing")
    with pytest.raises(InvalidInputError, match="root SIMMCalibrationData"):
        parse_simm_xml("<a/>")


def bad_gamma(found):
    return msgspec.structs.replace(found, gamma=[[1.0]])


def replace_model(**changes):
    return msgspec.structs.replace(model(), **changes)


def test_a_file_of_rows(tmp_path):
    file = tmp_path / "crif.csv"
    file.write_text("ProductClass,RiskType,Qualifier,Bucket,Label1,Label2,AmountCurrency,Amount\n"
                    "RatesFX,Risk_IRCurve,USD,1,1y,OIS,USD,100\nRatesFX,Risk_IRCurve,USD,1,5y,Libor,USD,100\n")  # fmt: skip
    assert SIMM.margin(read_crif(file)).total == SIMM.margin([row(KINDS[0], 100.0), row(KINDS[1], 100.0)]).total
    tabbed = tmp_path / "crif.tsv"
    tabbed.write_text(file.read_text().replace(",", "\t"))
    assert read_crif(tabbed) == read_crif(file)


@pytest.mark.parametrize(("text", "message"), [
    ("ProductClass,RiskType\n", "columns of .* must hold one of .*Amount"),
    ("ProductClass,RiskType,Amount\nEquity,Risk_Equity,ten\n", "amount must be a number, was 'ten' in line 2"),
    ("ProductClass,RiskType,AmountCurrency,Amount\nEquity,Risk_Equity,EUR,1\n", "calculation currency USD, was 'EUR'"),
])  # fmt: skip
def test_refused_files(tmp_path, text, message):
    file = tmp_path / "crif.csv"
    file.write_text(text)
    with pytest.raises(InvalidInputError, match=message):
        read_crif(file)


def test_the_binding_regulation():
    """Of two regulations the larger; posting turns the signs, so that a long curvature costs nothing; none is one too."""
    kind = ("Equity", "Risk_EquityVol", "D", "1", "1y", "")
    rows = [row(kind, 5.0, collect=("A", "B"), post=("A",)), row(kind, 2.0, collect=("B",))]
    found = regulated(SIMM, rows, "collect")
    assert set(found.margins) == {"A", "B"}
    assert found.winner == "B"
    assert found.total == SIMM.margin([row(kind, 7.0)]).total
    posted = regulated(SIMM, rows, "post")
    assert posted.margins["A"].total == SIMM.margin([row(kind, -5.0)]).total
    assert posted.margins[""].total == SIMM.margin([row(kind, -2.0)]).total
    assert regulated(SIMM, [], "post").total == 0.0


def test_currencies_that_no_market_could_show_are_refused():
    """A correlation of -0.05 among volatile currencies is sound for 21 of them and not for 22."""
    rho = {"2|1|1": -0.05, "2|1|2": 0.0, "2|2|1": 0.0, "2|2|2": 0.5}
    names = [f"V{number:02}" for number in range(22)]
    fx = msgspec.structs.replace(model().fx, rho=rho, group=dict.fromkeys(names, "1") | {"Other": "2"})
    wild = Simm(replace_model(fx=fx))
    rows = [row(("RatesFX", "Risk_FX", name, "", "", ""), 1.0) for name in names]
    assert wild.margin(rows[:21]).total == pytest.approx(0.0, abs=1e-3)  # all of them long: the variance is 0
    with pytest.raises(InvalidInputError, match="correlation of the held currencies must be positive semi-definite"):
        wild.margin(rows)


@pytest.mark.parametrize(("changes", "message"), [
    ({"rho_same": {"1": 0.2, "2": 0.2}}, r"rho must lie in \[0, 0.2\], was 0.7 of bucket '1' of commodity"),
    ({"rho_same": {"1": 1.2, "2": 1.0}}, r"rho_same must lie in \[0, 1\], was 1.2 of bucket '1' of commodity"),
])  # fmt: skip
def test_refused_correlations_of_buckets(changes, message):
    with pytest.raises(InvalidInputError, match=message):
        replace_model(commodity=msgspec.structs.replace(bucketed(["1", "2"], 0.7, 1.0), **changes))
