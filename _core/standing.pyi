"""Where an account stands; for cimport alone."""
