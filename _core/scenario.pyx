"""Scenario reduce on arrays: ``G = q A`` over a risk array A (gain > 0), and the scan loss ``-min_s G_s``.

Lanes run over scenarios, never along a sum: each sum runs in the order of the holdings, left to right, fused where
the processor has it. Ties of the worst take the first row. A quantity that is not finite answers ``NOT_FINITE``, an
item outside the array ``UNKNOWN``, each with its place; nothing is written for that unit and those after it. A
risk array is checked when it is published. Complexity: holdings x scenarios. Reference for the worst of a scenario
array: CFTC/CME, SPAN parameters.
"""

from libc.math cimport INFINITY, NAN, isfinite
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset
from crossmargin._core.simd cimport (
    LANES, double_bits, lanes, lanes_abs, lanes_all, lanes_bits, lanes_eq, lanes_fma, lanes_least, lanes_load,
    lanes_load_part, lanes_lt, lanes_mask, lanes_max, lanes_min, lanes_row_fma, lanes_row_least, lanes_row_load,
    lanes_row_store, lanes_row_zero, lanes_store_part,
)
from crossmargin._core.status cimport Status

cdef enum:
    WIDEST = 12          # lanes of a tile; they stay in registers at every instruction level
    CHECKED = 4096       # holdings that are checked before they are used, while they lie in the nearest cache
    COPIED = 16          # holdings an instrument from which a copy of its row to a cache line pays


# ---- gains ---------------------------------------------------------------------------------

cdef enum Task:
    WRITE        # out = sums
    ADD          # out += sums
    LEAST        # least and row of the sums, nothing written
    CONTEMPLATE  # out[i] = least of gain and holding i alone

# Holdings [0, n) over some lanes of scenarios, in rows of ``stride`` doubles. In the last lanes ``rest`` are scenarios,
# and ``loaded`` doubles are there: more where rows are padded with zeros.
cdef struct Strip:
    Task task
    const double* array
    Py_ssize_t stride
    const int64_t* item
    const double* quantity
    Py_ssize_t n
    Py_ssize_t rest
    Py_ssize_t loaded
    const double* gain
    double* out
    double least
    int64_t row


cdef inline void sum_strip(const Strip* t, lanes* sums, Py_ssize_t width) noexcept nogil:
    """``sums += sum_i quantity[i] array[item[i]]``, in registers where ``width`` is a constant."""
    cdef Py_ssize_t i, stride = t.stride, loaded = t.loaded
    cdef const double* array = t.array
    cdef const int64_t* item = t.item
    cdef const double* quantity = t.quantity
    for i in range(t.n):
        lanes_row_fma(sums, width, lanes_all(quantity[i]), array + item[i] * stride, loaded)


cdef inline void write_strip(const Strip* t, Py_ssize_t width, bint add, double* out) noexcept nogil:
    cdef lanes sums[WIDEST]
    if add:
        lanes_row_load(sums, width, out, t.rest)
    else:
        lanes_row_zero(sums, width)
    sum_strip(t, sums, width)
    lanes_row_store(out, sums, width, t.rest)


cdef inline void least_of_strip(Strip* t, Py_ssize_t at, Py_ssize_t width) noexcept nogil:
    """Keep the least of the sums if it is below what was found before; ``at``: the first scenario of the strip."""
    cdef lanes sums[WIDEST]
    cdef int64_t place = 0
    cdef double found
    lanes_row_zero(sums, width)
    sum_strip(t, sums, width)
    found = lanes_row_least(sums, width, t.rest, &place)
    if found < t.least:
        t.least, t.row = found, at + place


