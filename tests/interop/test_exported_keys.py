"""Stock OpenSSL and NSS, with a recipient's exported PKCS#12, opens and verifies what the portal stores and would send."""

import subprocess
from pathlib import Path

import pytest

from tests.interop.messages import structure
from tests.interop.nss import MISSING, Nss
from tests.portal.organisation import organisation

__all__ = ["organisation"]
pytestmark = pytest.mark.django_db
PASSPHRASE = "a passphrase of some length"


def openssl(*arguments: object) -> str:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode(errors="replace")


def exported(client, organisation, name: str, folder: Path) -> Path:
    """The encryption key and its certificate."""
    from portal.keys.models import PrivateKey

    key = PrivateKey.objects.get(user__username=name, purpose="encryption")
    fields = {"key": key.id, "password": organisation.passwords[name], "passphrase": PASSPHRASE}
    (folder / "key.p12").write_bytes(client.post("/keys/export/", fields, secure=True).content)
    return folder / "key.p12"


def downloaded(client, organisation, name: str, message_id: str) -> bytes:
    original = client.get(f"/mail/inbox/{organisation.delivery(name, message_id).id}/original", secure=True)
    return b"".join(original.streaming_content)


@pytest.mark.parametrize(
    ("to", "smime_type", "algorithm"),
    [("bob", "authEnveloped-data", "aes-256-gcm"), ("carol", "enveloped-data", "aes-256-cbc")],
)
def test_openssl_decrypts_and_verifies_the_original(organisation, tmp_path, to, smime_type, algorithm):
    message_id = organisation.send("alice", to=to, subject="Fuel", text="Ten tons on Monday.")
    client = organisation.browser(to)
    (tmp_path / "message.eml").write_bytes(downloaded(client, organisation, to, message_id))
    key = tmp_path / "key.pem"
    openssl("pkcs12", "-in", exported(client, organisation, to, tmp_path), "-passin", f"pass:{PASSPHRASE}", "-nodes", "-out", key)
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


def test_nss_decrypts_and_verifies_the_original(organisation, tmp_path):
    """As Thunderbird with that key and the portal's authority; carol is known to read AES-256-CBC only, like NSS."""
    if MISSING:
        pytest.skip(f"no NSS (libnss3-tools): {', '.join(MISSING)}")
    nss, client = Nss(tmp_path), organisation.browser("carol")
    nss.trust("portal", client.get("/authority.pem", secure=True).content, "-a")
    nss.bring(exported(client, organisation, "carol", tmp_path).read_bytes(), PASSPHRASE)
    message_id = organisation.send("alice", to="carol", subject="Fuel", text="Ten tons on Monday.")
    if not nss.is_recent("Carol Cole (encryption)"):
        pytest.skip("this NSS knows no key agreement")
    signed = nss("-D", data=structure(downloaded(client, organisation, "carol", message_id)))
    inner = nss("-D", data=structure(signed)).decode()
    assert "Subject: Fuel" in inner
    assert "Ten tons on Monday." in inner


def test_the_subject_is_not_in_what_leaves(organisation):
    message_id = organisation.send("alice", subject="Fuel schedule")
    client = organisation.browser("bob")
    head = downloaded(client, organisation, "bob", message_id).split(b"\r\n\r\n")[0]
    assert b"Subject: [...]" in head
    assert b"Fuel" not in head
