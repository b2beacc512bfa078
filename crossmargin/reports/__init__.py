"""Renders answers: tables and trees for the terminal, plain data for JSON. No arithmetic beyond formatting."""

from crossmargin.reports.compare import Column, plain, rows, table
from crossmargin.reports.tree import tree

__all__ = ["Column", "plain", "rows", "table", "tree"]
