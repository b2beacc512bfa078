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
    REFUSED = 9     # the account cannot carry it
    PRICE = 10      # a limit that is missing, or outside the venue's band
    OVERFILL = 11   # more than is open
    OVERFLOW = 12   # money beyond 64 bits
    DUPLICATE = 13  # an id that is taken
    TIME = 14       # earlier than what was applied before
    HALTED = 15     # the instrument or the account takes no such order now
    BUSY = 16       # another thread owns the engine
    BACKPRESSURE = 17  # the journal has no room
    MALFORMED = 18  # an event that means nothing
    ORACLE = 19     # what an oracle values here cannot be valued now
