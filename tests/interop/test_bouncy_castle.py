"""Signatures, mail and the small content types both ways with Bouncy Castle."""

import io

import pytest

from secmail import (
    OWN_CAPABILITIES,
    BytesSource,
    CompressedLayer,
    ContentHints,
    DigestedLayer,
    EssAttributes,
    Recipient,
    SecretKey,
    SecurityLabel,
    compressing,
    countersign,
    der,
    send_certificates,
    triple_wrapping,
)
from secmail.algorithms import AES256_CBC, CONTENT_ENCRYPTIONS, DIGESTS, SHAKE256_LEN, signing
from secmail.cms import DATA
from secmail.cms.attributes import ALGORITHM_PROTECTION, CONTENT_HINTS, CONTENT_IDENTIFIER, SECURITY_LABEL, attribute
from secmail.cms.signed import verify
from tests.interop.bouncy_castle import Failed
from tests.interop.cases import BOUNCY_CASTLE_DIGESTS, BOUNCY_CASTLE_SIGNATURES, done, each
from tests.interop.messages import ENTITY, TIME, made, mail, opened, read, read_by, signed_here, structure, top
from tests.secmail.pki import (
    EVERYBODY,
    NOW,
    RECIPIENTS,
    SIGNERS,
    certificate,
    decryption_key,
    private_key,
    signing_key,
    trust,
)

LABEL = SecurityLabel("1.3.6.1.4.1.22112.1.1", classification=3, privacy_mark="ACME INTERNAL")


def subject(name: str) -> bytes:
    return f"CN={name}".encode()


def signed_there(bouncy_castle, signer: str | list[str], **options) -> bytes:
    return bouncy_castle("sign", signer=signer, certificate="ca", time=TIME, content=ENTITY, **options)["message"][0]


# Signatures made there


@pytest.mark.parametrize("option", ["", " keyid", " bare"], ids=["attributes", "key identifier", "no attributes"])
@pytest.mark.parametrize(("name", "signer"), each(BOUNCY_CASTLE_SIGNATURES))
def test_what_bouncy_castle_signs_verifies_here(bouncy_castle, name, signer, option):
    who = signer.split()[0]
    result = opened(mail(signed_there(bouncy_castle, signer + option), f"{who}@example.org"))
    assert result.require_verified().signer.certificate == certificate(who)
    assert (result.author.signer.signature_algorithm, read(result)) == (name, ENTITY)


@pytest.mark.parametrize(("digest", "algorithm"), each(BOUNCY_CASTLE_DIGESTS))
def test_every_digest_of_bouncy_castle_verifies_here(bouncy_castle, digest, algorithm):
    signer = opened(mail(signed_there(bouncy_castle, f"rita {algorithm}"), "rita@example.org")).require_verified().signer
    assert signer.digest_algorithm == digest.name


@pytest.mark.parametrize("curve", ["ada", "bob", "carl"])
@pytest.mark.parametrize("digest", ["SHA256", "SHA384", "SHA512"])
def test_every_curve_goes_with_every_digest(bouncy_castle, curve, digest):
    message = mail(signed_there(bouncy_castle, f"{curve} {digest}withECDSA"), f"{curve}@example.org")
    assert opened(message).require_verified().address == f"{curve}@example.org"


@pytest.mark.parametrize("form", ["BER", "DL", "DER"])
def test_every_encoding_is_read(bouncy_castle, form):
    assert read(opened(mail(signed_there(bouncy_castle, "ada SHA256withECDSA", form=form)))) == ENTITY


def test_signers_of_all_kinds_verify_together(bouncy_castle):
    signers = list(done(BOUNCY_CASTLE_SIGNATURES).values())
    (layer,) = opened(mail(signed_there(bouncy_castle, signers))).layers
    assert [each.status for each in layer.signers] == ["valid"] * len(signers)


def test_a_detached_signature_verifies_here(bouncy_castle):
    encoded = signed_there(bouncy_castle, "ada SHA256withECDSA", detached="")
    for content, status in ((ENTITY, "valid"), (ENTITY + b"!", "invalid")):
        (signer,) = verify(BytesSource(encoded), trust=trust(), now=NOW, detached=BytesSource(content)).signers
        assert signer.status == status


