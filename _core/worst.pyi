"""Worst fills kept term by term; for cimport alone."""
