"""One account of a plan, kept as accumulators and changed exactly.

State is what the account holds of each item, and the sums over keys, a block of doubles per held
key. A change of one item recomputes the nodes on the item's path to the account, before and after,
and moves each sum by the difference of its rounded terms. Terms are multiples of the sum's quantum,
so additions and subtractions are exact while sums stay below 2^53 quanta: state depends on what is
held alone, never on history. Complexity: the rows of the path's nodes, whatever else is held.
"""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy
from crossmargin._core.elements cimport element, one_row, rounded, stride_of
from crossmargin._core.status cimport Status


cdef inline Py_ssize_t probe(const Held* h, int64_t key) noexcept nogil:
    """Place in the table of a key, or of the free place where it would stand."""
    cdef Py_ssize_t at = <Py_ssize_t>((<unsigned long long>key * 0x9E3779B97F4A7C15ULL) >> 32) & h.mask
    while h.table[at] and h.key[h.table[at] - 1] != key:
        at = (at + 1) & h.mask
    return at


cdef inline double* block_of(Held* h, int64_t key, Py_ssize_t width) noexcept nogil:
    """Block of a held key, or NULL."""
    cdef int32_t entry = h.table[probe(h, key)]
    return NULL if entry == 0 else h.block + (entry - 1) * width


cdef Status hold(Held* h, int64_t key) noexcept nogil:
    """Make a key held, its sums 0."""
    cdef Py_ssize_t at = probe(h, key)
    if h.table[at]:
        return Status.OK
    if h.count == h.capacity:
        return Status.CAPACITY
    h.key[h.count] = key
    h.count += 1
    h.table[at] = <int32_t>h.count
    return Status.OK


cdef inline void few_rows(const Step* s, const double** value, double* out) noexcept nogil:
    """Row by row, in place: for a row or two a loop per operation costs more than it saves."""
    cdef Py_ssize_t r
    cdef int64_t bits = s.steps
    out[0] = one_row(s.element.op, value, s.args, 0, 0, 0, 0)
    for r in range(1, s.element.rows):
        out[r] = one_row(s.element.op, value, s.args, r if bits & 1 else 0, r if bits & 2 else 0,
                         r if bits & 4 else 0, r if bits & 8 else 0)


cdef void run_element(const Step* s, const double** value, double* out) noexcept nogil:
    cdef const double* row[4]
    cdef Py_ssize_t step[4]
    cdef Py_ssize_t a
    for a in range(4):
        row[a] = value[s.args[a]]
        step[a] = (s.steps >> a) & 1
    element(&s.element, row, step, out)


cdef void join(const Plan* p, const Step* s, const double** value, double* out) noexcept nogil:
    """Arguments of a join lie in ``p.joined`` from ``args[0]``, ``args[1]`` of them."""
    cdef Py_ssize_t a, n
    cdef const int64_t* args = p.joined + s.args[0]
    for a in range(s.args[1]):
        n = p.node_rows[args[a]]
        memcpy(out, value[args[a]], n * sizeof(double))
        out += n


cdef void slot_step(const Plan* p, const Step* s, const double* old, int64_t item, double had, double has,
                    double magic, double* new) noexcept nogil:
    cdef Py_ssize_t r
    cdef const double* row
    if s.table < 0:
        new[0] = old[0] - had + has
        return
    row = p.constants + s.table + item * stride_of(s.element.rows)
    for r in range(s.element.rows):
        new[r] = old[r] - (((had * row[r]) + magic) - magic) + (((has * row[r]) + magic) - magic)


cdef inline double linked(const Link* k, const double** value, Py_ssize_t r) noexcept nogil:
    """One row of a link; the sign is exact, so it may stand before the product or after."""
    cdef double x = value[k.node][r if k.steps & 1 else 0]
    if k.factor >= 0:
        x = x * value[k.factor][r if k.steps & 2 else 0]
    return -x if k.negative else x


cdef void product_rows(const Link* k, const double** value, Py_ssize_t R, double* out) noexcept nogil:
    """All rows of a link."""
    cdef const double* x = value[k.node]
    cdef const double* t
    cdef Py_ssize_t r
    cdef double sign = -1.0 if k.negative else 1.0
    if k.factor < 0:
        if k.steps & 1:
            for r in range(R):
                out[r] = sign * x[r]
        else:
            for r in range(R):
                out[r] = sign * x[0]
        return
    t = value[k.factor]
    if k.steps == 3:
        for r in range(R):
            out[r] = sign * (x[r] * t[r])
    elif k.steps == 1:
        for r in range(R):
            out[r] = sign * (x[r] * t[0])
    else:
        for r in range(R):
            out[r] = sign * (x[0] * t[r if k.steps & 2 else 0])


cdef void chain(const Plan* p, const Step* s, const double** value, double* out) noexcept nogil:
    """``((k0 + k1) + k2) + ...``: the additions of the plan, in its order, without a step for each."""
    cdef const Link* k = p.links + s.args[0]
    cdef Py_ssize_t i, r, R = s.element.rows
    cdef double sum
    if R > 4:
        long_chain(k, s.args[1], value, R, out)
        return
    for r in range(R):
        sum = linked(k, value, r)
        for i in range(1, s.args[1]):
            sum += linked(k + i, value, r)
        out[r] = sum


cdef void long_chain(const Link* k, Py_ssize_t n, const double** value, Py_ssize_t R, double* out) noexcept nogil:
    cdef Py_ssize_t i, r
    cdef const double* x
    product_rows(k, value, R, out)
    for i in range(1, n):
        x = value[k[i].node]
        if k[i].factor < 0 and k[i].steps & 1 and not k[i].negative:
            for r in range(R):
                out[r] += x[r]
        else:
            for r in range(R):
                out[r] += linked(k + i, value, r)


cdef void move(const double* old, const double* gone, const double* come, double magic, Py_ssize_t R,
               double* new) noexcept nogil:
    """``old - round(gone) + round(come)``."""
    cdef Py_ssize_t r
    for r in range(R):
        new[r] = old[r] - ((gone[r] + magic) - magic) + ((come[r] + magic) - magic)


cdef void total_step(const Plan* p, const Step* s, Work* w, const double* old, double* new) noexcept nogil:
    """Move a sum by what its child changed; the child is a link, so that a product needs no step of its own."""
    cdef const Link* k = p.links + s.child
    cdef Py_ssize_t R = s.element.rows
    cdef double magic = p.magic[s.node]
    cdef double* gone = w.before + p.reg[s.node]
    cdef double* come = w.after + p.reg[s.node]
    if R == 1:
        new[0] = old[0] - rounded(linked(k, w.old, 0), magic) + rounded(linked(k, w.new, 0), magic)
        return
    if k.factor < 0 and not k.negative:
        move(old, w.old[k.node], w.new[k.node], magic, R, new)
        return
    product_rows(k, w.old, R, gone)
    product_rows(k, w.new, R, come)
    move(old, gone, come, magic, R, new)


cdef inline void item_row(const Plan* p, const Step* s, int64_t item, double lots, double* out) noexcept nogil:
    cdef Py_ssize_t r
    cdef const double* row = p.constants + s.table + item * stride_of(s.element.rows)
    for r in range(s.element.rows):
        out[r] = lots * row[r]


cdef inline void item_step(
    const Plan* p, const Step* s, int64_t item, double had, double has, double* before, double* after
) noexcept nogil:
    """The quantity of an item, or its row times the quantity, before and after."""
    if s.kind == LOTS:
        before[0] = had
        after[0] = has
        return
    item_row(p, s, item, had, before)
    if s.changed:
        item_row(p, s, item, has, after)


