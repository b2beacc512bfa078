"""What a market and a parameter set give an engine, in one object: a mark swaps it for another."""

from libc.stdint cimport int64_t
from libc.string cimport memcmp
from crossmargin._core.bounds cimport Interval
from crossmargin._core.integers cimport Integral
from crossmargin._core.plan cimport Batch
from crossmargin._core.single cimport Single
from crossmargin._core.standing cimport Engine
from crossmargin._core.worst cimport Alternative, Point, Term, Touch, Worst


cdef class Tables:
    """What a market and a parameter set give an engine: compiled worst fills, the plan, ranges, half atoms."""

    def __init__(
        self, const int64_t[:, ::1] alternatives not None, const int64_t[:, ::1] keyed not None,
        const int64_t[:, ::1] touches not None, const int64_t[::1] touch_start not None,
        const int64_t[::1] moves not None,
        const int64_t[:, ::1] points not None, const int64_t[::1] lists not None, const double[::1] figures not None,
        const double[::1] alternative_magic not None, const double[::1] term_magic not None,
        const double[::1] sum_magic not None, Py_ssize_t sums, Py_ssize_t n_sums, Py_ssize_t block, Py_ssize_t state,
        Single whole not None, Single fixed,
        Interval opaque, Integral integral, const double[::1] plain not None,
        const double[::1] most_lots not None, const double[::1] most_cost not None, const double[::1] atom not None,
        const int64_t[::1] doubted_instruments not None, const int64_t[::1] doubted_assets not None,
    ):
        cdef Worst* w = &self.worst
        self.arrays = (alternatives, keyed, touches, touch_start, moves, points, lists, figures, alternative_magic,
                       term_magic, sum_magic, whole, fixed, opaque, integral, plain, most_lots, most_cost, atom,
                       doubted_instruments, doubted_assets)
        if not (alternatives.shape[1] * 8 == sizeof(Alternative) and keyed.shape[1] * 8 == sizeof(Term)
                and touches.shape[1] * 8 == sizeof(Touch) and points.shape[1] * 8 == sizeof(Point)):
            raise ValueError("tables must have the fields of the interface file")
        w.alternatives = <const Alternative*>&alternatives[0, 0]
        w.terms, w.touches = <const Term*>&keyed[0, 0], <const Touch*>&touches[0, 0]
        w.moves = &moves[0]
        w.touch_start, w.points, w.lists = &touch_start[0], <const Point*>&points[0, 0], &lists[0]
        w.figures, w.alternative_magic = &figures[0], &alternative_magic[0]
        w.term_magic, w.sum_magic = &term_magic[0], &sum_magic[0]
        w.n_alternatives, w.n_terms, w.n_points = alternatives.shape[0] - 1, keyed.shape[0] - 1, points.shape[0] - 1
        w.sums, w.n_sums, w.block, w.state = sums, n_sums, block, state
        self.whole, self.fixed, self.opaque, self.plain = whole, fixed, opaque, &plain[0]
        self.most_lots, self.most_cost, self.atom = &most_lots[0], &most_cost[0], &atom[0]
        self.doubted_instruments, self.doubted_assets = &doubted_instruments[0], &doubted_assets[0]
        self.doubts = any(doubted_instruments) or any(doubted_assets)
        self.integral = integral
        self.rows, self.n_opaque = 0, 0 if opaque is None else opaque.bounds.n_wanted
        for i in range(w.n_alternatives):
            self.rows = max(self.rows, w.alternatives[i].stride)
        self.rows += w.n_sums

    cdef bint fits(self, Tables other):
        """Whether states under other tables lie as under these."""
        cdef const Worst* v = &self.worst
        cdef const Worst* w = &other.worst
        return (
            v.state == w.state and self.rows == other.rows
            and v.n_alternatives == w.n_alternatives and v.n_terms == w.n_terms
            and memcmp(v.alternatives, w.alternatives, v.n_alternatives * sizeof(Alternative)) == 0
            and memcmp(v.terms, w.terms, v.n_terms * sizeof(Term)) == 0
        )

    cdef bint rounds_as(self, Tables other):
        """Whether every form keeps its shape and every term its quantum."""
        cdef const Worst* v = &self.worst
        cdef const Worst* w = &other.worst
        cdef const Batch* b = &self.whole.program.b
        return (
            self.fits(other)
            and memcmp(v.alternative_magic, w.alternative_magic, v.n_alternatives * sizeof(double)) == 0
            and memcmp(v.term_magic, w.term_magic, v.n_terms * sizeof(double)) == 0
            and memcmp(v.sum_magic, w.sum_magic, v.n_terms * sizeof(double)) == 0
            and memcmp(b.magic, other.whole.program.b.magic, b.n_nodes * sizeof(double)) == 0
        )

    cdef void load(self, Engine* e):
        """Point an engine to these tables."""
        cdef Py_ssize_t i
        e.worst, e.plain = self.worst, self.plain
        e.whole = &self.whole.program
        e.fixed = NULL if self.fixed is None else &self.fixed.program
        e.integers = NULL if self.integral is None else &self.integral.whole
        e.opaque = NULL if self.opaque is None else &self.opaque.bounds
        e.most_lots, e.most_cost, e.atom = self.most_lots, self.most_cost, self.atom
        e.doubted_instruments, e.doubted_assets = self.doubted_instruments, self.doubted_assets
        e.doubts = self.doubts
        e.keyed_points = 0
        for i in range(self.worst.n_points):
            e.keyed_points += self.worst.points[i].keyed
