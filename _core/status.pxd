# What a kernel answers. Codes, not exceptions: the path holds no interpreter.
cpdef enum Status:
    OK = 0          # done
    SHAPE = 1       # array lengths disagree
    DOMAIN = 2      # a figure lies outside the formula's domain
    RANGE = 3       # beyond the range in which sums are exact
    NOT_FINITE = 4  # NaN or infinity where a finite figure is needed
    UNKNOWN = 5     # an index or id that is not there
    PROGRAM = 6     # a plan that the evaluator cannot run
    NO_ROOT = 7     # no solution in the bracket
    CAPACITY = 8    # no room that was reserved is left