cdef inline void contemplate_strip(const Strip* t, const double* gain, Py_ssize_t width, double* out) noexcept nogil:
    """``out[i] = min(out[i], least of gain + quantity[i] row[i])`` over one strip; its gains stay in registers."""
    cdef lanes gains[WIDEST]
    cdef lanes q, least
    cdef const double* row
    cdef double found
    cdef Py_ssize_t i, k, last = (width - 1) * LANES
    for k in range(width - 1):
        gains[k] = lanes_load(gain + k * LANES)
    gains[width - 1] = lanes_load_part(gain + last, t.rest, lanes_all(INFINITY))
    for i in range(t.n):
        row, q = t.array + t.item[i] * t.stride, lanes_all(t.quantity[i])
        least = lanes_fma(q, lanes_load_part(row + last, t.rest, lanes_all(0.0)), gains[width - 1])
        for k in range(width - 1):
            least = lanes_min(lanes_fma(q, lanes_load(row + k * LANES), gains[k]), least)
        found = lanes_least(least) + 0.0
        out[i] = found if found < out[i] else out[i]


cdef inline void work(Strip* t, Py_ssize_t at, Py_ssize_t width) noexcept nogil:
    """What is asked of the strip that begins at a scenario; ``width`` is a constant wherever this is called."""
    if t.task == LEAST:
        least_of_strip(t, at, width)
    elif t.task == CONTEMPLATE:
        contemplate_strip(t, t.gain + at, width, t.out)
    else:
        write_strip(t, width, t.task == ADD, t.out + at)


cdef inline Py_ssize_t fitting(Py_ssize_t S) noexcept nogil:
    """Lanes of the widest strip that S scenarios fill, of those that are compiled."""
    cdef Py_ssize_t width = (S + LANES - 1) // LANES
    if width >= 4:
        return 12 if width >= 12 else (6 if width >= 6 else 4)
    return 2 if width >= 2 else 1


cdef inline void placed(Strip* t, const double* array, Py_ssize_t S, Py_ssize_t at, Py_ssize_t width) noexcept nogil:
    """The strip of scenarios [at, at + width lanes) of S."""
    cdef Py_ssize_t last = at + (width - 1) * LANES
    t.array = array + at
    t.rest = min(S - last, LANES)
    t.loaded = min(t.stride - last, LANES)


cdef void each_strip(Strip* t, const double* array, Py_ssize_t S) noexcept nogil:
    """Work through S scenarios, the widest strips first."""
    cdef Py_ssize_t at = 0, width
    while at < S:
        width = fitting(S - at)
        placed(t, array, S, at, width)
        if width == 12:
            work(t, at, 12)
        elif width == 6:
            work(t, at, 6)
        elif width == 4:
            work(t, at, 4)
        elif width == 2:
            work(t, at, 2)
        else:
            work(t, at, 1)
        at += width * LANES


cdef inline Strip strip_of(
    Task task, Py_ssize_t stride, const int64_t* item, const double* quantity, Py_ssize_t n
) noexcept nogil:
    cdef Strip t
    t.task, t.stride, t.item, t.quantity, t.n = task, stride, item, quantity, n
    t.gain, t.out, t.least, t.row = NULL, NULL, INFINITY, 0
    return t


cdef void accumulate(
    const double* array, Py_ssize_t stride, Py_ssize_t S, const int64_t* item, const double* quantity, Py_ssize_t n,
    bint add, double* out
) noexcept nogil:
    """``out (+)= sum_i quantity[i] array[item[i]]`` over S scenarios; rows lie ``stride`` doubles apart."""
    cdef Strip t = strip_of(ADD if add else WRITE, stride, item, quantity, n)
    t.out = out
    each_strip(&t, array, S)


cdef double least_gain(
    const double* array, Py_ssize_t stride, Py_ssize_t S, const int64_t* item, const double* quantity, Py_ssize_t n,
    int64_t* row
) noexcept nogil:
    """``min_s sum_i quantity[i] array[item[i], s]`` and its first row; the sums never leave the registers."""
    cdef Strip t = strip_of(LEAST, stride, item, quantity, n)
    each_strip(&t, array, S)
    row[0] = t.row
    return t.least


cdef bint accumulate_rounded(
    const double* array, Py_ssize_t stride, Py_ssize_t S, const int64_t* item, const double* quantity, Py_ssize_t n,
    double magic, double* out
) noexcept nogil:
    """``accumulate`` onto ``out`` with each term rounded to its quantum; whether a term or a sum went beyond it.

    ``magic`` is ``1.5 * 2^52`` quanta. Nothing is fused, so that every level gives the same bits.
    """
    cdef lanes sums, t, m = lanes_all(magic), most = lanes_all(magic / 3.0)
    cdef uint32_t beyond = 0
    cdef Py_ssize_t at = 0, i, rest
    while at < S:
        rest = min(S - at, LANES)
        sums = lanes_load_part(out + at, rest, lanes_all(0.0))
        for i in range(n):
            t = lanes_all(quantity[i]) * lanes_load_part(array + item[i] * stride + at, rest, lanes_all(0.0))
            sums = sums + ((t + m) - m)
            beyond |= lanes_bits(lanes_lt(most, lanes_max(lanes_abs(t), lanes_abs(sums))))
        lanes_store_part(out + at, sums, rest)
        at += LANES
    return beyond != 0


cdef Status unsound(
    const int64_t* item, const double* quantity, Py_ssize_t first, Py_ssize_t last, Py_ssize_t n_items, Py_ssize_t* bad
) noexcept nogil:
    """The first of some holdings that is not finite or not in the array."""
    cdef Py_ssize_t i
    cdef uint64_t beyond = 0, exponent = <uint64_t>0x7ff << 52, one = <uint64_t>1 << 52, end = n_items
    for i in range(first, last):  # the sign: an item below 0 or from n_items on, all bits of an exponent set
        beyond |= item[i] | (end - 1 - <uint64_t>item[i]) | ((double_bits(quantity[i]) & exponent) + one)
    if not beyond >> 63:
        return Status.OK
    for i in range(first, last):
        bad[0] = i
        if not isfinite(quantity[i]):
            return Status.NOT_FINITE
        if item[i] < 0 or item[i] >= n_items:
            return Status.UNKNOWN
    return Status.OK


cdef Status gains_kernel(
    const double* array, Py_ssize_t n_items, Py_ssize_t S, const int64_t* item, const double* quantity,
    Py_ssize_t n, double* out, Py_ssize_t* bad
) noexcept nogil:
    """``out[s] = sum_i quantity[i] array[item[i], s]``."""
    cdef Status status = unsound(item, quantity, 0, n, n_items, bad)
    if status == Status.OK:
        bad[0] = -1
        accumulate(array, S, S, item, quantity, n, False, out)
    return status


# ---- worst ---------------------------------------------------------------------------------

cdef Py_ssize_t chunk_end(const int64_t* start, Py_ssize_t unit, Py_ssize_t n_units) noexcept nogil:
    """End of some units with about CHECKED holdings, at least one."""
    cdef Py_ssize_t first = start[unit]
    unit += 1
    while unit < n_units and start[unit + 1] - first <= CHECKED:
        unit += 1
    return unit


cdef Status scan_rows(
    const double* array, Py_ssize_t stride, Py_ssize_t n_items, Py_ssize_t S, const int64_t* start,
    const int64_t* item, const double* quantity, Py_ssize_t n_units, double* loss, int64_t* row, Py_ssize_t* bad
) noexcept nogil:
    """Scan loss ``max(0, -min_s G_s)`` and its row for every unit; no scenarios: 0 and -1."""
    cdef Py_ssize_t unit = 0, end, first
    cdef Status status = Status.OK
    cdef double least
    bad[0] = -1
    while unit < n_units and status == Status.OK:
        end = chunk_end(start, unit, n_units)
        status = unsound(item, quantity, start[unit], start[end], n_items, bad)
        while unit < end and (status == Status.OK or start[unit + 1] <= bad[0]):
            first = start[unit]
            least = least_gain(array, stride, S, item + first, quantity + first, start[unit + 1] - first, row + unit)
            loss[unit] = -least if least < 0.0 else 0.0
            if S == 0:
                row[unit] = -1
            unit += 1
    return status