cdef void path_step(
    const Plan* p, const Step* s, Work* w, double** block, const int64_t* axes, int64_t item, double had, double has
) noexcept nogil:
    """One node of the path: its value before and after the change."""
    cdef double* before = w.before + p.reg[s.node]
    cdef double* after = w.after + p.reg[s.node]
    cdef double magic = p.magic[s.node]
    cdef const double* state = block[s.axis] + s.offset if s.kind <= TOTAL else NULL
    if s.axis == 0 and s.kind <= TOTAL:
        after = w.account + s.offset  # sums of the account change in its block
    else:
        w.old[s.node] = before
        w.new[s.node] = after if s.changed else before
    if s.kind == FEW_ROWS:
        few_rows(s, w.old, before)
        if s.changed:
            few_rows(s, w.new, after)
    elif s.kind == CHAIN:
        chain(p, s, w.old, before)
        if s.changed:
            chain(p, s, w.new, after)
    elif s.kind == ELEMENT:
        run_element(s, w.old, before)
        if s.changed:
            run_element(s, w.new, after)
    elif s.kind == SLOT:
        w.old[s.node] = state
        if s.mine:
            slot_step(p, s, state, item, had, has, magic, after)
        elif s.axis:
            w.new[s.node] = state
    elif s.kind == TOTAL:
        w.old[s.node] = state
        if s.changed:
            total_step(p, s, w, state, after)
        else:
            w.new[s.node] = state
    elif s.kind == LOTS or s.kind == ITEM:
        item_step(p, s, p.maps[axes[s.axis] + item], state[0], has if s.mine else state[0], before, after)
    else:
        join(p, s, w.old, before)
        if s.changed:
            join(p, s, w.new, after)


cdef inline bint accumulates(const Step* s) noexcept nogil:
    return s.changed and (s.kind == TOTAL or (s.kind == SLOT and s.mine))


cdef enum:
    MAX_AXES = 32


cdef Status change(
    const Plan* p, Held* held, Work* w, Py_ssize_t h, int64_t item, double lots, bint commit
) noexcept nogil:
    """Set the quantity of one item; leaves the account's block after the change in ``w.account``.

    Without ``commit`` the state stays as it was. Writes nothing if it answers other than OK.
    """
    cdef double* block[MAX_AXES]
    cdef const int64_t* axes = p.axes + h * p.n_axes
    cdef Py_ssize_t x, i
    cdef const Step* s
    cdef const Constant* c
    cdef double had
    cdef Status status
    if lots > p.most[h] or lots < -p.most[h]:
        return Status.RANGE
    block[0] = held[0].block
    for x in range(1, p.n_axes):
        if axes[x] < 0:
            continue
        if commit:
            status = hold(&held[x], p.maps[axes[x] + item])
            if status != Status.OK:
                return status
        block[x] = block_of(&held[x], p.maps[axes[x] + item], p.width[x])
        if block[x] == NULL:
            block[x] = w.account + p.width[0]  # zeros: nothing is held there
    had = block[p.item_axis[h]][p.column[h]]
    for i in range(p.const_start[h], p.const_start[h + 1]):
        c = &p.consts[i]
        w.old[c.node] = p.constants + c.offset + (p.maps[axes[c.axis] + item] * c.stride if c.stride else 0)
        w.new[c.node] = w.old[c.node]
    memcpy(w.account, held[0].block, p.width[0] * sizeof(double))
    for i in range(p.step_start[h], p.step_start[h + 1]):
        path_step(p, &p.steps[i], w, block, axes, item, had, lots)
    if commit:
        for i in range(p.step_start[h], p.step_start[h + 1]):
            s = &p.steps[i]
            if s.axis != 0 and accumulates(s):
                memcpy(block[s.axis] + s.offset, w.new[s.node], s.element.rows * sizeof(double))
        memcpy(held[0].block, w.account, p.width[0] * sizeof(double))
        block[p.item_axis[h]][p.column[h]] = lots
    return Status.OK


cdef void account_values(const Plan* p, Work* w, double* out) noexcept nogil:
    """Run the account's nodes over its block, ``w.account``, and write the outputs side by side."""
    cdef Py_ssize_t i, n, h = p.n_holdings
    cdef const Step* s
    for i in range(p.step_start[h], p.step_start[h + 1]):
        s = &p.steps[i]
        if s.kind == FEW_ROWS:
            few_rows(s, w.new, w.after + p.reg[s.node])
        elif s.kind == ELEMENT:
            run_element(s, w.new, w.after + p.reg[s.node])
        elif s.kind == CHAIN:
            chain(p, s, w.new, w.after + p.reg[s.node])
        elif s.kind == JOIN:
            join(p, s, w.new, w.after + p.reg[s.node])
    for i in range(p.n_outputs):
        n = p.node_rows[p.outputs[i]]
        memcpy(out, w.new[p.outputs[i]], n * sizeof(double))
        out += n


