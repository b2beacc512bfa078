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

def levels_built() -> int:
    """How many instruction levels above the baseline this build holds."""

def levels_here() -> int:
    """How many instruction levels the processor has, the baseline included; 0 where it lacks even that."""
