"""The field ``worst_case_bucket``: which of the vectors' entries is the least, counted as the venue counts."""

from types import SimpleNamespace

import pytest

from crossmargin.venues.deribit import worst_case_bucket


@pytest.mark.parametrize(("count", "at", "expected"), [
    (4, 0, (1, "left", "standard", 1)), (4, 11, (4, "left", "standard", 12)),
    (4, 12, (5, "middle", "standard", 13)), (4, 14, (5, "middle", "standard", 15)),
    (4, 15, (6, "right", "standard", 16)), (4, 26, (9, "right", "standard", 27)),
    (4, 27, (1, "", "extended", 1)), (4, 34, (8, "", "extended", 8)),
    (2, 14, (5, "right", "standard", 15)), (2, 15, (1, "", "extended", 1)), (2, 7, (3, "middle", "standard", 8)),
])  # fmt: skip
def test_the_least_entry_by_bucket_side_and_source(count, at, expected):
    """``count`` price buckets either way and one between, three volatilities each, then the extended table."""
    vectors = [0.0] * (3 * (2 * count + 1) + 8)
    vectors[at] = -1.0
    found = worst_case_bucket(SimpleNamespace(outputs={"aggregated_risk_vectors": vectors}), count)
    assert tuple(found[name] for name in ("bucket", "side", "source", "index")) == expected


def test_four_buckets_either_way_unless_said():
    vectors = [0.0] * 26 + [-1.0]
    assert worst_case_bucket(SimpleNamespace(outputs={"aggregated_risk_vectors": vectors}))["side"] == "right"
    outer = [0.0] * 28 + [-1.0]
    assert worst_case_bucket(SimpleNamespace(outputs={"aggregated_risk_vectors": outer}))["source"] == "extended"
