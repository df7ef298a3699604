"""Keys and certificates in the forms that people have them in."""

import base64
import shutil
import subprocess
import warnings
from collections.abc import Callable

import pytest
from commandline import CommandLine
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
    pkcs12,
)
from pki import SHARED, certificate, private_key

SIGN = "sign -o signed letter.eml"
OPEN = "open --trust root.crt --json"
PASSPHRASE = b"correct horse"


def cert(name: str) -> x509.Certificate:
    return x509.load_der_x509_certificate(certificate(name).der)


def pkcs8(encoding: Encoding, secret: bytes | None = None) -> bytes:
    encryption = BestAvailableEncryption(secret) if secret else NoEncryption()
    return private_key("ada").private_bytes(encoding, PrivateFormat.PKCS8, encryption)


def p12(secret: bytes) -> bytes:
    return pkcs12.serialize_key_and_certificates(b"ada", private_key("ada"), cert("ada"), [cert("ca")], BestAvailableEncryption(secret))


def armoured(name: str, data: bytes) -> bytes:
    return f"-----BEGIN {name}-----\n".encode() + base64.encodebytes(data) + f"-----END {name}-----\n".encode()


KEYS: dict[str, tuple[Callable[[], bytes], bool]] = {
    "der": (lambda: pkcs8(Encoding.DER), False),
    "pem": (lambda: pkcs8(Encoding.PEM), False),
    "old pem": (lambda: private_key("ada").private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()), False),
    "encrypted pem": (lambda: pkcs8(Encoding.PEM, PASSPHRASE), True),
    "encrypted der": (lambda: pkcs8(Encoding.DER, PASSPHRASE), True),
    "pkcs12": (lambda: p12(PASSPHRASE), True),
    "armoured pkcs12": (lambda: armoured("PKCS12", p12(PASSPHRASE)), True),
}


@pytest.mark.parametrize("form", KEYS)
def test_keys_are_read_in_every_form(secmail: CommandLine, form: str) -> None:
    make, encrypted = KEYS[form]
    secmail.write("key", make())
    secmail.write("passphrase", PASSPHRASE + b"\r\n")
    options = "--key key --cert ada.crt --cert ca.crt"
    assert secmail(f"{SIGN} {options} --passphrase-file passphrase").status == 0
    assert secmail(f"{OPEN} signed").json["verdict"] == "verified"
    if encrypted:
        secmail.write("passphrase", b"wrong")
        for more, status, reason in (("--passphrase-file passphrase", 3, "not the right one"), ("", 2, "passphrase: --passphrase-file")):
            ended = secmail(f"{SIGN} {options} {more}")
            assert (ended.status, ended.err.count("\n")) == (status, 1)
            assert ended.err.endswith(f"{reason}\n")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl command")
@pytest.mark.parametrize("phrase", ["", "correct horse"])
def test_a_pkcs12_of_openssl_with_the_empty_passphrase_needs_none(secmail: CommandLine, phrase: str) -> None:
    """Many programs ask for a passphrase and take none for the empty one."""
    subprocess.run(["openssl", "pkcs12", "-export", "-in", "ada.pem", "-out", "key", "-passout", f"pass:{phrase}"], cwd=secmail.folder, check=True)
    assert secmail(f"{SIGN} --key key --cert ca.crt").status == (2 if phrase else 0)


def test_an_empty_file_is_said_to_be_empty(secmail: CommandLine) -> None:
    secmail.write("nothing", b"")
    for command in (f"{SIGN} --key nothing", f"{SIGN} --key ada.pem --cert nothing", "open --trust nothing letter.eml", "encrypt --password-file nothing letter.eml"):
        ended = secmail(command)
        assert (ended.status, ended.err) == (3, "secmail: nothing: it is empty\n")


def test_an_empty_password_is_none(secmail: CommandLine) -> None:
    secmail.write("password", b"\n")
    ended = secmail("encrypt --password-file password -o secret letter.eml")
    assert (ended.status, "secret" in secmail.names()) == (2, False)


@pytest.mark.parametrize("encoding", [Encoding.DER, Encoding.PEM])
def test_certificates_come_from_bundles_too(secmail: CommandLine, encoding: Encoding) -> None:
    """RFC 8551 section 3.8: a certs-only message."""
    secmail(f"{SIGN} --key ada.pem --cert ca.crt")
    for trust in (pkcs7.serialize_certificates([cert("root"), cert("stranger")], encoding), cert("root").public_bytes(encoding)):
        secmail.write("trust", trust)
        assert secmail("open --trust trust --json signed").json["verdict"] == "verified"


def test_anchors_are_all_certificates_of_a_file(secmail: CommandLine) -> None:
    secmail(f"{SIGN} --key ada.pem --cert ca.crt")
    secmail.write("trust", secmail.read("mallory.crt") + b"\n" + secmail.read("root.crt"))
    assert secmail("open --trust trust --json signed").json["verdict"] == "verified"


def test_the_certificate_for_a_key_is_found_among_others(secmail: CommandLine) -> None:
    secmail.write("bundle", b"".join(secmail.read(f"{name}.crt") for name in ("bob", "ca", "ada")))
    secmail.write("key", pkcs8(Encoding.PEM))
    assert secmail(f"{SIGN} --key key --cert bundle").status == 0
    assert secmail(f"{OPEN} signed").json["layers"][0]["signers"][0]["subject"] == "CN=ada"
    assert secmail(f"{SIGN} --key key --cert bob.crt").err == "secmail: key: no certificate for this key is given: --cert\n"


def test_a_secret_comes_only_from_a_file(secmail: CommandLine) -> None:
    secmail.write("kek", b"too short")
    assert secmail("encrypt --kek kek --kek-id 00 letter.eml").status == 2
    assert secmail("encrypt --kek-id 00 letter.eml").status == 2
    secmail.write("kek", bytes(16))
    assert secmail("encrypt --kek kek --kek-id xyz letter.eml").status == 2
    help_text = secmail("open --help").out.decode()
    assert "--passphrase-file FILE" in help_text
    assert "--passphrase " not in help_text


def test_evidence_is_read_as_der_and_pem(secmail: CommandLine) -> None:
    now = cert("ada").not_valid_before_utc
    builder = x509.CertificateRevocationListBuilder(cert("ca").subject, now, cert("ca").not_valid_after_utc)
    revoked = x509.RevokedCertificateBuilder(cert("ada").serial_number, now).build()
    issued = builder.add_revoked_certificate(revoked).sign(private_key("ca"), cert("ca").signature_hash_algorithm)
    secmail(f"{SIGN} --key ada.pem --cert ca.crt")
    for encoding in (Encoding.DER, Encoding.PEM):
        secmail.write("crl", issued.public_bytes(encoding))
        ended = secmail(f"{OPEN} --crl crl signed")
        assert (ended.status, ended.json["layers"][0]["signers"][0]["status"]) == (1, "untrusted")
        assert "revoked" in ended.json["reason"]
    for option, name in (("--crl", "X509 CRL"), ("--ocsp", "OCSP RESPONSE")):
        for other in ("letter.eml", "root.der", "root.crt"):
            ended = secmail(f"open --trust root.crt {option} {other} signed")
            assert (ended.status, ended.out, ended.err.count("\n")) == (3, b"", 1)
        assert ended.err == f"secmail: root.crt: there is no {name} in it\n"


PEOPLE = {"Alice": "4.5", "Bob": "5.5", "Carlos": "7.5", "Dana": "8.5"}


@pytest.mark.skipif(not (SHARED / "rfc9216").is_dir(), reason="../shared/vectors is not here")
@pytest.mark.parametrize("name", PEOPLE)
def test_both_keys_of_an_rfc9216_file_work(secmail: CommandLine, name: str) -> None:
    folder, number = SHARED / "rfc9216", PEOPLE[name]
    (file,) = folder.glob(f"{number}-*.p12")
    (to,) = folder.glob(f"{number[0]}.3-*.crt.pem")
    secmail.write("passphrase", name.lower())
    person = f"--key '{file}' --passphrase-file passphrase --at 2024-01-01"
    wrapped = secmail(f"wrap {person} --recipient '{to}' --from {name.lower()}@smime.example -o wrapped letter.eml")
    assert wrapped.status == 0
    roots = " ".join(f"--trust '{each}'" for each in folder.glob("*Root-Certificate.crt.pem"))
    assert secmail(f"open {roots} {person} --json wrapped").json["verdict"] == "verified"


@pytest.mark.skipif(not (SHARED / "thunderbird").is_dir(), reason="../shared/vectors is not here")
@pytest.mark.parametrize("name", ["Alice.p12", "Alice-ec.p12", "Fran.p12"])
def test_pkcs12_files_of_other_programs_are_read_without_a_warning(secmail: CommandLine, name: str) -> None:
    secmail.write("passphrase", "nss")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        at = x509.load_pem_x509_certificate((SHARED / "thunderbird" / "TestCA.pem").read_bytes()).not_valid_before_utc.isoformat()
        assert secmail(f"{SIGN} --key {SHARED}/thunderbird/{name} --passphrase-file passphrase --at {at}").err == ""


def test_a_file_of_another_kind_is_said_to_be_one(secmail: CommandLine) -> None:
    for options in ("--key letter.eml", "--key ada.pem --cert letter.eml", "--key ada.pem --label letter.eml"):
        ended = secmail(f"{SIGN} {options}")
        assert (ended.status, ended.err[:29]) == (3, "secmail: letter.eml: neither ")
    for option, name in (("--crl", "X509 CRL"), ("--ocsp", "OCSP RESPONSE")):
        assert secmail(f"open --trust root.crt {option} letter.eml letter.eml").err == f"secmail: letter.eml: there is no {name} in it\n"


def test_a_passphrase_is_asked_for_only_where_it_opens_the_file(secmail: CommandLine) -> None:
    secmail.write("key.p12", p12(PASSPHRASE))
    for command, advice in ((f"{SIGN} --key key.p12", True), ("open --trust key.p12 letter.eml", False), ("encrypt --recipient key.p12 letter.eml", False)):
        ended = secmail(command)
        assert (ended.status, ended.err.endswith(": --passphrase-file\n")) == (2, advice)
