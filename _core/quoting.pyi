"""An order's change and the terms that it moves; reached by ``cimport`` alone."""
