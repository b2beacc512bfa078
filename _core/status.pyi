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
