"""One connection: aiosmtpd's commands, our DATA, and what is said to the other side."""

import re
from collections.abc import Callable
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import structlog
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone

from portal.keys import objects
from portal.mail import services
from portal.mail.services.arrive import Arriving
from portal.mail.services.check import MOST_RECIPIENTS
from portal.mail.smtpd.data import DataReader
from portal.mail.smtpd.incoming import Incoming
from portal.stops import stop_here

if TYPE_CHECKING:
    from portal.mail.smtpd.server import Server

logger = structlog.get_logger(__name__)
PIECE = 1_000_000  # octets: more than a reader ever holds, so a read empties it
STEADY = 64 * 1024  # octets that must come within the time-out
LONGEST_ADDRESS = 320  # RFC 5321 section 4.5.3.1: 64 octets, the @ and 255
NOT_AVAILABLE = "451 4.3.0 Not available just now. Try again later."
NO_ROOM = "452 4.3.1 No room for the message just now. Try again later."
_NOT_IN_TRACE = re.compile(r"[^A-Za-z0-9.\-:\[\]]")


class Handler:
    """Answers for the commands that need the database. Errors in here never tell the other side more than "later"."""

    def __init__(self, run: Callable[..., Any]) -> None:
        self._run = run

    async def handle_EHLO(self, server: SMTP, session: Session, envelope: Envelope, name: str, lines: list[str]) -> list[str]:
        session.host_name = name
        offered = [each for each in lines if not each[4:].startswith(("AUTH", "HELP"))]
        return [*offered, "250 PIPELINING"]

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        sender = address.strip("<>")
        if len(sender) > LONGEST_ADDRESS or not sender.isprintable():  # bytes that are no UTF-8 are not printable either
            return "553 5.1.7 That is no address."
        if services.is_own(sender):
            return "550 5.7.1 Mail of people of this portal does not come from outside."
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients. Send the others a copy of their own."
        try:
            found = await self._run(services.mailbox_of, address) if address.isprintable() else None
        except DatabaseError:
            return NOT_AVAILABLE
        if found is None:
            return "550 5.1.1 Nobody has this address here."
        if not found.can_receive:
            return "450 4.2.1 This mailbox can't take mail just now."
        envelope.rcpt_tos.append(found.user_id)
        return "250 2.1.5 OK"

    async def handle_exception(self, error: Exception) -> str:
        logger.error("smtp_session_failed", reason=type(error).__name__)
        return NOT_AVAILABLE


class Streaming:
    """DATA that flows into a sealed object. Mixed into aiosmtpd's classes."""

    protocol = "ESMTP"

    def __init__(self, server: "Server", **options: Any) -> None:
        super().__init__(Handler(server.run), **options)
        self._server = server
        for name in ("AUTH", "EXPN", "HELP", "VRFY"):
            self._smtp_methods.pop(name, None)

    async def _handle_client(self) -> None:
        with self._server.connection(self._peer) as welcome:
            if not welcome:
                await self.push("421 4.7.0 Too many connections. Try again later.")
                self.transport.close()
                return
            await super()._handle_client()

    async def smtp_DATA(self, arg: str | None) -> None:
        if await self.check_helo_needed():
            return
        if not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 RCPT first.")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        if not objects.room_for(settings.SMTP_KEEP_FREE):
            await self.push(NO_ROOM)
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        answers = self._answers()
        try:
            with self._server.at_work():
                incoming = await self._take()
                answer = await self._answer(incoming)
        finally:  # RFC 5321 section 4.1.1.4: whatever became of it, the buffers are cleared
            self._set_post_data_state()
        for _ in range(answers):
            await self.push(answer)

    async def _take(self) -> Incoming:
        """The message, to its end whatever it is; what the other side has sent after it goes back to the command reader."""
        incoming, data, rest, steady = Incoming(self._trace()), DataReader(), None, 0
        try:
            while rest is None:
                piece = await self._reader.read(PIECE)
                if not piece:
                    raise ConnectionResetError
                steady += len(piece)
                if steady >= STEADY:
                    self._reset_timeout()
                    steady = 0
                octets, rest = data.feed(piece)
                incoming.write(octets)
            if rest:
                self._reader.feed_data(rest)
            await self._server.run(incoming.finish)
        except BaseException:
            incoming.discard()
            raise
        return incoming

    async def _answer(self, incoming: Incoming) -> str:
        """250 only once it is committed."""
        if incoming.trouble == "too-large":
            return f"552 5.3.4 The message is larger than {settings.SMTP_MAX_SIZE} octets."
        if incoming.trouble:
            return NO_ROOM
        arriving = Arriving(
            object_name=incoming.object_name,
            key=incoming.key,
            size=incoming.size,
            digest=incoming.digest,
            sender=self.envelope.mail_from.strip("<>"),
            peer=self._peer,
            recipients=tuple(dict.fromkeys(self.envelope.rcpt_tos)),
        )
        try:
            refusal = await self._server.run(services.arrive, arriving)
            stop_here("arrive.committed")
        except Exception as failure:  # whatever it is, each recipient gets an answer, and it is not 250
            logger.warning("smtp_not_accepted", reason=type(failure).__name__)
            return NOT_AVAILABLE
        return f"{refusal.code} {refusal.reason}" if refusal else "250 2.6.0 Accepted."

    def _trace(self) -> bytes:
        """RFC 5321 section 4.4: "it MUST insert trace ("time stamp" or "Received") information at the beginning"."""
        name = _NOT_IN_TRACE.sub("", self.session.host_name or "unknown")[:255]
        secured = "S" if self._tls_protocol else ""
        at = format_datetime(timezone.now())
        return f"Received: from {name} ([{self._peer}])\r\n by {self.hostname} with {self.protocol}{secured}; {at}\r\n".encode("ascii")

    @property
    def _peer(self) -> str:
        """Its address. One that was gone before anybody looked has none."""
        peer = self.session.peer
        return str(peer[0]) if isinstance(peer, tuple) else "127.0.0.1"

    def _answers(self) -> int:
        return 1


class SmtpSession(Streaming, SMTP):
    """RFC 5321."""


class LmtpSession(Streaming, LMTP):
    """RFC 2033: "the server returns one reply for each previously successful RCPT command"."""

    protocol = "LMTP"

    def _answers(self) -> int:
        return len(self.envelope.rcpt_tos)


