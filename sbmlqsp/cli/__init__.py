"""The command line: run, simulate, data, check, show, compose, convert, catalogue.

Exit codes: 0 fine; 1 the model, data or study is wrong, or something failed inside; 2 the command is wrong; 130
interrupted. What went wrong is one paragraph on standard error.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, NoReturn

from sbmlqsp.cli.terminal import say, sentence_of
from sbmlqsp.engine.guard import unguarded
from sbmlqsp.errors import QSPError

__all__ = ["main"]

ROOT = "a folder that files named in the file may lie in, besides its own"
TRUST = "read model files without limits of time and memory, for large files of your own"
MODEL = "a model file (.ant, .xml, .sbml) or an id of the library"


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with a command in one paragraph."""

    def error(self, message: str) -> NoReturn:
        say(f"{self.prog}: {message}. See {self.prog} --help.")
        raise SystemExit(2)


def _parser() -> argparse.ArgumentParser:
    from sbmlqsp import __version__

    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show where in the program an error arose")
    common.add_argument("--trust", action="store_true", help=TRUST)
    parser = _Parser(prog="sbmlqsp", description="Quantitative systems pharmacology on SBML.", parents=[common])
    parser.add_argument("--version", action="version", version=f"sbmlqsp {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    for add in (_run, _simulate, _data, _check, _show, _compose, _convert, _catalogue):
        add(commands)
    return parser


def _command(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    """Add a subcommand; its options may stand before or after the name of the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text[:1].upper() + text[1:] + "."
    )
    for option in ("--debug", "--trust"):
        parser.add_argument(option, action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


def _run(commands: Any) -> None:
    p = _command(commands, "run", "run a study file, repeat a run from its lock.json, or run an archive")
    p.add_argument("study", metavar="STUDY", help="a study file (.toml), the lock.json in a folder of results, "
                   "a COMBINE archive (.omex) or a SED-ML file (.sedml)")  # fmt: skip
    p.add_argument("--output", "-o", metavar="DIR", help="the folder of results (default: results/ID)")
    p.add_argument("--workers", "-w", type=int, metavar="N", help="processes to spread the subjects over (default: 1)")
    p.add_argument("--root", metavar="DIR", help=ROOT)


def _simulate(commands: Any) -> None:
    p = _command(commands, "simulate", "simulate a model")
    p.add_argument("model", metavar="MODEL", help=MODEL)
    p.add_argument("--times", "-t", required=True, help='such as "0:24 h by 0.5"')
    p.add_argument("--dose", "-d", metavar="REGIMEN", help='such as "100 mg into depot every 24 h x 7"')
    p.add_argument("--set", "-s", nargs="+", action="extend", default=[], metavar="NAME=VALUE",
                   help='new values, such as CL=3 or CL="50 mL/min"')  # fmt: skip
    p.add_argument("--observe", "-O", nargs="+", action="extend", default=[], metavar="FORMULA",
                   help='such as central, "Cp = A/V" or "Cp = A/V in mg/L" (default: all species)')  # fmt: skip
    p.add_argument("--subjects", metavar="FILE", help="a table with one row per subject and columns named as symbols")
    p.add_argument("--output", "-o", metavar="FILE", help="a .csv, .parquet, .png, .svg, .pdf or .html file")


def _data(commands: Any) -> None:
    p = _command(commands, "data", "show what a data set in NONMEM's form holds, and what reading it changed")
    p.add_argument("file", metavar="FILE", help="a table of doses and observations")
    pairs = (
        ("--column", "-c", "NAME=COLUMN", "where a column of NONMEM is, such as ID=subject DV=conc"),
        ("--unit", "-u", "NAME=UNIT", "units, such as TIME=h AMT=mg DV=mg/L DV:2=%%"),
        ("--derive", "-d", "NAME=FORMULA", 'columns to compute, such as "SS=II > 0"'),
    )
    for long, short, metavar, text in pairs:
        p.add_argument(long, short, nargs="+", action="extend", default=[], metavar=metavar, help=text)
    p.add_argument("--ignore", "-i", nargs="+", action="extend", metavar="ROWS",
                   help='rows to leave out: a first character, or a condition such as "AGE.GT.60"')  # fmt: skip
    p.add_argument("--cens", metavar="HOW", help='what is below a limit: "<" for values such as <0.05, or a formula')
    p.add_argument("--output", "-o", metavar="FILE", help="a .csv file to write the records to, as NONMEM reads them")


def _check(commands: Any) -> None:
    p = _command(commands, "check", "look for what makes a model wrong or fragile")
    p.add_argument("model", metavar="MODEL", help=MODEL)
    p.add_argument("--for", dest="target", metavar="TARGET",
                   help="a tool: also what it drops, refuses or gets wrong, such as mobi or copasi")  # fmt: skip


def _show(commands: Any) -> None:
    p = _command(commands, "show", "show reactions, equations, values and ports of a model")
    p.add_argument("model", metavar="MODEL", help=MODEL)


def _compose(commands: Any) -> None:
    p = _command(commands, "compose", "join models into one")
    p.add_argument("file", metavar="FILE", help="an .ant file with instances, or a .toml file with parts and connect")
    p.add_argument("--output", "-o", metavar="FILE", help="a .xml, .sbml or .ant file (default: only show the result)")
    p.add_argument("--root", metavar="DIR", help=ROOT)
    _form(p)


def _convert(commands: Any) -> None:
    p = _command(commands, "convert", "translate a model between Antimony and SBML, by the suffix of the files")
    p.add_argument("source", metavar="IN", help=MODEL)
    p.add_argument("output", metavar="OUT", help="a .ant, .xml or .sbml file")
    p.add_argument("--for", dest="target", metavar="TARGET",
                   help="rewrite what a tool does not read, with a report, such as simbiology")  # fmt: skip
    _form(p)


def _form(p: argparse.ArgumentParser) -> None:
    p.add_argument("--comp", action="store_true", help="write the hierarchical form of a composed model (SBML comp)")
    p.add_argument("--allow-loss", action="store_true",
                   help="leave out names and terms that Antimony, or the level of a tool, cannot hold")  # fmt: skip


def _catalogue(commands: Any) -> None:
    p = _command(commands, "catalogue", "list the model library")
    p.add_argument("words", nargs="*", metavar="WORD",
                   help="only models with all these words in id, title, purpose, equations or ports")  # fmt: skip
    p.add_argument("--family", "-f", metavar="FAMILY", help="only one family, such as pk, binding or system")
    p.add_argument("--port", "-p", metavar="PORT", help="only models with this port, by id or a word of its meaning")
    p.add_argument("--unit", "-u", metavar="UNIT", help='only models with a port of this unit, such as "nmol/L"')


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after ``sbmlqsp``; those of the process where left out.

    Examples
    --------
    >>> main(["catalogue", "emax"]) == 0  # doctest: +ELLIPSIS
    id ...
    True
    """
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    with _warnings_as_notes():
        return _guarded(arguments)


def _guarded(arguments: argparse.Namespace) -> int:
    """Run the command; say what went wrong in one paragraph."""
    try:
        # Each command imports what it needs, so that --help is quick.
        command = getattr(importlib.import_module("sbmlqsp.cli.commands"), arguments.command)
        with unguarded() if arguments.trust else nullcontext():
            code: int = command(arguments)
        sys.stdout.flush()
    except QSPError as error:
        if arguments.debug:
            raise
        say(f"sbmlqsp {arguments.command}: {sentence_of(error)}")
        return 1
    except KeyboardInterrupt:
        say(f"sbmlqsp {arguments.command}: interrupted; nothing was left half written.")
        return 130
    except BrokenPipeError:
        # The reader of a pipe has seen enough; what is left in the buffer must not raise at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # the last resort of a command line
        if arguments.debug:
            raise
        about = " ".join(str(error).split())[:300]
        what = f"internal error: {type(error).__name__}: {about}"
        say(f"sbmlqsp {arguments.command}: {what}. Rerun with --debug, and report what it shows.")
        return 1
    return code


@contextmanager
def _warnings_as_notes() -> Iterator[None]:
    """Show warnings meant for users as paragraphs, and no others."""

    def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        if issubclass(category, UserWarning):
            say(f"note: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield
