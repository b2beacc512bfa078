"""The command line: every command reads one snapshot file and prints a table or, with --json, data."""

import io
import os
import sys
from typing import Any, NoReturn

import numpy as np
import typer

from crossmargin.cli import cascades, liquidations, margins  # each defines its commands
from crossmargin.cli.shared import BEYOND, app, err
from crossmargin.errors import CrossmarginError

COMMANDS = (margins, liquidations, cascades)
parse_order = margins.parse_order
TyperError: Any = typer.BadParameter.__mro__[2]  # all that typer refuses; no public module names it


def fail(message: str) -> NoReturn:
    err.print(f"crossmargin: {' '.join(message.split())}", markup=False, emoji=False, highlight=False, soft_wrap=True)
    raise SystemExit(2)


def escape_unprintable() -> None:
    """Print what the terminal's character set lacks as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def main() -> None:
    """Entry point: errors are one line and exit code 2."""
    escape_unprintable()
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            code = app(standalone_mode=False)
        sys.stdout.flush()
    except CrossmarginError as error:
        fail(str(error))
    except ArithmeticError:
        fail(BEYOND)
    except TyperError as error:
        fail(error.format_message())
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the last flush goes nowhere
        code = 0
    raise SystemExit(code)