cdef void point_work(const Plan* p, Work* w) noexcept nogil:
    """Point every account node to where its value will lie; constants of the account to their figures."""
    cdef Py_ssize_t i, h = p.n_holdings
    cdef const Step* s
    for i in range(p.const_start[h], p.const_start[h + 1]):
        w.new[p.consts[i].node] = p.constants + p.consts[i].offset
    for i in range(p.step_start[h], p.step_start[h + 1]):
        s = &p.steps[i]
        w.new[s.node] = w.account + s.offset if s.kind <= TOTAL else w.after + p.reg[s.node]


# ---- faces ---------------------------------------------------------------------------------

cdef class Engine:
    """A bound program laid out for changes; accounts made from it share its arrays."""

    cdef Plan plan
    cdef tuple arrays
    cdef Py_ssize_t registers

    def __cinit__(
        self, const int64_t[:, ::1] steps not None, const int64_t[::1] step_start not None,
        const int64_t[:, ::1] consts not None, const int64_t[::1] const_start not None,
        const int64_t[::1] joined not None, const int64_t[:, ::1] links not None, const int64_t[::1] node_rows not None,
        const double[::1] constants not None, const double[::1] magic not None,
        const int64_t[:, ::1] axes not None, const int64_t[::1] maps not None,
        const int64_t[::1] item_axis not None, const int64_t[::1] column not None,
        const double[::1] most not None, const int64_t[::1] width not None,
        const int64_t[::1] reg not None, const int64_t[::1] outputs not None,
        Py_ssize_t registers,
    ):
        self.arrays = (steps, step_start, consts, const_start, joined, links, node_rows, constants, magic, axes, maps,
                       item_axis, column, most, width, reg, outputs)
        if steps.shape[1] * sizeof(int64_t) != sizeof(Step) or consts.shape[1] * sizeof(int64_t) != sizeof(Constant):
            raise ValueError("steps and consts must have the fields of the interface file")
        if width.shape[0] > MAX_AXES:
            raise ValueError(f"axes must be at most {MAX_AXES}, was {width.shape[0]}")
        self.plan.steps, self.plan.step_start = <const Step*>&steps[0, 0], &step_start[0]
        self.plan.consts, self.plan.const_start = <const Constant*>&consts[0, 0], &const_start[0]
        self.plan.links = <const Link*>&links[0, 0]
        self.plan.joined, self.plan.node_rows = &joined[0], &node_rows[0]
        self.plan.constants, self.plan.magic = &constants[0], &magic[0]
        self.plan.axes, self.plan.maps = &axes[0, 0], &maps[0]
        self.plan.item_axis, self.plan.width = &item_axis[0], &width[0]
        self.plan.reg, self.plan.outputs = &reg[0], &outputs[0]
        self.plan.n_outputs, self.plan.n_holdings = outputs.shape[0], axes.shape[0]
        self.plan.n_axes, self.plan.n_nodes = width.shape[0], node_rows.shape[0]
        self.plan.column, self.plan.most = &column[0], &most[0]
        self.registers = registers


