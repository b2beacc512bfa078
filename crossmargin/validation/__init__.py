"""Whether a requirement covers what it should: a normal approximation beside full revaluation."""

from crossmargin.validation.revaluation import Revaluation, revalue

__all__ = ["Revaluation", "revalue"]
