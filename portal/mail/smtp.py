"""Handing a message to the relay: smtplib's commands and answers, and our own DATA, which streams (smtplib's holds everything three times).

A worker that waits for a slow relay keeps its job meanwhile.
"""

import select
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from django.conf import settings

from portal.mail.content import printable
from portal.stops import stop_here

PATIENCE = 60.0  # seconds for the answer to a command; less than RFC 5321 section 4.5.3.2 asks for, because it is the operator's own relay
FINAL_PATIENCE = 600.0  # for the answer to the end of DATA, section 4.5.3.2.6
PIECE = 64 * 1024


_NOT_ITS_FAULT = range(530, 539)  # RFC 4954 section 6: it is about us and not about the message


class Unavailable(Exception):
    """Try again later. The message is a fixed text and perhaps a reply code, for operators: nothing the relay wrote."""


class Refused(Exception):
    """The relay will never take this message; the message says what it answered, for the originator."""


@dataclass(frozen=True)
class Letter:
    """The envelope of one transaction. `envelope_id` comes back in delivery status notifications (RFC 3461 section 4.4)."""

    sender: str
    recipient: str
    envelope_id: str
    size: int


def hand_over(letter: Letter, content: BinaryIO, *, mark: Callable[[], None], keep: Callable[[], None]) -> None:
    """Returns when the relay has taken the message; raises `Unavailable` or `Refused`.

    `mark` is called before the first octet of content leaves, `keep` every few seconds, and what they raise comes through.
    """
    try:
        relay = _connected(keep)
    except _TROUBLE as trouble:
        raise Unavailable(_words(trouble)) from None
    try:
        _transaction(relay, letter, content, mark)
    except _TROUBLE as trouble:
        raise Unavailable(_words(trouble)) from None
    finally:
        relay.close()


_TROUBLE = (smtplib.SMTPException, OSError)  # ssl.SSLError and TimeoutError are OSErrors


def _connected(keep: Callable[[], None]) -> "_Relay":
    """A relay that has proven who it is, and to which we have proven who we are, as far as the settings ask for it."""
    relay = _Relay(keep)
    try:
        code, reply = relay.connect(settings.RELAY_HOST, settings.RELAY_PORT)
        if code != 220:
            raise smtplib.SMTPConnectError(code, reply)
        relay.ehlo_or_helo_if_needed()
        if settings.RELAY_TLS == "starttls":
            relay.starttls(context=_trusting())
            relay.ehlo()
        if settings.RELAY_USER:
            relay.login(settings.RELAY_USER, settings.RELAY_PASSWORD)
    except BaseException:
        relay.close()
        raise
    return relay


def _transaction(relay: "_Relay", letter: Letter, content: BinaryIO, mark: Callable[[], None]) -> None:
    notify = relay.has_extn("dsn")
    options = [f"SIZE={letter.size}"] if relay.has_extn("size") else []
    # RFC 3461 sections 4.3 and 4.4: headers are enough to know the message by
    options += ["RET=HDRS", f"ENVID={letter.envelope_id}"] if notify else []
    _expect(2, *relay.mail(letter.sender, options))
    wanted = ["NOTIFY=SUCCESS,FAILURE,DELAY", f"ORCPT=rfc822;{xtext(letter.recipient)}"] if notify else []
    _expect(2, *relay.rcpt(letter.recipient, wanted))
    mark()
    _expect(3, *relay.docmd("DATA"))
    relay.send_content(content)
    stop_here("relay.given")
    relay.patience = FINAL_PATIENCE
    _expect(2, *relay.getreply())
    relay.putcmd("quit")  # it is done, whatever the answer is


def xtext(text: str) -> str:
    """RFC 3461 section 4: "+" and "=" and what is not printable, as "+" and two hexadecimal digits."""
    return "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in text)


def _expect(first_digit: int, code: int, reply: bytes) -> None:
    if code // 100 == first_digit:
        return
    if code // 100 == 5 and code not in _NOT_ITS_FAULT:
        raise Refused(f"The relay refused it: {code} {printable(reply.decode('latin-1'))}"[:300])
    raise Unavailable(f"the relay answered {code}")


def _words(trouble: Exception) -> str:
    if isinstance(trouble, ssl.SSLError):
        return "the relay's certificate or TLS is not in order"
    if isinstance(trouble, smtplib.SMTPAuthenticationError):
        return "the relay did not accept RELAY_USER and RELAY_PASSWORD"
    if isinstance(trouble, smtplib.SMTPNotSupportedError):
        return "the relay lacks STARTTLS or a way to authenticate"
    if isinstance(trouble, smtplib.SMTPResponseException) and not isinstance(trouble, smtplib.SMTPServerDisconnected):
        return f"the relay answered {trouble.smtp_code}"
    return "there is no connection to the relay"


def _trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=settings.RELAY_CA_FILE)


class _Relay(smtplib.SMTP):
    """smtplib's client, with a wait of its own that keeps the job, and content that streams."""

    def __init__(self, keep: Callable[[], None]) -> None:
        self.patience = PATIENCE
        self._keep, self._step = keep, settings.LEASE.total_seconds() / 3
        super().__init__(local_hostname=settings.MAIL_DOMAIN, timeout=self._step)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connected = super()._get_socket(host, port, timeout)
        return _trusting().wrap_socket(connected, server_hostname=host) if settings.RELAY_TLS == "tls" else connected

    def starttls(self, *, context: ssl.SSLContext) -> tuple[int, bytes]:
        """As smtplib's, for `connect` with a host of its own: the certificate must be that host's."""
        self._host = settings.RELAY_HOST
        return super().starttls(context=context)

    def getreply(self) -> tuple[int, bytes]:
        """Waits in steps, because one long wait would lose the job's lease, and somebody else would send the message again."""
        end = time.monotonic() + self.patience
        while not self._answered():
            self._keep()
            if time.monotonic() > end:
                self.close()
                raise smtplib.SMTPServerDisconnected("no answer")
        return super().getreply()

    def _answered(self) -> bool:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("closed")
        if isinstance(self.sock, ssl.SSLSocket) and self.sock.pending():
            return True
        return bool(select.select([self.sock], [], [], self._step)[0])

    def send_content(self, content: BinaryIO) -> None:
        """The message, transparent (RFC 5321 section 4.5.2), and the end of it."""
        self._keep()
        renewed, line_begins = time.monotonic(), True
        while piece := content.read(PIECE):
            stuffed = piece.replace(b"\n.", b"\n..")
            self.send(b"." + stuffed if line_begins and piece.startswith(b".") else stuffed)
            line_begins = piece.endswith(b"\n")
            if time.monotonic() - renewed > self._step:
                self._keep()
                renewed = time.monotonic()
        self.send(b".\r\n" if line_begins else b"\r\n.\r\n")
