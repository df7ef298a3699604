"""Options that several commands share, and the look of the help."""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter, _ArgumentGroup, _SubParsersAction
from collections.abc import Callable
from typing import NoReturn

from secmail.cli.failures import USAGE, printable

Run = Callable[[Namespace], int]
Commands = "_SubParsersAction[Parser]"


class Parser(ArgumentParser):
    """Wrong usage is one line too."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"secmail: {printable(message)} (try: {self.prog} --help)\n")


def described(commands: "_SubParsersAction[Parser]", name: str, *, help: str, example: str) -> Parser:
    """A command, or a family of them, with an example."""
    return commands.add_parser(
        name,
        help=help,
        description=f"{help[0].upper()}{help[1:]}.",
        epilog=f"example:\n  {example}",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def command(commands: "_SubParsersAction[Parser]", name: str, run: Run, *, help: str, example: str) -> Parser:
    """One command with its example."""
    parser = described(commands, name, help=help, example=example)
    parser.set_defaults(run=run)
    return parser


def add_input(parser: Parser, name: str = "FILE", help: str = "the message: .eml, DER or PEM") -> None:
    parser.add_argument("file", metavar=name, nargs="?", default="-", help=f"{help} (absent or -: standard input)")


def add_output(parser: Parser, help: str = "where the result goes (absent: standard output)") -> None:
    parser.add_argument("-o", "--output", metavar="FILE", help=f"{help}; FILE appears when all went well, not before")


def add_report(parser: Parser) -> None:
    """Where a result that is only told goes."""
    parser.add_argument("-o", "--output", metavar="FILE", help="where the result goes (absent: standard output)")
    add_json(parser)


def add_json(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")


def add_moment(parser: Parser, help: str = "the moment certificates must be valid for") -> None:
    parser.add_argument("--at", metavar="TIME", help=f"{help}, such as 2026-03-01T12:00:00Z (absent: now)")


def add_keys(parser: Parser, help: str) -> None:
    group = parser.add_argument_group("keys", help)
    many(group, "--key", "a private key: PEM, DER or PKCS#12")
    many(group, "--cert", "certificates of the keys, and those that lead to trust anchors; not needed where --key brings them along")
    add_secrets(group)
    group.add_argument("--passphrase-file", metavar="FILE", help="the passphrase of the keys is its first line")


def add_secrets(group: _ArgumentGroup) -> None:
    group.add_argument("--kek", metavar="FILE", help="a shared key of 16, 24 or 32 octets, raw or in hexadecimal digits")
    group.add_argument("--kek-id", metavar="HEX", help="the identifier of the shared key")
    group.add_argument("--password-file", metavar="FILE", help="the password is its first line")


def add_trust(parser: Parser, *, required: bool = True, absent: str = "") -> None:
    group = parser.add_argument_group("trust")
    group.add_argument(
        "--trust", metavar="CERTS", action="append", default=[], required=required, help=f"trust anchors: PEM, DER or PKCS#7{absent}"
    )
    many(group, "--untrusted", "further certificates that paths may lead through", "CERTS")
    many(group, "--crl", "a certificate revocation list: DER or PEM")
    many(group, "--ocsp", "an OCSP response: DER")


def many(group: ArgumentParser | _ArgumentGroup, name: str, help: str, metavar: str = "FILE") -> None:
    group.add_argument(name, metavar=metavar, action="append", default=[], help=f"{help}; may be repeated")
