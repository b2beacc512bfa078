"""Trades and money at the gate; for cimport alone."""
