"""``open`` and ``show``."""

import re
from argparse import Namespace, _SubParsersAction
from collections.abc import Iterator
from contextlib import closing, contextmanager

from secmail.cli import inputs, report, text
from secmail.cli.arguments import (
    Parser,
    add_input,
    add_json,
    add_keys,
    add_moment,
    add_output,
    add_report,
    add_trust,
    command,
)
from secmail.cli.failures import OK, REFUSED, Failure, concerning, shown_name
from secmail.cli.keys import Keys, certificates, crls, keys, ocsps
from secmail.cli.output import note, output, print_json, print_lines
from secmail.cli.values import Json
from secmail.errors import SecmailError
from secmail.inspection import Inspection, inspect_message
from secmail.paths import PathOptions, TrustStore
from secmail.streams import Source, Writable, copy
from secmail.unwrap import Unwrapped, unwrap

OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")


def add(commands: "_SubParsersAction[Parser]") -> None:
    opening = command(
        commands,
        "open",
        run_open,
        help="decrypt and verify a message; its content comes out only if it is verified",
        example="secmail open --trust ca.pem --key bob.p12 --passphrase-file bob.txt -o letter.eml secret.eml",
    )
    add_input(opening)
    add_output(opening, "where the content goes, the entity as it was signed (absent: standard output, with --json nowhere)")
    add_json(opening)
    opening.add_argument("--body", action="store_true", help="the content without its header fields and its transfer encoding")
    opening.add_argument(
        "--allow-unsigned",
        action="store_true",
        help="content that nobody signed comes out too, with exit status 0; whether CBC content was changed on the way, nothing tells",
    )
    _add_content(opening)
    add_trust(opening)
    opening.add_argument(
        "--policy", dest="certificate_policy", metavar="OID", action="append", default=[], help="a certificate policy that paths must be valid for; may be repeated"
    )
    add_moment(opening)
    add_keys(opening, "decrypt")

    show = command(
        commands,
        "show",
        run_show,
        help="show what is written in a message, verifying nothing",
        example="secmail show --json secret.eml",
    )
    add_input(show)
    _add_content(show)
    add_report(show)
    add_keys(show, "decrypt")


def _add_content(parser: Parser) -> None:
    parser.add_argument("--content", metavar="FILE", help="what a detached signature is about, if FILE is only that")


def run_open(arguments: Namespace) -> int:
    who = keys(arguments)
    with inputs.message(arguments.file) as source, inputs.detached(arguments.content) as detached, concerning(arguments.file):
        message = unwrapped(source, arguments, who, detached)
        shown = report.opened(message)
        accepted = message.verdict == "verified" or (message.verdict == "unsigned" and arguments.allow_unsigned)
        if accepted and (arguments.output or not arguments.json):
            with output(arguments.output) as out:
                shown["content"] |= _write(message, out, body=arguments.body)
        elif arguments.json and (content := report.canonical(message)) is not None:
            shown["content"] |= report.digest(content)
        if arguments.json:
            print_json(shown)
        if not accepted:
            raise Failure(f"{shown_name(arguments.file)}: {message.verdict}: {message.reason}", REFUSED)
        if not arguments.json:
            note_all(shown)
    return OK


def run_show(arguments: Namespace) -> int:
    who = keys(arguments)
    with inputs.message(arguments.file) as source, inputs.detached(arguments.content) as detached, concerning(arguments.file):
        with telling(source, arguments, arguments.output):
            message = inspect_message(source, now=inputs.moment(None), keys=who.opening, detached=detached)
        shown = report.written(message)
        if (content := report.canonical(message)) is not None:
            shown["content"] |= report.digest(content)
    if arguments.json:
        print_json(shown, arguments.output)
    else:
        print_lines(text.lines(shown), arguments.output)
    return OK


def unwrapped(
    source: Source, arguments: Namespace, who: Keys, detached: Source | None = None, report_to: str | None = None
) -> Unwrapped:
    """A message opened with the keys, anchors and evidence that the options name."""
    trusted, now, options = trust(arguments), inputs.moment(arguments.at), path_options(arguments)
    untrusted = (*who.certificates, *certificates(arguments.untrusted))
    with telling(source, arguments, report_to):
        return unwrap(source, keys=who.opening, trust=trusted, now=now, certificates=untrusted, options=options, detached=detached)


@contextmanager
def telling(source: Source, arguments: Namespace, report_to: str | None) -> Iterator[None]:
    """Where JSON is asked for, a message that can't be opened is told as JSON too."""
    try:
        yield
    except SecmailError as error:
        if getattr(arguments, "json", False):
            print_json(report.failed(error, _outside(source)), report_to)
        raise


def trust(arguments: Namespace) -> TrustStore:
    return TrustStore(certificates(arguments.trust))


def path_options(arguments: Namespace) -> PathOptions:
    policies = frozenset(map(_oid, getattr(arguments, "certificate_policy", ())))
    return PathOptions(crls=crls(arguments.crl), ocsps=ocsps(arguments.ocsp), policies=policies)


def _oid(text: str) -> str:
    if not OID.fullmatch(text):
        raise Failure(f"--policy {text}: no object identifier such as 2.16.840.1.101.3.2.1.48.1")
    return text


def note_all(shown: Json) -> None:
    """The object for people on standard error, because the result goes to standard output."""
    for line in text.lines(shown):
        note(line)


def _write(message: Unwrapped, out: Writable, *, body: bool) -> Json:
    content = report.canonical(message)
    if content is None:
        return {}
    if body and message.entity is not None:
        with closing(message.entity.open_body()) as stream:
            copy(stream, out)
        return report.digest(content)
    return report.digest(content, out)


def _outside(source: Source) -> Inspection | None:
    """What is seen of a message that can't be opened."""
    try:
        return inspect_message(source, now=inputs.moment(None))
    except SecmailError:
        return None
