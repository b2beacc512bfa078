/* What other threads see of the engine's one writer: a sequence lock an account, and the ends of the journal's ring. */
#ifndef CROSSMARGIN_GATE_H
#define CROSSMARGIN_GATE_H

#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define GATE_LOAD(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define GATE_STORE(p, x) __atomic_store_n((p), (x), __ATOMIC_RELEASE)
#define GATE_LOAD_LOOSE(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define GATE_STORE_LOOSE(p, x) __atomic_store_n((p), (x), __ATOMIC_RELAXED)
#define GATE_FENCE_LOADS() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define GATE_FENCE_STORES() __atomic_thread_fence(__ATOMIC_RELEASE)
#define GATE_PREFETCH(p) __builtin_prefetch((p), 0, 3)
#else /* Microsoft's compiler on x86: aligned words, and barriers for the compiler alone */
#include <intrin.h>
#define GATE_LOAD(p) (*(volatile const int64_t *)(p))
#define GATE_STORE(p, x) (_ReadWriteBarrier(), *(volatile int64_t *)(p) = (x))
#define GATE_LOAD_LOOSE(p) (*(volatile const int64_t *)(p))
#define GATE_STORE_LOOSE(p, x) (*(volatile int64_t *)(p) = (x))
#define GATE_FENCE_LOADS() _ReadWriteBarrier()
#define GATE_FENCE_STORES() _ReadWriteBarrier()
#define GATE_PREFETCH(p) _mm_prefetch((const char *)(p), _MM_HINT_T0)
#endif

static inline int64_t gate_load(const int64_t *p) { return GATE_LOAD(p); }
static inline void gate_store(int64_t *p, int64_t x) { GATE_STORE(p, x); }

/* Where the words of all accounts lie: elsewhere once there is more room. */
#if defined(__GNUC__) || defined(__clang__)
static inline int64_t *gate_load_words(int64_t *const *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
static inline void gate_store_words(int64_t **p, int64_t *x) { __atomic_store_n(p, x, __ATOMIC_RELEASE); }
#else
static inline int64_t *gate_load_words(int64_t *const *p) { return *(int64_t *volatile const *)p; }
static inline void gate_store_words(int64_t **p, int64_t *x) { _ReadWriteBarrier(); *(int64_t *volatile *)p = x; }
#endif

static inline void gate_prefetch(const void *p) { GATE_PREFETCH(p); }

/* Write n words that readers may be copying: the lock is odd meanwhile. */
static inline void gate_publish(int64_t *lock, int64_t *words, const int64_t *from, int n) {
    int i;
    GATE_STORE_LOOSE(lock, *lock + 1);
    GATE_FENCE_STORES();
    for (i = 0; i < n; i++) GATE_STORE_LOOSE(words + i, from[i]);
    GATE_STORE(lock, *lock + 1);
}

/* Copy n words that belong together; 0 if the writer was at them, then ask again. */
static inline int gate_copy(const int64_t *lock, const int64_t *words, int64_t *to, int n) {
    int64_t before = GATE_LOAD(lock);
    int i;
    if (before & 1) return 0;
    for (i = 0; i < n; i++) to[i] = GATE_LOAD_LOOSE(words + i);
    GATE_FENCE_LOADS();
    return GATE_LOAD_LOOSE(lock) == before;
}

#endif
