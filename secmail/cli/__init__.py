"""The command line: ``python -m secmail``, or ``secmail`` where it is installed.

This is the only part of the engine that opens files and looks at the clock. ``main`` runs a command: one module for each family of them
(``making``, ``opening``, ``receipt``, ``expanding``, ``labels``), over ``inputs``, ``keys``, ``content``, ``report`` and ``output``.
"""

import importlib.metadata
import os
import signal
import sys
import warnings
from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from types import FrameType
from typing import Any

from cryptography.utils import CryptographyDeprecationWarning

from secmail.cli import expanding, labels, making, opening, receipt
from secmail.cli.arguments import Parser
from secmail.cli.failures import UNREADABLE, USAGE, Failure, status_of
from secmail.cli.output import note
from secmail.errors import SecmailError

STATUSES = "exit status: 0 fine; 1 verified false, not decryptable or refused; 2 wrong usage; 3 malformed or unsupported"
# What is neither a file nor a number, so that "-" is no file there
TEXTS = "subject sender to privacy_mark content_description classification category receipt_from receipt_to receipt_policy owner list".split()
EXAMPLE = "example:\n  secmail open --trust ca.pem --key me.p12 --passphrase-file me.txt -o letter.eml secret.eml"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; all that goes wrong is one line on standard error."""
    try:
        arguments = _parser().parse_args(argv)
        _read_standard_input_once(arguments)
        _check_texts(arguments)
        with warnings.catch_warnings():
            # Certificates with serial numbers that RFC 5280 forbids are about; who reads them here can't help it
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            return int(arguments.run(arguments))
    except SystemExit as ended:
        return int(ended.code or 0)
    except (Exception, KeyboardInterrupt) as error:
        return _failed(error)


def console() -> int:
    """``main`` as a process of its own: a request to end is an orderly end, which leaves no half-written file."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    return main()


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _parser() -> Parser:
    parser = Parser(
        prog="secmail",
        description="S/MIME with Enhanced Security Services: sign, encrypt, label and open messages.",
        epilog=f"{EXAMPLE}\n\n{STATUSES}",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"secmail {_version()}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for family in (making, opening, receipt, expanding, labels):
        family.add(commands)
    return parser


def _version() -> str:
    try:
        return importlib.metadata.version("secmail-portal")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed: run from its folder)"


def _read_standard_input_once(arguments: Namespace) -> None:
    values = [value for name, value in vars(arguments).items() if name not in (*TEXTS, "output")]
    if list(_flat(values)).count("-") > 1:
        raise Failure("standard input can be only one of the files")


def _check_texts(arguments: Namespace) -> None:
    """File names may be any octets, but what goes into a message is text."""
    for each in _flat(vars(arguments).get(name) for name in TEXTS):
        if each and any("\ud800" <= character <= "\udfff" for character in each):
            raise Failure(f"{each}: no UTF-8")


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    for each in values:
        yield from _flat(each) if isinstance(each, list) else (each,)


def _failed(error: BaseException) -> int:
    match error:
        case Failure():
            reason, status = str(error), error.status
        case SecmailError():
            reason, status = str(error), status_of(error)
        case BrokenPipeError():
            # Whoever read the output has gone; what is still buffered would fail again at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 128 + signal.SIGPIPE
        case OSError():
            reason, status = error.strerror or "input or output failed", USAGE
        case KeyboardInterrupt():
            reason, status = "interrupted", 128 + signal.SIGINT
        case _:
            # Foreign bytes must never give a traceback, which could show content; the kind of error is enough to report it
            reason, status = f"unexpected {type(error).__name__}: please report it", UNREADABLE
    with suppress(OSError):
        note(reason)
    return status
