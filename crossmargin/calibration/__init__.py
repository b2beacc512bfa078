"""Correlation and covariance: what is checked before a norm may use it."""

from crossmargin.calibration.correlation import Indefinite, check_correlation, nearest_correlation

__all__ = ["Indefinite", "check_correlation", "nearest_correlation"]
