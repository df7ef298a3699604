"""Both ways with NSS, the engine of Thunderbird and Evolution: what it makes opens here, what is made here opens there."""

import base64
import io

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from portal.keys.engine import pkcs12_file
from secmail import (
    OWN_CAPABILITIES,
    BytesSource,
    Recipient,
    SecretKey,
    TrustStore,
    send_certificates,
    triple_wrapping,
    unwrap,
)
from secmail.algorithms import AES256_CBC, AES256_GCM
from tests.interop.messages import (
    ENTITY,
    LARGE,
    LETTER,
    SERVICES,
    TIME,
    clear_signed,
    detached,
    encrypted,
    made,
    mail,
    opened,
    read,
    signed_here,
    structure,
)
from tests.interop.nss import MISSING, Nss
from tests.secmail.pki import EVERYBODY, NOW, PKI, certificate, decryption_key, private_key, signing_key


@pytest.fixture(scope="module")
def nss(tmp_path_factory) -> Nss:
    if MISSING:
        pytest.skip(f"no NSS (libnss3-tools): {', '.join(MISSING)}")
    peer = Nss(tmp_path_factory.mktemp("nss"))
    for name in ("root", "evergreen"):
        peer.trust(name, certificate(name).der)
    for name in (*EVERYBODY, "rhea", "nora"):
        key = private_key(name).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        authority, own = certificate(PKI[name].issuer).der, certificate(name).der
        peer.bring(pkcs12_file(name=name, private_key=key, certificate=own, authority=authority, passphrase="secret"), "secret")
    return peer


@pytest.fixture
def recent(nss) -> Nss:
    if not nss.is_recent("ada"):
        pytest.skip("this NSS knows no key agreement: it can't read a message with one among its recipients")
    return nss


# Made here


@pytest.mark.parametrize("pss", [False, True])
@pytest.mark.parametrize("name", EVERYBODY)
def test_nss_verifies_what_is_signed_here(nss, name, pss):
    assert nss("-D", data=structure(signed_here(name, pss=pss))) == ENTITY


@pytest.mark.parametrize("name", EVERYBODY)
def test_nss_verifies_a_clear_signature_of_its_entity_and_of_no_other(nss, name):
    entity, signature = detached(signed_here(name, detached=True))
    (nss.folder / "entity").write_bytes(entity)
    assert nss("-D", "-c", "entity", data=signature) == ENTITY
    (nss.folder / "entity").write_bytes(entity.replace(b"Hello", b"Hallo"))
    nss("-D", "-c", "entity", data=signature, fails="DigestMismatch")


def test_nss_refuses_a_signature_whose_root_it_does_not_trust(nss):
    nss("-D", data=structure(signed_here("mallory", certificates=[certificate("stranger")])), fails="SigningCertNotTrusted")


def test_nss_verifies_beside_label_and_receipt_request(nss):
    assert nss("-D", data=structure(signed_here("ada", attributes=SERVICES))) == ENTITY


def test_nss_verifies_every_signer_of_a_message(nss):
    co_signers = [signing_key(name) for name in ("bob", "carl", "rita")]
    shown = nss("-D", "-n", "-h", "1", data=structure(signed_here("ada", co_signers=co_signers))).decode()
    assert shown.count("status=GoodSignature") == 4