cdef Status scan_kernel(
    const double* array, Py_ssize_t n_items, Py_ssize_t S, const int64_t* start, const int64_t* item,
    const double* quantity, Py_ssize_t n_units, double* work, double* loss, int64_t* row, Py_ssize_t* bad
) noexcept nogil:
    """``scan_rows`` of a plain array; ``work``, S doubles, is not needed any more."""
    return scan_rows(array, S, n_items, S, start, item, quantity, n_units, loss, row, bad)


cdef Py_ssize_t padded(Py_ssize_t S) noexcept nogil:
    """Doubles from one row to the next if each begins on a cache line."""
    return (S + 7) // 8 * 8


cdef double* aligned_rows(const double* array, Py_ssize_t n_items, Py_ssize_t S, void** memory) noexcept nogil:
    """A copy whose rows begin on cache lines, in memory to be freed; NULL where none is to be had."""
    cdef double* rows
    cdef Py_ssize_t i
    memory[0] = malloc(n_items * padded(S) * sizeof(double) + 64)
    if memory[0] == NULL:
        return NULL
    rows = <double*>((<size_t>memory[0] + 63) & ~<size_t>63)
    for i in range(n_items):
        memcpy(rows + i * padded(S), array + i * S, S * sizeof(double))
        memset(rows + i * padded(S) + S, 0, (padded(S) - S) * sizeof(double))
    return rows


cdef double contemplate_kernel(const double* gain, const double* row, double quantity, Py_ssize_t S) noexcept nogil:
    """``min_s (gain_s + quantity row_s)``: what an order would leave; 0 of no scenarios."""
    cdef lanes q = lanes_all(quantity), none = lanes_all(INFINITY), one = none, other = none
    cdef Py_ssize_t s = 0
    while s + 2 * LANES <= S:  # two chains: but for zeros a minimum does not depend on how figures are grouped
        one = lanes_min(lanes_fma(q, lanes_load(row + s), lanes_load(gain + s)), one)
        other = lanes_min(lanes_fma(q, lanes_load(row + s + LANES), lanes_load(gain + s + LANES)), other)
        s += 2 * LANES
    if s + LANES <= S:
        one = lanes_min(lanes_fma(q, lanes_load(row + s), lanes_load(gain + s)), one)
        s += LANES
    if s < S:
        one = lanes_min(lanes_fma(q, lanes_load_part(row + s, S - s, lanes_all(0.0)),
                                  lanes_load_part(gain + s, S - s, none)), one)
    return lanes_least(lanes_min(one, other)) + 0.0 if S > 0 else 0.0  # no sign of a zero


cdef double least_row(const double* gain, Py_ssize_t S) noexcept nogil:
    """``min_s gain_s``, infinity of no rows, NaN if one is."""
    cdef lanes none = lanes_all(INFINITY), least = none, x
    cdef lanes_mask numbers = lanes_eq(none, none)
    cdef uint32_t all_of_them = lanes_bits(numbers)
    cdef Py_ssize_t s = 0
    while s < S:
        x = lanes_load(gain + s) if S - s >= LANES else lanes_load_part(gain + s, S - s, none)
        numbers = numbers & lanes_eq(x, x)
        least = lanes_min(x, least)
        s += LANES
    return lanes_least(least) + 0.0 if lanes_bits(numbers) == all_of_them else NAN


cdef void contemplate_all(
    const double* gain, const double* array, Py_ssize_t S, const int64_t* item, const double* quantity, Py_ssize_t n,
    double* out
) noexcept nogil:
    """``contemplate_kernel`` of each of n orders alone."""
    cdef Strip t = strip_of(CONTEMPLATE, S, item, quantity, n)
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = INFINITY
    t.gain, t.out = gain, out
    each_strip(&t, array, S)


