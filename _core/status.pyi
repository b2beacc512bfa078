from enum import IntFlag

class Status(IntFlag):
    """What a kernel answers; 0 is success."""

    OK = 0
    SHAPE = 1
    DOMAIN = 2
    RANGE = 3
    NOT_FINITE = 4
    UNKNOWN = 5
    PROGRAM = 6
    NO_ROOT = 7
    CAPACITY = 8
    REFUSED = 9
    PRICE = 10
    OVERFILL = 11
    OVERFLOW = 12
    DUPLICATE = 13
    TIME = 14
    HALTED = 15
    BUSY = 16
    BACKPRESSURE = 17
    MALFORMED = 18
    ORACLE = 19

def levels_built() -> int:
    """How many instruction levels above the baseline this build holds."""

def levels_here() -> int:
    """How many instruction levels the processor has, the baseline included; 0 where it lacks even that."""
