from enum import IntEnum

class Kind(IntEnum):
    """Of an event; the fields of each stand in ``gate.pxd``."""

    ENROL = 1
    DEPOSIT = 2
    WITHDRAW = 3
    TRANSFER = 4
    PLACE = 5
    AMEND = 6
    CANCEL = 7
    TRIGGER = 8
    TRADE = 9
    FUND = 10
    EXPIRE = 11
    INTEREST = 12
    LIST = 13
    MODE = 14
    BAND = 15
    OBSERVE = 16
    MARK = 17
    PARAMETERS = 18
    BRING = 19
    ADJUST = 20
    REST = 21
    RESERVE = 22
