"""Mail lists with the stock ``openssl cms`` command line: what it sends to a list is expanded, what comes from a list opens there."""

import io

import pytest

from secmail import OWN_CAPABILITIES, BytesSource, MailList, Recipient, expand, unwrap
from tests.interop.messages import ENTITY, MOMENT
from tests.secmail.pki import NOW, certificate, decryption_key, signing_key, trust

VERIFY = ["-verify", "-CAfile", "root.pem", "-certfile", "ca.pem", *MOMENT]
MEMBERS = ("bob", "rita")
OTHERS = ("xena", "kem768")  # whose recipient infos this OpenSSL passes over


def expanded(data: bytes):
    out = io.BytesIO()
    members = [Recipient(certificate(each), OWN_CAPABILITIES) for each in (*MEMBERS, *OTHERS)]
    mail_list = MailList((certificate("list"),), "owner@example.org")
    options = {"signer": signing_key("list"), "keys": [decryption_key("list")], "certificates": [certificate("ca")], "trust": trust(), "now": NOW}
    return out, expand(BytesSource(b"From: ada@example.org\r\n" + data), out, mail_list=mail_list, members=members, **options)


def sent(openssl, cipher: str, *, wrapped: bool = False) -> bytes:
    sign = ["-sign", "-signer", "ada.pem", "-certfile", "ca.pem", "-nodetach"]
    data = openssl("-encrypt", f"-{cipher}", "-recip", "list.pem", data=openssl(*sign, data=ENTITY))
    return openssl(*sign, data=data) if wrapped else data


@pytest.mark.parametrize("wrapped", [False, True], ids=["signed and encrypted", "triple-wrapped"])
@pytest.mark.parametrize("cipher", ["aes-128-cbc", "aes-256-cbc", "aes-128-gcm", "aes-256-gcm", "des3"])
def test_openssl_reads_what_it_sent_through_a_list(openssl, cipher, wrapped):
    out, _ = expanded(sent(openssl, cipher, wrapped=wrapped))
    enveloped = openssl(*VERIFY, data=out.getvalue())
    for name in MEMBERS:
        assert openssl(*VERIFY, data=openssl("-decrypt", "-recip", f"{name}.pem", data=enveloped)) == ENTITY
    for name in (*MEMBERS, *OTHERS):
        found = unwrap(BytesSource(out.getvalue()), keys=[decryption_key(name)], trust=trust(), now=NOW)
        assert found.require_verified().address == "ada@example.org"


def test_weak_encryption_is_replaced_and_never_by_gcm(openssl):
    """GCM would vouch for content that nothing authenticated."""
    _, expansion = expanded(sent(openssl, "des3"))
    assert expansion.envelope.content_encryption == "AES-256-CBC"
    assert "weak" in expansion.envelope.reason


def test_openssl_prints_the_expansion_history(openssl):
    out, _ = expanded(sent(openssl, "aes-256-gcm"))
    assert "id-smime-aa-mlExpandHistory" in openssl("-cmsout", "-print", data=out.getvalue()).decode()