def gains(
    const double[:, ::1] array not None, const int64_t[::1] item not None, const double[::1] quantity not None,
    double[::1] out not None,
):
    """Gain of one account in every scenario; see ``scenario.pyi``."""
    cdef Py_ssize_t bad = -1, n = item.shape[0], S = array.shape[1]
    cdef Status status
    if quantity.shape[0] != n or out.shape[0] != S:
        return Status.SHAPE, -1
    if S == 0:
        return Status.OK, -1
    with nogil:
        status = gains_kernel(&array[0, 0] if array.shape[0] else NULL, array.shape[0], S,
                              &item[0] if n else NULL, &quantity[0] if n else NULL, n, &out[0], &bad)
    return status, bad


def scan(
    const double[:, ::1] array not None, const int64_t[::1] start not None, const int64_t[::1] item not None,
    const double[::1] quantity not None, double[::1] work not None, double[::1] loss not None,
    int64_t[::1] row not None,
):
    """Scan loss of every unit of a book; see ``scenario.pyi``."""
    cdef Py_ssize_t bad = -1, n = item.shape[0], S = array.shape[1], units = start.shape[0] - 1, stride = S
    cdef const double* rows = &array[0, 0] if array.shape[0] and S else NULL
    cdef void* memory = NULL
    cdef Status status
    if quantity.shape[0] != n or work.shape[0] != S or not loss.shape[0] == row.shape[0] == units or units < 0:
        return Status.SHAPE, -1
    if not ascending(&start[0], units, n):
        return Status.SHAPE, -1
    if units == 0:
        return Status.OK, -1
    with nogil:
        if n >= COPIED * array.shape[0] and S % 8 and S > 8:
            rows = aligned_rows(rows, array.shape[0], S, &memory)
        if memory != NULL:
            stride = padded(S)
        else:
            rows = &array[0, 0] if array.shape[0] and S else NULL
        status = scan_rows(rows, stride, array.shape[0], S, &start[0], &item[0] if n else NULL,
                           &quantity[0] if n else NULL, units, &loss[0], &row[0], &bad)
        free(memory)
    return status, bad


cdef bint ascending(const int64_t* start, Py_ssize_t units, Py_ssize_t n) noexcept nogil:
    """Whether the starts of some units run from 0 to n without falling."""
    cdef Py_ssize_t unit
    if start[0] != 0 or start[units] != n:
        return False
    for unit in range(units):
        if start[unit + 1] < start[unit]:
            return False
    return True


def contemplate(const double[::1] gain not None, const double[::1] row not None, double quantity):
    """Least gain if ``quantity`` of one instrument were added: (status, value)."""
    cdef Py_ssize_t S = gain.shape[0]
    if row.shape[0] != S:
        return Status.SHAPE, 0.0
    if not isfinite(quantity):
        return Status.NOT_FINITE, 0.0
    if S == 0:
        return Status.OK, 0.0
    return Status.OK, contemplate_kernel(&gain[0], &row[0], quantity, S)


def contemplate_many(
    const double[::1] gain not None, const double[:, ::1] array not None, const int64_t[::1] item not None,
    const double[::1] quantity not None, double[::1] out not None,
):
    """Least gain after each of some orders alone; see ``scenario.pyi``."""
    cdef Py_ssize_t S = gain.shape[0], n = item.shape[0], n_items = array.shape[0], bad = -1
    cdef Status status
    if array.shape[1] != S or not quantity.shape[0] == out.shape[0] == n:
        return Status.SHAPE, -1
    if n == 0:
        return Status.OK, -1
    with nogil:
        status = unsound(&item[0], &quantity[0], 0, n, n_items, &bad)
        if status == Status.OK and S == 0:
            memset(&out[0], 0, n * sizeof(double))
        elif status == Status.OK:
            contemplate_all(&gain[0], &array[0, 0], S, &item[0], &quantity[0], n, &out[0])
    return status, bad
