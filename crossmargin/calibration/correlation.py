"""Correlation matrices: refused unless sound, repaired only where the caller asks."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from crossmargin import _checks as check
from crossmargin._checks import Floats

TOLERANCE = 1e-10  # of symmetry, diagonal and eigenvalues: correlations are printed with few digits, not with noise
ROUNDS = 1000

Indefinite = Literal["refuse", "repair", "keep"]


def check_correlation(
    name: str, matrix: ArrayLike, *, size: int | None = None, indefinite: Indefinite = "refuse"
) -> Floats:
    """A correlation matrix, (n, n): finite, symmetric, unit diagonal, entries in [-1, 1], positive semi-definite.

    ``indefinite`` says what becomes of one that is not positive semi-definite: it is refused,
    replaced by its nearest correlation matrix ("repair"), or kept as it is ("keep": for rules that prescribe such
    figures, as the high-correlation scenario and the tenors of MAR21 do; a norm then counts a negative radicand as 0).
    What is not finite, not symmetric or without a diagonal of ones is refused whatever is asked.
    """
    check.one_of("indefinite", indefinite, get_args(Indefinite))
    found = check.floats(name, matrix, ndim=2, size=size)
    if found.shape[0] != found.shape[1]:
        raise check.refuse(name, f"have shape {(len(found),) * 2}", found.shape)
    check.require_all(name, "be symmetric", found, np.abs(found - found.T) <= TOLERANCE)
    check.require_all(f"{name} diagonal", "be 1", np.diag(found), np.abs(np.diag(found) - 1.0) <= TOLERANCE)
    if indefinite == "keep":
        check.require_all(name, "lie in [-1, 1]", found, np.abs(found) <= 1 + TOLERANCE)
    elif not is_sound(found):
        if indefinite == "repair":
            return nearest_correlation(found)
        raise check.refuse(name, "be positive semi-definite", f"least eigenvalue {least_eigenvalue(found):.3g}")
    return found


def is_sound(matrix: Floats) -> bool:
    """Whether no eigenvalue is below rounding; a correlation beyond 1 makes one so."""
    return not len(matrix) or least_eigenvalue(matrix) >= -TOLERANCE * len(matrix)


def least_eigenvalue(matrix: Floats) -> float:
    return float(np.linalg.eigvalsh((matrix + matrix.T) / 2)[0])


def nearest_correlation(matrix: Floats, *, tolerance: float = 1e-12) -> Floats:
    """Nearest correlation matrix in the Frobenius norm: alternating projections with Dykstra's correction.

    Projects in turn onto the positive semi-definite matrices and onto those with a diagonal of ones, until a round
    changes no entry by more than ``tolerance``; the result is scaled to a diagonal of ones once more, which keeps it
    positive semi-definite. Source: Higham, Computing the nearest correlation matrix, IMA J. Numer. Anal. 22 (2002),
    algorithm 3.3.
    """
    check.positive("tolerance", tolerance)
    found = np.array((matrix + matrix.T) / 2, dtype=np.float64)
    correction = np.zeros_like(found)
    for _ in range(ROUNDS):
        shifted = found - correction
        inside = semi_definite(shifted)
        correction = inside - shifted
        before, found = found, inside.copy()
        np.fill_diagonal(found, 1.0)
        if np.abs(found - before).max() <= tolerance:
            break
    inside = semi_definite(found)
    scale = np.sqrt(np.diag(inside))
    inside /= scale[:, None] * scale
    np.fill_diagonal(inside, 1.0)
    return (inside + inside.T) / 2


def semi_definite(matrix: Floats) -> Floats:
    """Projection onto the positive semi-definite matrices: negative eigenvalues become 0."""
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T)
