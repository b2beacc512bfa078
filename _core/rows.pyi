"""Selection over the rows of one value; reached by ``cimport`` alone."""
