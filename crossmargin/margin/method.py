"""What every margin method is: immutable parameters with a date and a source, and the plan they build."""

from typing import Any, ClassVar, Literal, get_args, get_origin

import msgspec

from crossmargin import _checks as check
from crossmargin.errors import InvalidInputError
from crossmargin.instruments import Instruments
from crossmargin.margin.doubts import Doubts
from crossmargin.margin.plan.binding import Binding
from crossmargin.margin.plan.program import Program
from crossmargin.margin.prepared import Prepared
from crossmargin.margin.requirement import LEVELS, Requirement
from crossmargin.market import Market
from crossmargin.portfolio import Book, Portfolio


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of parameter records: unknown fields are refused."""


def check_choices(record: msgspec.Struct, where: str = "") -> None:
    """Refuse a value that is none of its field's choices: decoding checks them, making a record does not."""
    for field in msgspec.structs.fields(record):
        if get_origin(field.type) is Literal:
            check.one_of(field.name, getattr(record, field.name), get_args(field.type), where)


class Method(Parameters, frozen=True, kw_only=True, tag_field="method"):
    """Base of methods. A method gives ``program()``, which reads no figure, and ``tables()``, its figures.

    ``name``, ``date`` and ``source`` say which parameters these are; every result carries them.
    """

    integers: ClassVar[bool] = False  # whether the venue computes in integers: its plan then runs in them
    name: str
    date: str = ""
    source: str = ""

    @property
    def method_name(self) -> str:
        return str(self.__struct_config__.tag)

    @property
    def parameters_name(self) -> str:
        return f"{self.name} ({self.date})" if self.date else self.name

    def program(self) -> Program:
        raise PlanlessError(type(self).__name__)

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        """Labels, rows, maps and items for ``Binding.of``."""
        raise PlanlessError(type(self).__name__)

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Figures by table name."""
        raise PlanlessError(type(self).__name__)

    def doubts(self, instruments: Instruments, market: Market) -> Doubts:
        """What the method cannot value in this market while it can value the rest; nothing by default."""
        return Doubts()

    def check_book(self, instruments: Instruments, market: Market, book: Book) -> None:
        """Refuse a book with an account that holds what is doubted."""
        self.doubts(instruments, market).check_book(book)

    def trusting(self) -> "Method":
        """The same method that doubts no oracle for its price: what supposes a price reads it with this."""
        return self

    def prepare(self, instruments: Instruments, market: Market) -> Prepared:
        """Build the plan and fill its tables: everything that a mark, a clock or a parameter decides."""
        return self.bind(instruments, market).verified()

    def bind(self, instruments: Instruments, market: Market) -> Prepared:
        """``prepare`` without the check that summed expressions are 0 where nothing is held."""
        shape = self.axes(instruments)
        shape["rows"] = {"level": LEVELS, **shape["rows"]}
        bound = Binding.of(self.program(), tables=self.tables(instruments, market), **shape)
        return Prepared(self, instruments, market, bound)

    def requirement(self, portfolio: Portfolio, market: Market, *, orders: str = "venue") -> Requirement:
        """Prepare and run for one account; ``orders`` as in ``Prepared.requirement``."""
        return self.prepare(portfolio.instruments, market).requirement(portfolio, orders=orders)


class PlanlessError(TypeError):
    """A subclass of Method lacks its plan."""


def decode(data: bytes, kind: Any) -> Any:
    """Read a method's parameters from JSON; every refusal names the field."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        cause = error.__cause__
        raise (
            cause if isinstance(cause, InvalidInputError) else check.refuse("method", str(error), data[:60])
        ) from error