def test_the_attributes_that_bouncy_castle_signs_are_read(bouncy_castle):
    options = {"label": "1.3.6.1.4.1.22112.1.1 3 ACME INTERNAL", "hints": "fuel", "identifier": "id-1", "request": "id-1 all ada@example.org"}
    result = opened(mail(signed_there(bouncy_castle, "ada SHA256withECDSA", capability=["2.16.840.1.101.3.4.1.46"], **options)))
    signer = result.require_verified().signer
    assert result.label == LABEL
    assert signer.content_hints == ContentHints(DATA, "fuel")
    assert (signer.content_identifier, signer.capabilities) == (b"id-1", ("2.16.840.1.101.3.4.1.46",))
    assert result.receipt_request.signed_content_identifier == b"id-1"


# Signatures made here


@pytest.mark.parametrize("pss", [False, True])
@pytest.mark.parametrize("name", read_by("bouncy castle", SIGNERS))
def test_bouncy_castle_verifies_what_is_signed_here(bouncy_castle, name, pss):
    found = bouncy_castle("verify", message=structure(signed_here(name, pss=pss)))
    planned = signing(private_key(name).public_key(), pss=pss)
    assert (found["signer"], found["content"]) == ([subject(name)], [ENTITY])
    assert (found["digest"], found["algorithm"]) == ([planned.digest.oid.encode()], [planned.identifier.oid.encode()])


def test_bouncy_castle_verifies_several_signers_of_all_kinds(bouncy_castle):
    names = read_by("bouncy castle", SIGNERS)
    message = signed_here("ada", co_signers=[signing_key(name) for name in names if name != "ada"])
    assert set(bouncy_castle("verify", message=structure(message))["signer"]) == set(map(subject, names))


def test_bouncy_castle_refuses_what_was_changed(bouncy_castle):
    with pytest.raises(Failed, match="digest"):
        bouncy_castle("verify", message=structure(signed_here("ada")).replace(b"Hello", b"Hallo"))


def test_bouncy_castle_finds_the_attributes_as_encoded_here(bouncy_castle):
    ess = EssAttributes(LABEL, content_identifier=b"id-1", content_hints=ContentHints(DATA, "fuel"))
    found = bouncy_castle("verify", message=structure(signed_here("ada", attributes=ess)))["attribute"]
    assert attribute(SECURITY_LABEL, LABEL.to_der()) in found
    assert attribute(CONTENT_IDENTIFIER, der.octets(b"id-1")) in found
    assert attribute(CONTENT_HINTS, ess.content_hints.to_der()) in found
    assert any(der.oid(ALGORITHM_PROTECTION) in each for each in found)


# Countersignatures


def test_bouncy_castle_verifies_a_countersignature_made_here(bouncy_castle):
    encoded = structure(signed_here("ada"))
    (signer,) = verify(BytesSource(encoded), trust=trust(), now=NOW).signers
    out = io.BytesIO()
    countersign(BytesSource(encoded), out, signer=signing_key("bob"), signature=signer.signature, signing_time=NOW)
    found = bouncy_castle("verify", message=out.getvalue())
    assert (found["signer"], found["countersigner"]) == ([subject("ada")], [subject("bob")])


@pytest.mark.parametrize("option", ["", " keyid", " bare"], ids=["attributes", "key identifier", "no attributes"])
def test_countersignatures_of_bouncy_castle_verify_here(bouncy_castle, option):
    signers = [f"bob SHA384withECDSA{option}", f"rita SHA256withRSA{option}", f"eddy Ed25519{option}"]
    encoded = bouncy_castle("countersign", message=structure(signed_here("ada")), signer=signers, time=TIME)["message"][0]
    signer = opened(mail(encoded)).require_verified().signer
    assert [each.status for each in signer.countersigners] == ["valid"] * 3
    assert {each.certificate for each in signer.countersigners} == {certificate(name) for name in ("bob", "rita", "eddy")}


# Mail


SIGNED, ENVELOPED = "ada SHA256withECDSA", "envelope rsa rita"
LAYERS = {
    "clear": [f"clear {SIGNED}"],
    "opaque": [f"opaque {SIGNED}"],
    "clear, compressed": [f"clear {SIGNED}", "compress"],
    "compressed, clear": ["compress", f"clear {SIGNED}"],
    "clear, enveloped": [f"clear {SIGNED}", ENVELOPED],
    "opaque, compressed, enveloped": [f"opaque {SIGNED}", "compress", ENVELOPED],
    "triple-wrapped": [f"clear {SIGNED}", ENVELOPED, f"opaque {SIGNED}"],
    "triple-wrapped, clear outside": [f"opaque {SIGNED}", ENVELOPED, f"clear {SIGNED}"],
}


def mail_of(bouncy_castle, name: str, *layers: str) -> bytes:
    entity = bouncy_castle("mail", layer=list(layers), time=TIME, content=ENTITY, cipher=AES256_CBC.oid)["message"][0]
    return top(f"{name}@example.org").getvalue() + entity


@pytest.mark.parametrize("layers", LAYERS)
def test_mail_of_any_layers_that_bouncy_castle_makes_opens_here(bouncy_castle, layers):
    result = opened(mail_of(bouncy_castle, "ada", *LAYERS[layers]), decryption_key("rita"))
    assert (result.require_verified().address, len(result.layers)) == ("ada@example.org", len(LAYERS[layers]))
    assert read(result).endswith(b"\r\n\r\nHello\r\n")


@pytest.mark.parametrize("signer", ["rita SHA256withRSAandMGF1", "carl SHA512withECDSA", "eddy Ed25519", "edna Ed448"])
def test_clear_signed_mail_of_bouncy_castle_verifies_here(bouncy_castle, signer):
    who = signer.split()[0]
    assert opened(mail_of(bouncy_castle, who, f"clear {signer}")).require_verified().signer.certificate == certificate(who)


@pytest.mark.parametrize("detached", [True, False])
@pytest.mark.parametrize("name", read_by("bouncy castle", SIGNERS))
def test_bouncy_castle_verifies_mail_that_is_signed_here(bouncy_castle, name, detached):
    found = bouncy_castle("open-mail", message=signed_here(name, detached=detached))
    assert (found["layer"], found["signer"]) == ([b"clear" if detached else b"opaque"], [subject(name)])
    assert found["content"] == [ENTITY]


@pytest.mark.parametrize("name", read_by("bouncy castle", RECIPIENTS))
@pytest.mark.parametrize("content_encryption", ["gcm", "cbc"])
def test_bouncy_castle_takes_off_every_layer_that_is_made_here(bouncy_castle, content_encryption, name):
    options = {"recipients": [Recipient(certificate(name), OWN_CAPABILITIES)], "content_encryption": content_encryption}
    options |= {"signer": signing_key("edna"), "certificates": [certificate("ca")], "now": NOW}
    message = made(lambda sink: triple_wrapping(sink, **options), compressing)
    found = bouncy_castle("open-mail", message=message, **{"with": f"key {name}"})
    assert found["layer"] == [b"opaque", b"envelope", b"opaque", b"compress"]
    assert (found["signer"], found["content"]) == ([subject("edna")] * 2, [ENTITY])


# Other content types


def test_compressed_data_goes_both_ways(bouncy_castle):
    result = opened(mail(bouncy_castle("compress", content=ENTITY)["message"][0]))
    assert (result.layers, read(result)) == ((CompressedLayer(),), ENTITY)
    assert bouncy_castle("uncompress", message=structure(made(compressing)))["content"] == [ENTITY]


@pytest.mark.parametrize("row", [each for each in CONTENT_ENCRYPTIONS.values() if not each.authenticated], ids=lambda row: row.name)
def test_encrypted_data_of_bouncy_castle_opens_here(bouncy_castle, row):
    found = bouncy_castle("encrypt", content=ENTITY, cipher=row.oid)
    result = opened(mail(found["message"][0]), SecretKey(found["key"][0]))
    assert (read(result), result.layers[0].content_encryption) == (ENTITY, row.name)


# Bouncy Castle knows no SHAKE256 of stated length outside signatures
@pytest.mark.parametrize("row", [each for each in DIGESTS.values() if each is not SHAKE256_LEN], ids=lambda row: row.name)
def test_digested_data_of_bouncy_castle_opens_here(bouncy_castle, row):
    result = opened(mail(bouncy_castle("digest", content=ENTITY, digest=row.oid)["message"][0]))
    assert (result.layers, read(result)) == ((DigestedLayer(row.name),), ENTITY)


def test_certificates_go_both_ways(bouncy_castle):
    (layer,) = opened(mail(bouncy_castle("certificates", certificate=[*EVERYBODY])["message"][0])).layers
    assert set(layer.certificates) == set(map(certificate, EVERYBODY))
    out = top()
    send_certificates(map(certificate, EVERYBODY), out)
    found = bouncy_castle("list-certificates", message=structure(out.getvalue()))["certificate"]
    assert set(found) == {certificate(name).der for name in EVERYBODY}
