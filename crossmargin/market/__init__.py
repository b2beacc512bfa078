"""What things are worth: observations, and the market they resolve to at one moment."""

from crossmargin.market.market import Market
from crossmargin.market.observation import FIELDS, Observation
from crossmargin.market.oracle import OracleGuard

__all__ = ["FIELDS", "Market", "Observation", "OracleGuard"]
