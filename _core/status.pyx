"""Status codes of all kernels, in the interface file, and what the processor and this build can do."""

cdef extern from *:
    """
    #ifndef CROSSMARGIN_LEVELS
    #define CROSSMARGIN_LEVELS 0
    #endif
    /* Levels that the processor has: 0 less than the baseline, 1 the baseline, 2 AVX2 with FMA, 3 AVX-512. */
    static int crossmargin_levels_here(void) {
    #if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
        __builtin_cpu_init();
        if (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("popcnt")) return 0;
        if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi")
            || !__builtin_cpu_supports("bmi2")) return 1;
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
            && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq")
            && __builtin_cpu_supports("avx512vl") ? 3 : 2;
    #else
        return 1;
    #endif
    }
    """
    int CROSSMARGIN_LEVELS
    int crossmargin_levels_here() nogil


def levels_built():
    """How many levels above the baseline this build holds."""
    return CROSSMARGIN_LEVELS


def levels_here():
    """How many levels the processor has, the baseline included; 0 where it lacks even that."""
    return crossmargin_levels_here()
