"""Every error that crossmargin raises on purpose, and the table from status code to error."""

from crossmargin._core.status import Status


class CrossmarginError(Exception):
    """Base of all errors of this package."""


class InvalidInputError(CrossmarginError, ValueError):
    """An argument breaks a rule; the message names argument, rule, value and place."""


class UnknownReferenceError(InvalidInputError, KeyError):
    """An id refers to nothing."""

    __str__ = ValueError.__str__  # KeyError would print the repr of the message


class MissingPriceError(UnknownReferenceError):
    """A method reads an observation that the market does not hold."""


class ImprudentParametersError(InvalidInputError):
    """Parameters are well formed but lenient where a rule of prudence forbids it."""

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(f"{rule}: {message}")
        self.rule = rule


class MissingExtraError(CrossmarginError, ImportError):
    """A library of an optional extra is not installed; the message names the extra."""


class PlanError(CrossmarginError):
    """A plan is malformed; found while it is built, never while it runs."""


class KernelError(CrossmarginError, ArithmeticError):
    """A kernel refused; the caller passed its checks, so this names the status."""


def raise_for_status(status: int, what: str) -> None:
    """Turn a kernel's code into an exception naming ``what`` was computed."""
    if status != Status.OK:
        raise KernelError(f"{what}: {Status(status).name}")
