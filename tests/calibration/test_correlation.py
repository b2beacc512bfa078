"""Correlation matrices are refused, repaired or kept as asked, never used silently."""

import numpy as np
import pytest

from crossmargin import InvalidInputError
from crossmargin.calibration import check_correlation, nearest_correlation

INDEFINITE = np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]])
# Higham (2002), section 4: the tridiagonal example and its nearest correlation matrix, to the digits printed there
TRIDIAGONAL = np.array([[2.0, -1, 0, 0], [-1, 2, -1, 0], [0, -1, 2, -1], [0, 0, -1, 2]])
NEAREST = [[1.0, -0.8084, 0.1916, 0.1068], [-0.8084, 1.0, -0.6562, 0.1916], [0.1916, -0.6562, 1.0, -0.8084],
           [0.1068, 0.1916, -0.8084, 1.0]]  # fmt: skip


def changed(i, j, value):
    found = np.eye(3)
    found[i, j] = value
    return found


@pytest.mark.parametrize(("matrix", "message"), [
    (changed(0, 1, 0.5), r"R must be symmetric, was 0.5 at \(0, 1\)"),
    (changed(2, 2, 0.9), "R diagonal must be 1, was 0.9 at row 2"),
    (changed(1, 2, np.nan), r"R must be finite, was nan at \(1, 2\)"),
    (np.ones((2, 3)), r"R must have shape \(2, 2\), was \(2, 3\)"),
    (np.array([[1.0, 1.5], [1.5, 1.0]]), "R must be positive semi-definite, was .least eigenvalue -0.5"),
    (INDEFINITE, "R must be positive semi-definite, was .least eigenvalue -0.8"),
])  # fmt: skip
def test_refused(matrix, message):
    with pytest.raises(InvalidInputError, match=message):
        check_correlation("R", matrix)


@pytest.mark.parametrize("asked", ["repair", "keep"])
@pytest.mark.parametrize("matrix", [changed(0, 1, 0.5), changed(2, 2, 0.9), changed(1, 2, np.nan)])
def test_what_is_no_correlation_at_all_is_refused_whatever_is_asked(matrix, asked):
    with pytest.raises(InvalidInputError):
        check_correlation("R", matrix, indefinite=asked)


def test_kept_as_it_is_or_repaired():
    assert (check_correlation("R", INDEFINITE, indefinite="keep") == INDEFINITE).all()
    found = check_correlation("R", INDEFINITE, indefinite="repair")
    assert np.linalg.eigvalsh(found)[0] >= -1e-12
    assert (np.diag(found) == 1.0).all()
    assert (check_correlation("R", found) == found).all()


def test_a_correlation_beyond_one_is_not_kept():
    with pytest.raises(InvalidInputError, match=r"R must lie in \[-1, 1\], was 1.5 at \(0, 1\)"):
        check_correlation("R", [[1.0, 1.5], [1.5, 1.0]], indefinite="keep")


def test_a_sound_matrix_is_not_touched_by_repair():
    sound = np.array([[1.0, 0.3], [0.3, 1.0]])
    assert (check_correlation("R", sound, indefinite="repair") == sound).all()


def test_published_nearest_matrix():
    assert nearest_correlation(TRIDIAGONAL) == pytest.approx(np.array(NEAREST), abs=5e-5)


def test_no_correlation_matrix_is_nearer():
    """Against random correlation matrices and ones close to the answer."""
    rng, found = np.random.default_rng(1), nearest_correlation(INDEFINITE)
    best = np.linalg.norm(found - INDEFINITE)
    root = np.linalg.cholesky(found + 1e-12 * np.eye(3))
    for size in (1.0, 0.1, 0.01):
        for _ in range(200):
            rows = root + size * rng.normal(size=(3, 3))
            rows /= np.linalg.norm(rows, axis=1)[:, None]
            assert np.linalg.norm(rows @ rows.T - INDEFINITE) >= best - 1e-9
