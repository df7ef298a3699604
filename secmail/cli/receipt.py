"""``receipt make`` and ``receipt check``."""

from argparse import Namespace, _SubParsersAction
from email.utils import format_datetime

from secmail.cli import inputs, report
from secmail.cli.arguments import (
    Parser,
    add_input,
    add_keys,
    add_moment,
    add_output,
    add_report,
    add_trust,
    command,
    described,
    many,
)
from secmail.cli.failures import OK, REFUSED, Failure, concerning, shown_name
from secmail.cli.keys import keys, readers
from secmail.cli.opening import note_all, unwrapped
from secmail.cli.output import note, output, print_json, print_lines
from secmail.cli.smime import written_as
from secmail.errors import ReceiptError
from secmail.receipts import ReceiptCheck, ReceiptDecision, check_receipt, make_receipt, receipt_owed
from secmail.unwrap import Unwrapped


def add(commands: "_SubParsersAction[Parser]") -> None:
    receipt = described(
        commands,
        "receipt",
        help="make and check signed receipts (RFC 2634 section 2)",
        example="secmail receipt check --trust ca.pem --original sent.eml receipt.eml",
    )
    of_receipt = receipt.add_subparsers(metavar="COMMAND", required=True)

    make = command(
        of_receipt,
        "make",
        run_make,
        help="make the signed receipt that a message asks for",
        example="secmail receipt make --key bob.pem --cert bob.crt --trust ca.pem -o receipt.eml letter.eml",
    )
    add_input(make, "MESSAGE")
    add_output(make)
    make.add_argument("--outform", choices=("eml", "der", "pem"), type=str.lower, default="eml", help="a message (the default), or bare CMS")
    many(make, "--recipient", "encrypt the receipt to these certificates", "CERTS")
    add_trust(make)
    add_moment(make, "the moment certificates must be valid for, and the signing time")
    add_keys(make, "the first that may sign signs the receipt")

    check = command(
        of_receipt,
        "check",
        run_check,
        help="check that a receipt proves that its signer received a message",
        example="secmail receipt check --trust ca.pem --original sent.eml receipt.eml",
    )
    add_input(check, "RECEIPT", "the receipt: .eml, DER or PEM")
    check.add_argument("--original", metavar="SENT", required=True, help="the message that asked for it, as it was sent")
    add_report(check)
    add_trust(check)
    add_moment(check)
    add_keys(check, "decrypt the receipt or the original")


def run_make(arguments: Namespace) -> int:
    who, now = keys(arguments), inputs.moment(arguments.at)
    signer, recipients = who.signer(), readers(arguments.recipient)
    with inputs.message(arguments.file) as source, concerning(arguments.file):
        message = unwrapped(source, arguments, who)
        own = {address for each in who.holders for address in each.emails}
        decision = receipt_owed(message, addresses=own)
        # Without recipients nobody may be sent one; with them it is for a person to decide, who did so by calling
        if not decision.owed and not decision.recipients:
            raise Failure(f"{shown_name(arguments.file)}: no receipt: {_refusal(decision, message)}", REFUSED)
        headers = [("From", ", ".join(signer.certificate.emails[:1])), ("To", ", ".join(decision.addresses))]
        headers = [(name, value) for name, value in headers if value]
        headers += [("Subject", "Signed receipt"), ("Date", format_datetime(now))]
        with output(arguments.output) as out, written_as(arguments.outform, out, headers) as entity:
            make_receipt(
                entity,
                message,
                signer=signer,
                now=now,
                certificates=who.chain,
                encryption_certificate=who.encryption_certificate(signer),
                recipients=recipients,
            )
    note(_made(decision, message))
    return OK


def _refusal(decision: ReceiptDecision, message: Unwrapped) -> str:
    """Of a message that is not verified nothing is believed, a request for a receipt least of all: that is the reason to tell."""
    return decision.reason if message.verdict == "verified" else f"the message is {message.verdict}: {message.reason}"


def _made(decision: ReceiptDecision, message: Unwrapped) -> str:
    caution = "" if decision.owed else f" ({decision.reason})"
    return f"a receipt for {', '.join(decision.addresses) or 'nobody with an address'}{caution}"


def run_check(arguments: Namespace) -> int:
    who = keys(arguments)
    with inputs.message(arguments.original) as sent, concerning(arguments.original):
        original = unwrapped(sent, arguments, who, report_to=arguments.output)
    with inputs.message(arguments.file) as source, concerning(arguments.file):
        receipt = unwrapped(source, arguments, who, report_to=arguments.output)
        try:
            check = check_receipt(receipt, original)
        except ReceiptError:
            if arguments.json:
                print_json(report.opened(receipt), arguments.output)
            raise
        shown = report.opened(receipt, check)
        if (content := report.canonical(receipt)) is not None:
            shown["content"] |= report.digest(content)
        if arguments.json:
            print_json(shown, arguments.output)
        if not check.proven:
            raise ReceiptError(check.reason)
    if not arguments.json:
        note_all(shown)
        print_lines([_proven(check)], arguments.output)
    return OK


def _proven(check: ReceiptCheck) -> str:
    name = report.person(check.signer)
    return f"{name} received the message{'' if check.asked else ', and was not asked for a receipt'}"
