/* What the host's own threads do: a writer, and a reader beside it. Nothing here knows the interpreter. */
#ifndef SESSION_H
#define SESSION_H

#include "gate_api.h" /* brings Python.h, which comes before all others */

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>

/* Numbers of the interface files: Kind in gate.pxd, Status in status.pxd, figures in standing.pxd. */
enum { DEPOSIT = 2, TRADE = 9 };
enum { OK = 0, REFUSED = 9, BUSY = 16, BACKPRESSURE = 17, N_STATUSES = 20 };
enum { SURPLUS_MAINTENANCE = 3, MAINTENANCE = 4, EQUITY_MAINTENANCE = 5, N_FIGURES = 6 };
enum { WORDS = 12, N_QUESTIONS = 4096, MOST_LISTED = 16, MOST_DRAINED = 512, CHECKS_A_ROUND = 100 };

typedef struct {
    void *gate;
    int64_t n_accounts, asset, time, n_listed, n_checks;
    int64_t instrument[MOST_LISTED], mark[MOST_LISTED];
    uint64_t seed;
} Venue;

typedef struct { /* orders to ask about: columns, as gate_check_many takes them */
    int64_t account[N_QUESTIONS], instrument[N_QUESTIONS], lots[N_QUESTIONS], ticks[N_QUESTIONS];
} Questions;

typedef struct {
    int64_t trades, refused, failed, disagreed; /* disagreed: gate_check said otherwise than gate_place */
    int64_t free_lock[N_STATUSES], held_lock[N_STATUSES]; /* checks by status */
    double session, one_by_one, in_batches, while_held;   /* seconds */
} Written;

typedef struct {
    int64_t reads, again, torn, drained, gaps;
} Seen;

typedef struct {
    Venue venue;
    Questions asked;
    Written written;
    Seen seen;
    char flags[2]; /* Python holds the lock and runs; the checks are done */
    char stop;     /* the reader's work is over */
} Host;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int64_t drawn(Venue *v, int64_t low, int64_t high) {
    v->seed = v->seed * 6364136223846793005u + 1442695040888963407u;
    return low + (int64_t)((v->seed >> 33) % (uint64_t)(high - low + 1));
}

/* ---- the writer ---- */

/* The ring is full until the reader takes events out of it: this host waits. */
static int applied(Venue *v, const int64_t *event) {
    int status;
    while ((status = gate_apply(v->gate, event)) == BACKPRESSURE) sched_yield();
    return status;
}

static int placed(Venue *v, int64_t account, int64_t order, int64_t instrument, int64_t lots, int64_t ticks) {
    int status;
    while ((status = gate_place(v->gate, ++v->time, account, order, instrument, lots, ticks, 0)) == BACKPRESSURE)
        sched_yield();
    return status;
}

static int cancelled(Venue *v, int64_t account, int64_t order) {
    int status;
    while ((status = gate_cancel(v->gate, ++v->time, account, order)) == BACKPRESSURE) sched_yield();
    return status;
}

/* Every third account gets little, so that some orders are refused. */
static void deposit(Venue *v, Written *w) {
    int64_t n;
    for (n = 0; n < v->n_accounts; n++) {
        const int64_t atoms = n % 3 ? 1000000000 : 40000000;
        const int64_t event[WORDS] = {0, ++v->time, DEPOSIT, n, v->asset, atoms, 0, 0, 0, 0, 0, 0};
        w->failed += applied(v, event) != OK;
    }
}

/* Two orders that meet: half is traded, the rest cancelled, and both accounts' figures are published. */
static void match(Venue *v, Written *w, int64_t round) {
    const int64_t buyer = drawn(v, 0, v->n_accounts - 1);
    const int64_t seller = (buyer + drawn(v, 1, v->n_accounts - 1)) % v->n_accounts;
    const int64_t item = drawn(v, 0, v->n_listed - 1), instrument = v->instrument[item], lots = drawn(v, 2, 20);
    const int64_t ticks = v->mark[item] + drawn(v, -20, 20), buy = 2 * round + 1, sell = 2 * round + 2;
    const int asked = gate_check(v->gate, buyer, instrument, lots, ticks);
    const int bought = placed(v, buyer, buy, instrument, lots, ticks);
    const int sold = placed(v, seller, sell, instrument, -lots, ticks);
    double figures[N_FIGURES];
    w->disagreed += asked != bought;
    w->refused += (bought == REFUSED) + (sold == REFUSED);
    w->failed += (bought != OK && bought != REFUSED) + (sold != OK && sold != REFUSED);
    if (bought == OK && sold == OK) {
        const int64_t trade[WORDS] = {0, ++v->time, TRADE, buyer, buy, seller, sell, instrument, lots / 2, ticks, 0, 0};
        w->failed += applied(v, trade) != OK;
        w->trades++;
    }
    w->failed += bought == OK && cancelled(v, buyer, buy) != OK;
    w->failed += sold == OK && cancelled(v, seller, sell) != OK;
    w->failed += gate_health(v->gate, buyer, figures) != OK;
    w->failed += gate_health(v->gate, seller, figures) != OK;
}

