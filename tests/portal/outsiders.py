"""People outside with keys of an authority that is not the portal's, and a relay that takes mail for them: a real SMTP server."""

import asyncio
import logging
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.stack import free_port

DSN = ("RET", "ENVID", "NOTIFY", "ORCPT")


@dataclass(frozen=True)
class Issued:
    """A certificate with its private key, and who issued it."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    issuer: "Issued | None" = None

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def authority(name: str = "Elsewhere CA") -> Issued:
    return _issue(name, None, ca=True)


@cache
def ended_authority() -> Issued:
    return _issue("Former CA", None, ca=True, days=(-60, -1))


def person(
    address: str, *, issuer: Issued | None = None, days: tuple[int, int] = (-30, 300), for_encryption: bool = True, key: str = ""
) -> Issued:
    """`key` tells apart several keys of one person."""
    return _issue(address, issuer or authority(), address=address, days=days, for_encryption=for_encryption, key_name=key)


def revocation_list(
    issuer: Issued, *revoked: Issued, days: tuple[int, int] = (-1, 6), since: int = -2, number: int = 1, delta: bool = False, of: str = ""
) -> x509.CertificateRevocationList:
    """What an authority has revoked `since` so many days; `of` is the distribution point whose certificates it is about."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now + timedelta(days=days[0]))
        .next_update(now + timedelta(days=days[1]))
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    if delta:
        builder = builder.add_extension(x509.DeltaCRLIndicator(1), critical=True)
    if of:
        names = [x509.UniformResourceIdentifier(of)]
        builder = builder.add_extension(x509.IssuingDistributionPoint(names, None, False, False, None, False, False), critical=True)
    for each in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(each.certificate.serial_number)
        builder = builder.add_revoked_certificate(entry.revocation_date(now + timedelta(days=since)).build())
    return builder.sign(issuer.key, hashes.SHA256())


def _issue(
    name: str,
    issuer: Issued | None,
    *,
    ca: bool = False,
    address: str = "",
    days: tuple[int, int] = (-60, 600),
    for_encryption: bool = True,
    host: str = "",
    key_name: str = "",
) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1()) if ca else rsa_key(key_name or name)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(not ca, False, for_encryption and not ca, False, False, ca, ca, False, False), critical=True
        )
    )
    if address:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(address)]), critical=False)
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
    if host:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    return Issued(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key, issuer)


def server(host: str) -> Issued:
    """A certificate for a server."""
    return _issue(host, authority(), host=host)


@dataclass
class Relay:
    """What a relay was given, and how it answers: with the next of the answers, then well."""

    port: int
    taken: list[bytes] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    rcpt_answers: list[str] = field(default_factory=list)
    data_answers: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)  # unless it is set, nobody hears an answer to DATA

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        return [responses[0], "250-DSN", *responses[1:]]

    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = self.rcpt_answers.pop(0) if self.rcpt_answers else "250 OK"
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return answer

    async def handle_DATA(self, server, session, envelope):
        self.taken.append(envelope.content)
        self.envelopes.append(envelope)
        while not self.released.is_set():
            await asyncio.to_thread(self.released.wait, 0.1)
        answer = self.data_answers.pop(0) if self.data_answers else "250 OK"
        if answer == "drop":
            server.transport.abort()
        return answer


class _Server(SMTP):
    """aiosmtpd refuses the parameters of delivery status notifications; here they are taken."""

    def _getparams(self, params):
        return super()._getparams([each for each in params if each.partition("=")[0] not in DSN])


class _Controller(Controller):
    def factory(self):
        return _Server(self.handler, **self.SMTP_kwargs)


def trust(issued: Issued) -> None:
    """Makes an authority one that is believed here about people outside."""
    from portal.audit.services import SYSTEM, Refused  # here, because the kills import this module without Django
    from portal.keys.services import add_anchor

    added = add_anchor(actor=SYSTEM, data=issued.der)
    assert not isinstance(added, Refused), added


@contextmanager
def relay(
    *, tls: Issued | None = None, folder: Path | None = None, mode: str = "starttls", user: tuple[str, str] | None = None
) -> Iterator[Relay]:
    """A relay on loopback; with `tls` it speaks TLS, as RELAY_TLS says, with that certificate (its files go to `folder`).

    With `user`, a name and a password, it wants to know these before it takes anything.
    """
    taking, options = Relay(free_port()), dict[str, Any]()
    taking.released.set()
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # it tells each command
    if tls is not None:
        (folder / "relay.pem").write_bytes(tls.pem)
        (folder / "relay.key").write_bytes(tls.key_pem)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(folder / "relay.pem", folder / "relay.key")
        options["tls_context" if mode == "starttls" else "ssl_context"] = context
    if user is not None:
        wanted = LoginPassword(*(each.encode() for each in user))
        # aiosmtpd knows of the TLS that it has started itself only
        options |= {"auth_require_tls": mode == "starttls", "auth_required": True, "authenticator": lambda *a: AuthResult(success=a[-1] == wanted, handled=False)}
    controller = _Controller(taking, hostname="127.0.0.1", port=taking.port, **options)
    controller.start()
    try:
        yield taking
    finally:
        controller.stop()
