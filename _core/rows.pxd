# Selection over the rows of one value.
cdef void ascending_select(double* x, Py_ssize_t n, double* work) noexcept nogil
