"""NIST PKITS: certification path validation (RFC 5280 section 6) of 224 signed messages, each through ``unwrap``.

The certificates are all in the messages; the revocation lists are those of the whole suite, so that each has to be told from the others.
"""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from secmail import BytesSource, Certificate, PathOptions, TrustStore, unwrap
from secmail.paths import Revocation

vectors = pytest.importorskip("cryptography_vectors", reason="the test suite comes with the package cryptography-vectors")

PKITS = Path(vectors.__file__).parent / "x509" / "PKITS_data"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = "2.16.840.1.101.3.2.1.48."  # and the number of the NIST test policy
RESULTS = [line.split() for line in (Path(__file__).parent / "pkits.txt").read_text().splitlines() if line[0] != "#"]
EXCEPTIONS = {
    "4.1.4": "DSA, which signs nothing here: its keys of 1,024 bits with SHA-1 are of no use any more",
    "4.1.5": "DSA keys that inherit their parameters can't be read by the cryptography package",
}


@cache
def revocation_lists() -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted((PKITS / "crls").glob("*.crl")))


@cache
def trust() -> TrustStore:
    return TrustStore([Certificate.from_der((PKITS / "certs" / "TrustAnchorRootCertificate.crt").read_bytes())])


def signer_of(message: str, settings: list[str]):
    """The one signer of the message, judged with hard revocation checking."""
    options = PathOptions(
        crls=revocation_lists(),
        policies=frozenset(POLICY + each for each in settings if each.isdigit()),
        explicit_policy="explicit" in settings,
        inhibit_policy_mapping="inhibit-mapping" in settings,
        inhibit_any_policy="inhibit-any" in settings,
        revocation=Revocation.HARD,
    )
    data = (PKITS / "smime" / f"Signed{message}.eml").read_bytes()
    (layer,) = unwrap(BytesSource(data), keys=[], trust=trust(), now=NOW, options=options).layers
    (signer,) = layer.signers
    return signer


@pytest.mark.parametrize(("number", "message", "result", "settings"), [(*row[:3], row[3:]) for row in RESULTS], ids=[row[0] for row in RESULTS])
def test_pkits(number, message, result, settings):
    signer = signer_of(message, settings)
    assert (signer.status == "valid") is (result == "valid" and number not in EXCEPTIONS)
    assert ("revoked on" in getattr(signer, "reason", "")) is (result == "revoked")


def test_every_message_of_the_suite_is_tried():
    assert {f"Signed{message}.eml" for _, message, *_ in RESULTS} == {path.name for path in (PKITS / "smime").glob("*.eml")}
    assert len({message for _, message, *_ in RESULTS}) == 224
