"""Stock OpenSSL, with a recipient's exported PKCS#12, opens and verifies what the portal stores and would send."""

import subprocess
from pathlib import Path

import pytest

from tests.portal.organisation import organisation

__all__ = ["organisation"]
pytestmark = pytest.mark.django_db
PASSPHRASE = "a passphrase of some length"


def openssl(*arguments: object) -> str:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode(errors="replace")


def exported(client, organisation, name: str, folder: Path) -> Path:
    """The encryption key and its certificate, out of the PKCS#12, in one PEM file."""
    from portal.keys.models import PrivateKey

    key = PrivateKey.objects.get(user__username=name, purpose="encryption")
    fields = {"key": key.id, "password": organisation.passwords[name], "passphrase": PASSPHRASE}
    (folder / "key.p12").write_bytes(client.post("/keys/export/", fields, secure=True).content)
    openssl("pkcs12", "-in", folder / "key.p12", "-passin", f"pass:{PASSPHRASE}", "-nodes", "-out", folder / "key.pem")
    return folder / "key.pem"


@pytest.mark.parametrize(
    ("to", "smime_type", "algorithm"),
    [("bob", "authEnveloped-data", "aes-256-gcm"), ("carol", "enveloped-data", "aes-256-cbc")],
)
def test_openssl_decrypts_and_verifies_the_original(organisation, tmp_path, to, smime_type, algorithm):
    message_id = organisation.send("alice", to=to, subject="Fuel", text="Ten tons on Monday.")
    client = organisation.browser(to)
    original = client.get(f"/mail/inbox/{organisation.delivery(to, message_id).id}/original", secure=True)
    (tmp_path / "message.eml").write_bytes(b"".join(original.streaming_content))
    key = exported(client, organisation, to, tmp_path)
    (tmp_path / "ca.pem").write_bytes(client.get("/authority.pem", secure=True).content)

    assert f"smime-type={smime_type}".encode() in (tmp_path / "message.eml").read_bytes()
    assert algorithm in openssl("cms", "-cmsout", "-print", "-in", tmp_path / "message.eml").lower()
    openssl("cms", "-decrypt", "-in", tmp_path / "message.eml", "-recip", key, "-inkey", key, "-out", tmp_path / "signed.eml")
    printed = openssl("cms", "-cmsout", "-print", "-in", tmp_path / "signed.eml")
    assert "id-smime-aa-securityLabel" in printed
    assert "1.3.6.1.4.1.32473.1.1" in printed
    openssl("cms", "-verify", "-in", tmp_path / "signed.eml", "-CAfile", tmp_path / "ca.pem", "-purpose", "smimesign", "-out", tmp_path / "inner.eml")
    inner = (tmp_path / "inner.eml").read_text()
    assert "Subject: Fuel" in inner
    assert "Ten tons on Monday." in inner


def test_the_subject_is_not_in_what_leaves(organisation):
    message_id = organisation.send("alice", subject="Fuel schedule")
    client = organisation.browser("bob")
    original = client.get(f"/mail/inbox/{organisation.delivery('bob', message_id).id}/original", secure=True)
    head = b"".join(original.streaming_content).split(b"\r\n\r\n")[0]
    assert b"Subject: [...]" in head
    assert b"Fuel" not in head
