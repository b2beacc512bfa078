"""Orders at the gate; for cimport alone."""