static void draw_questions(Venue *v, Questions *q) {
    int64_t i, item;
    for (i = 0; i < N_QUESTIONS; i++) {
        item = drawn(v, 0, v->n_listed - 1);
        q->account[i] = drawn(v, 0, v->n_accounts - 1);
        q->instrument[i] = v->instrument[item];
        q->lots[i] = drawn(v, 1, 60) * (drawn(v, 0, 1) ? 1 : -1);
        q->ticks[i] = v->mark[item] + drawn(v, -20, 20);
    }
}

static double ask_one_by_one(const Venue *v, const Questions *q, int64_t *count) {
    const double start = now();
    int64_t i, n;
    for (i = 0; i < v->n_checks; i++) {
        n = i % N_QUESTIONS;
        count[gate_check(v->gate, q->account[n], q->instrument[n], q->lots[n], q->ticks[n])]++;
    }
    return now() - start;
}

/* The same checks; the answers must add up to the same counts. */
static double ask_in_batches(const Venue *v, const Questions *q, Written *w) {
    static int32_t status[N_QUESTIONS];
    const int64_t most = N_QUESTIONS;
    int64_t count[N_STATUSES] = {0}, i, k, n;
    const double start = now();
    double taken;
    for (i = 0; i < v->n_checks; i += most) {
        n = v->n_checks - i < most ? v->n_checks - i : most;
        w->failed += gate_check_many(v->gate, q->account, q->instrument, q->lots, q->ticks, n, status) != OK;
        for (k = 0; k < n; k++) count[status[k]]++;
    }
    taken = now() - start;
    w->disagreed += memcmp(count, w->free_lock, sizeof count) != 0;
    return taken;
}

/* First thread: the day, then the checks. */
static void *write_all(void *given) {
    Host *h = (Host *)given;
    Written *w = &h->written;
    const double start = now();
    int64_t round;
    deposit(&h->venue, w);
    for (round = 0; round < h->venue.n_checks / CHECKS_A_ROUND; round++) match(&h->venue, w, round);
    w->session = now() - start;
    draw_questions(&h->venue, &h->asked);
    w->one_by_one = ask_one_by_one(&h->venue, &h->asked, w->free_lock);
    w->in_batches = ask_in_batches(&h->venue, &h->asked, w);
    return NULL;
}

/* The checks again, from the moment when Python says that it holds the lock. */
static void *ask_while_held(void *given) {
    Host *h = (Host *)given;
    while (!__atomic_load_n(&h->flags[0], __ATOMIC_ACQUIRE)) sched_yield();
    h->written.while_held = ask_one_by_one(&h->venue, &h->asked, h->written.held_lock);
    __atomic_store_n(&h->flags[1], 1, __ATOMIC_RELEASE);
    return NULL;
}

/* ---- the reader, which is the journal's thread too ---- */

static void read_figures(const Venue *v, Seen *s) {
    double f[N_FIGURES];
    int64_t n;
    for (n = 0; n < v->n_accounts; n++) {
        while (gate_read(v->gate, n, f) == BUSY) s->again++;
        s->reads++;
        s->torn += f[SURPLUS_MAINTENANCE] != f[EQUITY_MAINTENANCE] - f[MAINTENANCE];
    }
}

/* A journal would write these; here their sequence numbers are compared. */
static int64_t drain(const Venue *v, Seen *s) {
    static int64_t events[MOST_DRAINED * WORDS];
    const int64_t n = gate_drain(v->gate, events, MOST_DRAINED);
    int64_t i;
    for (i = 0; i < n; i++) s->gaps += events[i * WORDS] != ++s->drained;
    return n;
}

static void *read_all(void *given) {
    Host *h = (Host *)given;
    while (!__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE)) {
        while (drain(&h->venue, &h->seen) == MOST_DRAINED) {}
        read_figures(&h->venue, &h->seen);
    }
    while (drain(&h->venue, &h->seen)) {}
    return NULL;
}

#endif
