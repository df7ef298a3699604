"""Messages that pretend to be somebody's, or to ask or allow something: none of it is believed (RFC 8550 section 3, RFC 2634).

Each is opened by the command line, as whoever receives it would.
"""

import hashlib

import pytest
import spoofs_certificates
import spoofs_claims
import spoofs_encryption
import spoofs_mime
import spoofs_senders
import spoofs_signatures
from commandline import CommandLine
from forge import CONTENT
from spoofs import MALFORMED, SEALED, UNSUPPORTED, VERIFIED, Spoof

FAMILIES = (spoofs_senders, spoofs_signatures, spoofs_mime, spoofs_claims, spoofs_certificates, spoofs_encryption)
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


def at(shown: object, path: str) -> object:
    """A member of a JSON value."""
    for step in path.split("."):
        shown = shown[int(step)] if isinstance(shown, list) else shown[step]
    return shown
