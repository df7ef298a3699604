"""Broken files of every kind in every place: one line and an exit status, never a traceback."""

import random

import pytest
from commandline import CommandLine

SPIF = """<SPIF><securityPolicyId name="Acme" id="1.2.3.4"/><securityClassifications>
<securityClassification name="SECRET" lacv="3" hierarchy="4"/></securityClassifications></SPIF>"""
LABEL = "<label xmlns='http://surevine.com/xmlns/spiffy'><policy id='1.2.3.4'/><classification lacv='3'/></label>"
PLACES = {
    "open --trust root.crt --key bob.pem --json F": ("wrapped", "signed.eml", "receipt.eml"),
    "show --json F": ("wrapped", "signed.eml", "receipt.eml"),
    "open --trust F signed.eml": ("root.der", "root.crt"),
    "open --trust root.crt --crl F signed.eml": ("root.der",),
    "open --trust root.crt --ocsp F signed.eml": ("root.der",),
    "sign --key ada.pem -o out F": ("letter.eml", "signed.eml", "wrapped"),
    "sign --key F -o out letter.eml": ("ada.pem", "rita.pem"),
    "sign --key ada.pem --label F -o out letter.eml": ("label.der", "label.xml"),
    "sign --key ada.pem --policy F --classification SECRET -o out letter.eml": ("spif.xml",),
    "wrap --key ada.pem --recipient F -o out letter.eml": ("bob.der", "bob.crt"),
    "receipt make --trust root.crt --key bob.pem -o out F": ("wrapped",),
    "receipt check --trust root.crt --key bob.pem --original wrapped --json F": ("receipt.eml",),
    "expand --key list.pem --cert ca.crt --trust root.crt --member carl.crt -o out F": ("wrapped", "signed.eml"),
    "label decide --policy F --label label.der --clearance label.der": ("spif.xml",),
    "label show --json F": ("label.der", "label.xml"),
}
PIECES = (b"", b"\0", b"\xff", b"\x30\x80", b"\n", b":", b"<", b"-----BEGIN CMS-----\n", b"=?utf-8?q?=1B?=", "é".encode())
ROUNDS = 12


def broken(data: bytes, chance: random.Random) -> bytes:
    """Cut off, or with pieces replaced."""
    for _ in range(chance.choice((1, 1, 3, 10))):
        start = chance.randrange(len(data) + 1)
        end = start + chance.choice((0, 1, 1, 10, 200))
        data = data[:start] + chance.choice((*PIECES, chance.randbytes(4), data[end : end + 50])) + data[end:]
    return data[: chance.randrange(len(data) + 1)] if chance.random() < 0.2 else data


@pytest.fixture
def furnished_with_messages(secmail: CommandLine) -> CommandLine:
    secmail.write("spif.xml", SPIF)
    secmail.write("label.xml", LABEL)
    secmail.write("label.der", bytes.fromhex("31 08 02 01 03 06 03 2a 03 04"))
    ours = "--key ada.pem --cert ca.crt --receipt-from all"
    assert secmail(f"wrap {ours} --recipient bob.crt --recipient list.crt --gcm --outform der -o wrapped letter.eml").status == 0
    assert secmail(f"sign --detached {ours} -o signed.eml letter.eml").status == 0
    assert secmail("receipt make --trust root.crt --key bob.pem --cert ca.crt -o receipt.eml wrapped").status == 0
    return secmail


@pytest.mark.parametrize("command", PLACES)
def test_what_is_broken_is_told_in_one_line(furnished_with_messages: CommandLine, command: str) -> None:
    secmail, chance = furnished_with_messages, random.Random(command)
    for name in PLACES[command]:
        for _ in range(ROUNDS):
            secmail.write("F", broken(secmail.read(name), chance))
            ended = secmail(command)
            assert ended.status in (0, 1, 2, 3)
            assert "unexpected" not in ended.err, (command, name, secmail.read("F"))
            if ended.status in (2, 3):
                assert ended.err.startswith("secmail: ")
                assert ended.err.count("\n") == 1
                assert ended.out == b"" or "--json" in command
