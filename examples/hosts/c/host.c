/* A host in C: asks the gate from threads of its own that never hold the interpreter lock.
 *
 * host PYTHON N_CHECKS VENUE.PY SEED METHOD: run.py compiles it and fills these in. C and C++ compile the same text.
 */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the main thread, which alone knows the interpreter ---- */

static void leave(const char *what) {
    if (Py_IsInitialized() && PyErr_Occurred()) PyErr_Print();
    fprintf(stderr, "host: %s\n", what);
    exit(1);
}

static void start_python(int argc, char **argv) {
    PyConfig config;
    PyStatus status;
    PyConfig_InitPythonConfig(&config);
    config.parse_argv = 0;
    /* The packages found are those of this interpreter's environment. */
    status = PyConfig_SetBytesString(&config, &config.program_name, argv[1]);
    if (!PyStatus_Exception(status)) status = PyConfig_SetBytesArgv(&config, argc - 3, argv + 3);
    if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
    PyConfig_Clear(&config);
    if (PyStatus_Exception(status)) Py_ExitStatusException(status);
}

static PyObject *named(PyObject *module, const char *name) {
    PyObject *found = PyObject_GetAttrString(module, name);
    if (!found) leave(name);
    return found; /* kept until the interpreter ends: the capsule must not outlive the engine */
}

static PyObject *open_venue(Venue *v, const char *path) {
    PyObject *module = PyImport_AddModule("__main__"), *row;
    FILE *file = fopen(path, "r");
    long long instrument = 0, mark = 0;
    int64_t i;
    if (!file || PyRun_SimpleFileEx(file, path, 1) || import_crossmargin___core__gate()) leave("no engine");
    v->gate = PyCapsule_GetPointer(named(module, "gate"), "crossmargin.gate");
    v->n_accounts = PyLong_AsLongLong(named(module, "N_ACCOUNTS"));
    v->asset = PyLong_AsLongLong(named(module, "asset"));
    v->time = PyLong_AsLongLong(named(module, "time"));
    row = named(module, "listed");
    v->n_listed = PyList_Size(row);
    if (v->n_listed > MOST_LISTED) leave("too many instruments");
    for (i = 0; i < v->n_listed; i++) {
        if (!PyArg_ParseTuple(PyList_GetItem(row, i), "LL", &instrument, &mark)) leave("no listing");
        v->instrument[i] = instrument, v->mark[i] = mark;
    }
    if (PyErr_Occurred()) leave("no venue");
    return module;
}

static pthread_t started(void *(*run)(void *), Host *h) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, h)) leave("no thread");
    return thread;
}

/* Python code runs here, under the lock, from before the first check until after the last one. */
static long long hold_lock(Host *h, PyObject *module) {
    PyObject *view = PyMemoryView_FromMemory(h->flags, sizeof h->flags, PyBUF_WRITE);
    PyObject *turns = view ? PyObject_CallFunctionObjArgs(named(module, "hold"), view, NULL) : NULL;
    if (!turns) leave("the checks did not end while the interpreter lock was held");
    return PyLong_AsLongLong(turns);
}

static void print_counts(const char *title, const int64_t *count, double seconds) {
    int64_t n = 0;
    int i;
    for (i = 0; i < N_STATUSES; i++) n += count[i];
    printf("%s: %.0f checks/s; statuses", title, (double)n / seconds);
    for (i = 0; i < N_STATUSES; i++)
        if (count[i]) printf(" %d: %lld", i, (long long)count[i]);
    printf("\n");
}

static int report(const Host *h, long long turns, PyObject *module) {
    const Written *w = &h->written;
    const Seen *s = &h->seen;
    const long long sequence = gate_sequence(h->venue.gate);
    const int same = memcmp(w->free_lock, w->held_lock, sizeof w->free_lock) == 0;
    PyObject *said;
    printf("session: %lld trades, %lld orders refused, %lld events failed, %lld checks disagreed, %.3f s\n",
           (long long)w->trades, (long long)w->refused, (long long)w->failed, (long long)w->disagreed, w->session);
    print_counts("lock free", w->free_lock, w->one_by_one);
    print_counts("lock free, in batches", w->free_lock, w->in_batches);
    print_counts("lock held by Python", w->held_lock, w->while_held);
    printf("meanwhile Python took %lld turns of a loop; statuses %s\n", turns, same ? "the same" : "DIFFER");
    printf("reader: %lld reads, %lld again, %lld torn; %lld events drained, %lld gaps\n", (long long)s->reads,
           (long long)s->again, (long long)s->torn, (long long)s->drained, (long long)s->gaps);
    printf("sequence %lld\n", sequence);
    said = PyObject_CallFunction(named(module, "verify"), "LL", sequence, (long long)w->trades);
    if (!said) leave("not verified");
    printf("%s\n", PyUnicode_AsUTF8(said));
    return !same || w->failed || w->disagreed || s->torn || s->gaps || s->drained != sequence || !w->trades;
}

int main(int argc, char **argv) {
    static Host host;
    PyObject *module;
    PyThreadState *state;
    pthread_t reader, writer;
    long long turns;
    int failed;
    if (argc < 6) leave("PYTHON N_CHECKS VENUE.PY SEED METHOD");
    start_python(argc, argv);
    host.venue.n_checks = atoll(argv[2]);
    module = open_venue(&host.venue, argv[3]);

    state = PyEval_SaveThread(); /* the lock is free */
    reader = started(read_all, &host);
    writer = started(write_all, &host);
    pthread_join(writer, NULL);

    PyEval_RestoreThread(state); /* the lock is this thread's again */
    writer = started(ask_while_held, &host);
    turns = hold_lock(&host, module);
    pthread_join(writer, NULL);
    __atomic_store_n(&host.stop, 1, __ATOMIC_RELEASE);
    pthread_join(reader, NULL);
    failed = report(&host, turns, module);
    return Py_FinalizeEx() || failed; /* the engine ends here, after every thread that has its address */
}