cdef class Account:
    """The state of one account: quantities and sums, in one allocation of fixed capacity."""

    cdef readonly Engine engine
    cdef Held held[MAX_AXES]
    cdef Work work
    cdef char* memory
    cdef readonly Py_ssize_t n_bytes

    def __cinit__(self, Engine engine not None, const int64_t[::1] capacity not None):
        self.engine = engine
        self.n_bytes = state_bytes(&engine.plan, &capacity[0])
        self.memory = <char*>calloc(self.n_bytes + work_bytes(&engine.plan, engine.registers), 1)
        if self.memory == NULL:
            raise MemoryError("no memory for the account")
        carve(&engine.plan, &capacity[0], self.held, self.memory)
        carve_work(&engine.plan, engine.registers, &self.work, self.memory + self.n_bytes)
        point_work(&engine.plan, &self.work)

    def __dealloc__(self):
        free(self.memory)

    def apply(self, Py_ssize_t holding, int64_t item, double lots):
        """Set the quantity of an item; returns a ``Status``."""
        return change(&self.engine.plan, self.held, &self.work, holding, item, lots, True)

    def quantity(self, Py_ssize_t holding, int64_t item):
        """What is held of an item."""
        cdef const Plan* p = &self.engine.plan
        cdef Py_ssize_t x = p.item_axis[holding]
        cdef double* block = block_of(&self.held[x], p.maps[p.axes[holding * p.n_axes + x] + item], p.width[x])
        return 0.0 if block == NULL else block[p.column[holding]]

    def values(self, double[::1] out not None):
        """Write the outputs at the present state."""
        memcpy(self.work.account, self.held[0].block, self.engine.plan.width[0] * sizeof(double))
        account_values(&self.engine.plan, &self.work, &out[0])
        return Status.OK

    def contemplate(self, Py_ssize_t holding, int64_t item, double lots, double[::1] out not None):
        """Write the outputs as if an item's quantity were ``lots``; the state stays."""
        cdef Status status = change(&self.engine.plan, self.held, &self.work, holding, item, lots, False)
        if status == Status.OK:
            account_values(&self.engine.plan, &self.work, &out[0])
        return status

    def contemplate_many(
        self, Py_ssize_t holding, const int64_t[::1] item not None, const double[::1] lots not None,
        double[:, ::1] out not None,
    ):
        """``contemplate`` for arrays, each from the present state; stops at the first refusal."""
        cdef Py_ssize_t i
        cdef Status status = Status.OK
        if not item.shape[0] == lots.shape[0] == out.shape[0]:
            return Status.SHAPE
        with nogil:
            for i in range(item.shape[0]):
                status = change(&self.engine.plan, self.held, &self.work, holding, item[i], lots[i], False)
                if status != Status.OK:
                    break
                account_values(&self.engine.plan, &self.work, &out[i, 0])
        return status

    def state(self):
        """Every block that is not all zero: {(axis, key): bytes}, to compare states to the bit."""
        cdef const Plan* p = &self.engine.plan
        cdef Py_ssize_t x, i, n
        found = {}
        for x in range(p.n_axes):
            n = p.width[x]
            for i in range(self.held[x].count):
                data = (<char*>(self.held[x].block + i * n))[:n * sizeof(double)]
                if any(data):
                    found[x, self.held[x].key[i]] = data
        return found


cdef Py_ssize_t table_size(Py_ssize_t capacity) noexcept nogil:
    """Power of two of at least twice the capacity."""
    cdef Py_ssize_t size = 4
    while size < 2 * capacity:
        size *= 2
    return size


cdef Py_ssize_t state_bytes(const Plan* p, const int64_t* capacity) noexcept nogil:
    cdef Py_ssize_t total = 0, x
    for x in range(p.n_axes):
        total += capacity[x] * (p.width[x] * sizeof(double) + sizeof(int64_t))
        total += table_size(capacity[x]) * sizeof(int32_t)
    return total


cdef Py_ssize_t work_bytes(const Plan* p, Py_ssize_t registers) noexcept nogil:
    cdef Py_ssize_t widest = 0, x
    for x in range(p.n_axes):
        widest = max(widest, p.width[x])
    return 2 * p.n_nodes * sizeof(void*) + (2 * registers + p.width[0] + widest) * sizeof(double)


cdef void carve(const Plan* p, const int64_t* capacity, Held* held, char* memory) noexcept nogil:
    """Lay the directories and blocks of every axis into the account's memory; the account is held."""
    cdef Py_ssize_t x
    for x in range(p.n_axes):
        held[x].block = <double*>memory
        memory += capacity[x] * p.width[x] * sizeof(double)
    for x in range(p.n_axes):
        held[x].key = <int64_t*>memory
        memory += capacity[x] * sizeof(int64_t)
    for x in range(p.n_axes):
        held[x].capacity, held[x].count = capacity[x], 0
        held[x].mask = table_size(capacity[x]) - 1
        held[x].table = <int32_t*>memory
        memory += table_size(capacity[x]) * sizeof(int32_t)
    hold(&held[0], 0)


cdef void carve_work(const Plan* p, Py_ssize_t registers, Work* w, char* memory) noexcept nogil:
    w.old = <const double**>memory
    w.new = w.old + p.n_nodes
    w.before = <double*>(w.new + p.n_nodes)
    w.after = w.before + registers
    w.account = w.after + registers
