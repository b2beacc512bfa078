from enum import IntEnum, IntFlag

class Flag(IntFlag):
    """Of an order."""

    NO_LIMIT = 1
    REDUCE_ONLY = 2
    STOP = 4
    ICEBERG = 8
    PAIRED = 16

class Trading(IntEnum):
    """What an instrument or an account takes."""

    OPEN = 0
    HALTED_NOW = 1
    REDUCING = 2
    GONE = 3
