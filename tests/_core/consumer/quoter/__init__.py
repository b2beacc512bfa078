"""Prices options with the kernels of crossmargin, at C level."""
