"""Orders bound to each other; reached by ``cimport`` alone."""