@pytest.mark.parametrize("content", [ENTITY, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("recipients", [["rita"], ["rhea", "rita"]])
def test_nss_opens_what_is_encrypted_here(nss, recipients, content):
    assert nss("-D", data=encrypted(*map(certificate, recipients), content=content)) == content


def test_nss_verifies_a_large_message(nss):
    assert nss("-D", data=structure(signed_here("ada", content=LARGE))) == LARGE


def test_nss_takes_off_every_layer_of_a_triple_wrap(nss):
    options = {"signer": signing_key("ada"), "certificates": [certificate("ca")], "attributes": SERVICES, "now": NOW}
    message = made(lambda sink: triple_wrapping(sink, recipients=[certificate("rita")], **options))
    for _ in range(3):
        message = nss("-D", data=structure(message))
    assert message == ENTITY


def test_nss_keeps_certificates_that_are_sent(nss):
    out = io.BytesIO()
    send_certificates([certificate("nell")], out)
    nss("-D", "-k", data=structure(out.getvalue()))
    assert "CN=nell" in nss.run("certutil", "-L", "-n", "nell@example.org")


def test_nss_and_the_command_line_open_each_others(nss, secmail):
    wrapped = secmail("wrap", "--key", "ada.pem", "--cert", "ca.pem", "--recipient", "rita.pem", "--at", TIME, data=LETTER)
    inner = nss("-D", data=structure(nss("-D", data=structure(wrapped))))
    assert b"Subject: Plans" in inner
    signed = mail(nss("-S", "-G", "-N", "ada", "-Y", "NONE", data=inner))
    answer = mail(nss("-E", "-r", "rita", data=signed))
    assert secmail("open", "--key", "rita.pem", "--trust", "root.pem", "--at", TIME, data=answer) == inner


@pytest.mark.parametrize("name", EVERYBODY)
def test_nss_opens_by_key_agreement_and_oaep_too(recent, name):
    assert recent("-D", data=encrypted(Recipient(certificate(name), OWN_CAPABILITIES))) == ENTITY


@pytest.mark.parametrize("name", ["ada", "rita"])
def test_nss_finds_its_own_among_recipients_it_does_not_know(recent, name):
    others = [certificate(each) for each in ("gwen", "xena", "goldie")]
    assert recent("-D", data=encrypted(SecretKey(bytes(32), b"id"), *others, certificate(name))) == ENTITY


# Made there


SIGNED = [(name, options) for name in EVERYBODY for options in ("-G", "-P", "-G -P", "-G -H SHA384", "-G -H SHA512")]
WITHOUT_ATTRIBUTES = [("rita", ""), ("rita", "-H SHA1"), ("rita", "-H SHA512")]  # by ECDSA NSS makes them wrong: docs/decisions/interop.md


@pytest.mark.parametrize(("name", "options"), [*SIGNED, *WITHOUT_ATTRIBUTES])
def test_what_nss_signs_verifies_here(nss, name, options):
    encoded = nss("-S", "-N", name, "-Y", "NONE", *options.split(), data=ENTITY)
    result = opened(mail(encoded, f"{name}@example.org"))
    assert (result.require_verified().address, read(result)) == (f"{name}@example.org", ENTITY)
    assert opened(mail(encoded.replace(b"Hello", b"Hallo"), f"{name}@example.org")).verdict == "not-verified"


@pytest.mark.parametrize("name", EVERYBODY)
def test_a_clear_signature_of_nss_verifies_here(nss, name):
    signature = nss("-S", "-T", "-G", "-N", name, "-Y", "NONE", data=ENTITY)
    result = opened(clear_signed(ENTITY, signature, f"{name}@example.org"))
    assert (result.require_verified().address, read(result)) == (f"{name}@example.org", ENTITY)
    assert opened(clear_signed(ENTITY.upper(), signature, f"{name}@example.org")).verdict == "not-verified"


def test_what_nss_says_it_reads_and_prefers_is_known_afterwards(nss):
    """So that the answer is encrypted to the certificate it names, and not with AES-GCM, which it can't read."""
    encoded = nss("-S", "-G", "-P", "-N", "nora", data=ENTITY)
    result = unwrap(BytesSource(mail(encoded, "nora@example.org")), keys=[], trust=TrustStore([certificate("evergreen")]), now=NOW)
    signer = result.require_verified().signer
    assert signer.encryption_certificate == certificate("nora")
    assert AES256_CBC.oid in signer.capabilities
    assert AES256_GCM.oid not in signer.capabilities


@pytest.mark.parametrize("name", ["rita", "rhea"])
def test_what_nss_encrypts_opens_here(nss, name):
    result = opened(mail(nss("-E", "-r", "rita,rhea", data=ENTITY)), decryption_key(name))
    assert read(result) == ENTITY


@pytest.mark.parametrize("name", EVERYBODY)
def test_what_nss_encrypts_to_every_kind_of_key_opens_here(recent, name):
    assert read(opened(mail(recent("-E", "-r", ",".join(EVERYBODY), data=ENTITY)), decryption_key(name))) == ENTITY


def test_what_nss_signs_and_encrypts_opens_here(nss):
    signed = mail(nss("-S", "-G", "-N", "ada", "-Y", "NONE", data=ENTITY))
    result = opened(mail(nss("-E", "-r", "rita", data=signed)), decryption_key("rita"))
    assert (result.require_verified().address, read(result)) == ("ada@example.org", ENTITY)


def test_certificates_that_nss_sends_are_read_here(nss):
    fields = b"Content-Type: application/pkcs7-mime; smime-type=certs-only\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    (layer,) = opened(fields + base64.encodebytes(nss("-O", "-r", "rita"))).layers
    assert set(layer.certificates) == {certificate("rita"), certificate("ca")}
