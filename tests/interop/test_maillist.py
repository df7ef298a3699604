"""Mail lists with both peers: what they send to a list is expanded, what comes from a list opens there."""

import io

import pytest

from secmail import OWN_CAPABILITIES, BytesSource, MailList, Recipient, der, expand, unwrap
from secmail.algorithms import AES256_CBC, AES256_WRAP, CONTENT_ENCRYPTIONS, ECDH_SHA256
from secmail.cms.attributes import ML_EXPANSION_HISTORY
from tests.interop.messages import ENTITY, MOMENT, TIME, structure
from tests.secmail.pki import NOW, certificate, decryption_key, signing_key, trust

VERIFY = ["-verify", "-CAfile", "root.pem", "-certfile", "ca.pem", *MOMENT]
MEMBERS = ("bob", "rita")
TRIPLE_DES = CONTENT_ENCRYPTIONS["1.2.840.113549.3.7"]
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


@pytest.mark.parametrize("layers", [("clear", "envelope"), ("opaque", "envelope", "opaque")], ids=["signed and encrypted", "triple-wrapped"])
@pytest.mark.parametrize("cipher", [AES256_CBC, TRIPLE_DES], ids=lambda row: row.name)
def test_bouncy_castle_reads_what_it_sent_through_a_list(bouncy_castle, cipher, layers):
    wrap = AES256_WRAP.oid if cipher is AES256_CBC else "1.2.840.113549.1.9.16.3.6"
    words = {"clear": "clear edna Ed448", "opaque": "opaque edna Ed448", "envelope": f"envelope agree {ECDH_SHA256.oid} {wrap} - list"}
    data = bouncy_castle("mail", layer=[words[each] for each in layers], time=TIME, content=ENTITY, cipher=cipher.oid)["message"][0]
    out, _ = expanded(data)
    assert any(der.oid(ML_EXPANSION_HISTORY) in each for each in bouncy_castle("verify", message=structure(out.getvalue()))["attribute"])
    for name in ("bob", "rita", "xena"):
        found = bouncy_castle("open-mail", message=out.getvalue(), **{"with": f"key {name}"})
        assert found["signer"] == [b"CN=list", b"CN=edna"]
        assert found["content"][0].endswith(b"\r\n\r\nHello\r\n")
