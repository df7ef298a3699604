"""Random small meshes of authorities, whose certificates have random flaws: ``openssl verify`` and the path search agree on each."""

import random
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from secmail import Certificate, TrustStore
from secmail.paths import Purpose, validate

NOW, DAY = datetime(2026, 3, 1, tzinfo=UTC), timedelta(days=1)
NAMES = ("A", "B", "C", "D")
KEYS = {(name, number): ec.generate_private_key(ec.SECP256R1()) for name in (*NAMES, "Leaf") for number in range(2)}
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.32473.9"), b"\x05\x00")
USES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign")

Holder = tuple[str, int]  # a name and which of its keys


def usage(*allowed: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{each: each in allowed for each in USES}, encipher_only=False, decipher_only=False)


def certificate(chance: random.Random, subject: Holder, issuer: Holder, *, flaws: float) -> Certificate:
    """As it should be, but for each of the flaws with some probability."""

    def flawed() -> bool:
        return chance.random() < flaws

    def name(of: Holder) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, of[0])])

    authority = subject[0] != "Leaf"
    days = (-20, -10) if flawed() else (10, 20) if flawed() else (-20, 20)
    builder = x509.CertificateBuilder(name(issuer), name(subject), KEYS[subject].public_key(), chance.getrandbits(64) + 1, NOW + days[0] * DAY, NOW + days[1] * DAY)
    if authority and not flawed():
        builder = builder.add_extension(x509.BasicConstraints(not flawed(), None), critical=True)
    elif authority:
        builder = builder.add_extension(x509.BasicConstraints(True, chance.randrange(2)), critical=True)
    if flawed() or not authority:
        builder = builder.add_extension(usage("key_cert_sign" if authority and not flawed() else "digital_signature"), critical=True)
    if flawed():
        builder = builder.add_extension(UNKNOWN, critical=chance.random() < 0.5)
    if flawed():
        purpose = chance.choice([ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    if authority and flawed():
        trees = [x509.RFC822Name(chance.choice(["example.org", ".example.org", "ada@example.org", "example.com"]))]
        builder = builder.add_extension(x509.NameConstraints(*chance.choice([(trees, None), (None, trees)])), critical=True)
    if not authority:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name("ada@example.org")]), critical=False)
    if chance.random() < 0.5:
        own = (subject[0], chance.randrange(2)) if flawed() else subject
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(KEYS[own].public_key()), critical=False)
    if chance.random() < 0.5:
        above = (issuer[0], chance.randrange(2)) if flawed() else issuer
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(KEYS[above].public_key()), critical=False)
    signer = (issuer[0], 1 - issuer[1]) if flawed() else issuer
    return Certificate.from_der(builder.sign(KEYS[signer], hashes.SHA256()).public_bytes(Encoding.DER))


def mesh(seed: int) -> tuple[list[Certificate], list[Certificate], Certificate]:
    """Trust anchors, certificates between them, and a leaf."""
    chance = random.Random(seed)

    def holder() -> Holder:
        return chance.choice(NAMES), chance.randrange(4) // 3

    flaws = chance.choice([0, 0.05, 0.15])
    roots = dict.fromkeys(holder() for _ in range(chance.randrange(1, 3)))
    anchors = [certificate(chance, each, each, flaws=flaws / 3) for each in roots]
    between = [certificate(chance, holder(), holder(), flaws=flaws) for _ in range(chance.randrange(2, 12))]
    return anchors, between, certificate(chance, ("Leaf", 0), holder(), flaws=flaws / 3)


def by_openssl(folder, anchors, between, leaf) -> str:
    """Empty if it finds a valid path, else what it says."""
    for name, certificates in (("anchors", anchors), ("between", between), ("leaf", [leaf])):
        pem = b"".join(x509.load_der_x509_certificate(each.der).public_bytes(Encoding.PEM) for each in certificates)
        (folder / name).write_bytes(pem or b"\n")
    given = ["-untrusted", str(folder / "between")] if between else []
    command = ["openssl", "verify", "-attime", str(int(NOW.timestamp())), "-purpose", "smimesign", "-no-CApath", "-no-CAstore"]
    command += ["-CAfile", str(folder / "anchors"), *given, str(folder / "leaf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def is_ambiguous(chain: tuple[Certificate, ...]) -> bool:
    """Whether a name in it has several certificates: OpenSSL takes the first that fits by name, and for self-signed who names itself as issuer."""
    return len({each.subject_der for each in chain}) < len(chain)


@pytest.mark.parametrize("seed", range(40))
def test_the_same_paths_are_valid(seed, tmp_path):
    """OpenSSL goes one way only, so a path that is found here is given to it alone."""
    anchors, between, leaf = mesh(seed)
    verdict = validate(leaf, trust=TrustStore(anchors), at=NOW, intermediates=between, purpose=Purpose.SIGNATURE)
    if not verdict:
        assert by_openssl(tmp_path, anchors, between, leaf), verdict.reason
    elif not is_ambiguous(verdict.chain):
        assert not by_openssl(tmp_path, [verdict.chain[-1]], verdict.chain[1:-1], leaf)
