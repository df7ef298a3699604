"""Messages that pretend to be somebody's, or to ask or allow something: none of it is believed (RFC 8550 section 3, RFC 2634).

Each is opened by the command line, as whoever receives it would.
"""

import hashlib
from collections.abc import Callable

import pytest
import spoofs_certificates
import spoofs_claims
import spoofs_encryption
import spoofs_keys
import spoofs_mime
import spoofs_receipts
import spoofs_senders
import spoofs_signatures
from commandline import CommandLine
from forge import CONTENT
from spoofs import MALFORMED, SEALED, UNSUPPORTED, VERIFIED, Spoof

FAMILIES = (spoofs_senders, spoofs_signatures, spoofs_mime, spoofs_claims, spoofs_certificates, spoofs_keys, spoofs_encryption)
SPOOFS = {f"{module.__name__[7:]}-{name}": each for module in FAMILIES for name, each in module.FAMILY.spoofs.items()}
STATUS = {VERIFIED: 0, MALFORMED: 3, UNSUPPORTED: 3}
PROVEN = hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize("spoof", [pytest.param(each, id=name) for name, each in SPOOFS.items()])
def test_a_spoof_is_not_believed(spoof: Spoof, secmail: CommandLine) -> None:
    secmail.write("spoof.eml", spoof.build())
    ended = secmail("open --trust root.crt --key bob.pem --json spoof.eml")
    shown = ended.json
    assert ended.status == STATUS.get(spoof.outcome, 1), (spoof.rule, shown["verdict"], shown["reason"])
    expected = "not-verified" if spoof.outcome in (MALFORMED, UNSUPPORTED, SEALED) else spoof.outcome
    assert shown["verdict"] == expected, (spoof.rule, shown["reason"])
    for path, value in spoof.told.items():
        assert at(shown, path) == value, (spoof.rule, path)
    if spoof.outcome == VERIFIED and "content.type" not in spoof.told:
        assert shown["content"]["sha256"] == PROVEN, spoof.rule


def test_there_are_a_hundred_spoofs() -> None:
    assert sum(each.outcome != VERIFIED for each in SPOOFS.values()) >= 100


@pytest.mark.parametrize(("rule", "build"), [pytest.param(*each, id=name) for name, each in spoofs_receipts.RECEIPTS.items()])
def test_a_receipt_that_pretends_proves_nothing(rule: str, build: Callable[[], bytes], secmail: CommandLine) -> None:
    secmail.write("sent.eml", spoofs_receipts.sent())
    secmail.write("receipt.eml", build())
    ended = secmail("receipt check --trust root.crt --original sent.eml --json receipt.eml")
    assert ended.status == 1, (rule, ended.err)


def test_a_receipt_that_is_one_proves_its_signer_only(secmail: CommandLine) -> None:
    """Whoever has the message can make a receipt for it, but only in his own name."""
    secmail.write("sent.eml", spoofs_receipts.sent())
    for name in ("bob", "carl"):
        secmail.write("receipt.eml", spoofs_receipts.receipt(name))
        ended = secmail("receipt check --trust root.crt --original sent.eml --json receipt.eml")
        assert (ended.status, ended.json["receipt"]["signer"]) == (0, f"CN={name} <{name}@example.org>")


def at(shown: object, path: str) -> object:
    """A member of a JSON value."""
    for step in path.split("."):
        shown = shown[int(step)] if isinstance(shown, list) else shown[step]
    return shown
