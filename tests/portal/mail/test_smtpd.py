"""The SMTP server on loopback, with smtplib and with raw sockets in a thread; its work runs in the test's own transaction."""

import asyncio
import errno
import functools
import queue
import shutil
import smtplib
import socket
import ssl
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from portal.accounts.models import User
from portal.keys import intake, objects
from portal.keys.chunks import open_chunks
from portal.keys.models import Certificate
from portal.mail import services
from portal.mail.models import Arrival, Delivery
from portal.mail.services.arrive import arrival_context
from portal.mail.smtpd import sessions
from portal.mail.smtpd.data import DataReader
from portal.mail.smtpd.server import Server
from portal.outbox import services as outbox
from portal.outbox.models import Job
from tests.portal.mail.outside import anywhere, plain
from tests.portal.organisation import events

__all__ = ["anywhere"]

pytestmark = pytest.mark.usefixtures("anywhere")
SENDER = "eve@outside.example"


class Here(Executor):
    """Has the work done by the thread that has the test's transaction."""

    def __init__(self) -> None:
        self.work: queue.Queue = queue.Queue()

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future:
        future: Future = Future()
        self.work.put((future, functools.partial(function, *arguments, **options)))
        return future

    def until(self, done: Future) -> None:
        done.add_done_callback(lambda _: self.work.put(None))
        while (item := self.work.get()) is not None:
            future, function = item
            try:
                future.set_result(function())
            except BaseException as error:
                future.set_exception(error)


def with_server(client: Callable[[int], Any], **options: Any) -> Any:
    """What the client, in a thread, returns; it is given the server's port."""
    here = Here()

    async def run() -> Any:
        async with await Server(executor=here, **options).start("127.0.0.1", 0) as listener:
            return await asyncio.to_thread(client, listener.sockets[0].getsockname()[1])

    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(asyncio.run, run())
        here.until(done)
    return done.result()


def send(content: bytes, *to: str) -> Any:
    def client(port: int) -> Any:
        with smtplib.SMTP("127.0.0.1", port) as smtp:
            return smtp.sendmail(SENDER, to or ("bob@portal.example",), content)

    return with_server(client)


class Raw:
    """A connection on which exactly these octets are sent, in exactly these pieces."""

    def __init__(self, port: int, greeting: bytes = b"EHLO outside.example\r\n") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")
        self.welcome = self.reply()
        self.greeting = self.say(greeting)

    def say(self, *pieces: bytes) -> bytes:
        for piece in pieces:
            self.socket.sendall(piece)
        return self.reply()

    def reply(self) -> bytes:
        lines = [self.file.readline()]
        while lines[-1][3:4] == b"-":
            lines.append(self.file.readline())
        return b"".join(lines)

    def envelope(self, *to: bytes) -> None:
        self.say(b"MAIL FROM:<eve@outside.example>\r\n")
        for address in to or (b"bob@portal.example",):
            assert self.say(b"RCPT TO:<%s>\r\n" % address).startswith(b"250")

    def data(self, *pieces: bytes) -> bytes:
        self.envelope()
        assert self.say(b"DATA\r\n").startswith(b"354")
        return self.say(*pieces)


def raw(talk: Callable[[Raw], Any], *, greeting: bytes = b"EHLO outside.example\r\n", **options: Any) -> Any:
    return with_server(lambda port: talk(Raw(port, greeting)), **options)


def stored(organisation, name: str = "bob") -> str:
    """The text of the one message in somebody's mailbox."""
    outbox.run_until_idle()
    return organisation.read(name, Delivery.objects.get(owner__username=name).id).text


@pytest.fixture
def kept() -> Callable[[], set[str]]:
    """The objects that this test has left."""

    def names() -> set[str]:
        return set(objects.names_before(timezone.now() + timedelta(days=1)))

    before = names()
    return lambda: names() - before


def test_what_was_accepted_is_in_the_mailbox(organisation):
    send(plain())
    outbox.run_until_idle()
    opened = organisation.read("bob", Delivery.objects.get(owner__username="bob").id)
    assert (opened.subject, opened.text) == ("Tides", "High water at six.\r\n")


def test_250_is_said_after_the_job_is_committed(organisation):
    refused = send(plain())
    assert refused == {}
    assert Arrival.objects.count() == Job.objects.filter(kind="accept", state="waiting").count() == 1
    assert [each.outcome for each in events(verb="accepted")] == ["granted"]


def test_an_address_in_capitals_is_the_same_and_an_unknown_one_is_refused(organisation):
    assert send(plain(), "BOB@Portal.Example", "nobody@portal.example") == {
        "nobody@portal.example": (550, b"5.1.1 Nobody has this address here.")
    }


def test_the_address_of_a_disabled_person_is_unknown(organisation):
    User.objects.filter(username="bob").update(is_active=False)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(plain())


def test_somebody_without_a_valid_key_can_take_no_mail_just_now(organisation):
    Certificate.objects.filter(user__username="bob").update(revoked_at=timezone.now())
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(plain())
    assert refused.value.recipients["bob@portal.example"][0] == 450


@pytest.mark.parametrize("sender", [b"\xff@outside.example", b"eve\x00@outside.example", b"e" * 320 + b"@outside.example"])
def test_a_sender_that_can_not_be_written_down_is_refused_at_once(organisation, sender):
    assert raw(lambda talk: talk.say(b"MAIL FROM:<%s>\r\n" % sender))[:3] == b"553"


def test_a_recipient_that_can_not_be_written_down_is_unknown(organisation):
    def talk(smtp: Raw) -> bytes:
        smtp.say(b"MAIL FROM:<eve@outside.example>\r\n")
        return smtp.say(b"RCPT TO:<\xff@portal.example>\r\n")

    assert raw(talk).startswith(b"550")


@pytest.mark.parametrize("sender", [b"alice@portal.example", b"nobody@PORTAL.example"])
def test_nobody_outside_sends_from_an_address_of_this_portal(organisation, sender):
    assert raw(lambda talk: talk.say(b"MAIL FROM:<%s>\r\n" % sender)).startswith(b"550")


def test_after_a_failure_the_connection_begins_anew(organisation, monkeypatch):
    """RFC 5321 section 4.1.1.4: "the buffers are cleared"."""

    def broken(*arguments: object) -> None:
        raise ValueError

    def talk(smtp: Raw) -> list[bytes]:
        answers = [smtp.data(plain() + b".\r\n"), smtp.reply()]
        return [*answers, smtp.say(b"MAIL FROM:<eve@outside.example>\r\n")]

    monkeypatch.setattr(services, "arrive", broken)
    with_two = b"LHLO outside.example\r\n"
    monkeypatch.setattr(Raw, "envelope", functools.partialmethod(Raw.envelope, b"bob@portal.example", b"alice@portal.example"))
    assert [each[:3] for each in raw(talk, greeting=with_two, lmtp=True)] == [b"451", b"451", b"250"]


def test_more_recipients_than_a_message_may_have_are_for_later(organisation, monkeypatch):
    monkeypatch.setattr(sessions, "MOST_RECIPIENTS", 1)
    assert send(plain(), "bob@portal.example", "alice@portal.example")["alice@portal.example"][0] == 452


@pytest.mark.parametrize("lines", [b"..\r\n", b".\r\n..\r\n", b".x\r\n\r\n.", b"\r\n\r\n", b"a\r\n.\nb", b"\n.\n", b"\r.\r", b""])
def test_data_is_what_was_sent_however_it_is_cut(lines):
    sent = lines + b"\r\n" if lines and not lines.endswith(b"\r\n") else lines
    stuffed = (b"\r\n" + sent).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\nQUIT\r\n"
    for one in range(len(stuffed) - 5):
        for two in range(one, len(stuffed) - 5):
            assert fed([stuffed[:one], stuffed[one:two], stuffed[two:]]) == (sent, b"QUIT\r\n")


def fed(pieces: list[bytes]) -> tuple[bytes, bytes]:
    reader, content = DataReader(), b""
    for n, piece in enumerate(pieces):
        octets, rest = reader.feed(piece)
        content += octets
        if rest is not None:
            return content, rest + b"".join(pieces[n + 1 :])
    raise AssertionError("no end")


@pytest.mark.parametrize("ending", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r"])
def test_only_crlf_dot_crlf_ends_the_data(organisation, ending):
    """RFC 5321 section 4.1.1.4: "receiving SMTP servers MUST NOT treat that sequence as the end of mail data indication"."""
    hidden = b"MAIL FROM:<eve@outside.example>\r\nRCPT TO:<alice@portal.example>\r\nDATA\r\nx"
    answer = raw(lambda talk: talk.data(plain() + ending + hidden + b"\r\n.\r\n"))
    assert answer.startswith(b"250")
    assert Arrival.objects.count() == 1
    assert "MAIL FROM" in stored(organisation)


def test_commands_that_come_with_the_end_of_data_are_done(organisation):
    """RFC 2920 section 3.1: a client may send the next commands before it has read the answer."""
    more = b"MAIL FROM:<eve@outside.example>\r\nRCPT TO:<alice@portal.example>\r\nDATA\r\n"

    def talk(smtp: Raw) -> list[bytes]:
        answers = [smtp.data(plain() + b".\r\n" + more), *(smtp.reply() for _ in range(3))]
        return [*answers, smtp.say(plain(To="alice@portal.example") + b".\r\nQUIT\r\n"), smtp.reply()]

    assert [each[:3] for each in raw(talk)] == [b"250", b"250", b"250", b"354", b"250", b"221"]
    assert stored(organisation, "alice") == stored(organisation, "bob") == "High water at six.\r\n"


def test_eight_bit_text_and_dots_arrive_as_they_were_sent(organisation):
    head = plain().partition(b"\r\n\r\n")[0].replace(b"7bit", b"8bit")
    body = ".erster\r\n..zweiter ä\r\n.\r\nEnde\r\n".encode()
    send(head + b"\r\n\r\n" + body)
    assert stored(organisation) == body.decode()


def test_what_is_offered(organisation):
    lines = raw(lambda talk: talk.greeting).decode().split("\r\n")
    assert {"250-SIZE 300000000", "250-8BITMIME", "250-SMTPUTF8", "250 PIPELINING"} <= set(lines)
    assert not [each for each in lines if "AUTH" in each or "STARTTLS" in each]


def test_a_message_over_the_limit_is_read_to_its_end_and_refused(organisation, settings, kept):
    settings.SMTP_MAX_SIZE = 10_000

    def talk(smtp: Raw) -> tuple[bytes, bytes]:
        return smtp.data(plain() + b"x" * 500_000 + b"\r\n.\r\n"), smtp.say(b"NOOP\r\n")

    answers = raw(talk)
    assert [each[:3] for each in answers] == [b"552", b"250"]
    assert not Arrival.objects.exists()
    assert not kept()


def test_a_size_over_the_limit_is_refused_at_once(organisation, settings):
    settings.SMTP_MAX_SIZE = 10_000
    assert raw(lambda talk: talk.say(b"MAIL FROM:<eve@outside.example> SIZE=20000\r\n")).startswith(b"552")


@pytest.mark.parametrize(
    "content",
    [
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 501 + b"--b--\r\n",
        b"X-Header: x\r\n" * 1001 + b"\r\nx\r\n",
        b"X-Header: " + b"x" * 300_000 + b"\r\n\r\nx\r\n",
        b"this is no header field\r\n\r\nx\r\n",
        b"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n\r\nnot base64 of a signature\r\n",
    ],
    ids=["parts", "fields", "octets", "no-field", "no-signature"],
)
def test_what_is_malformed_or_too_much_is_refused_with_the_reason(organisation, content, kept):
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(content)
    assert refused.value.smtp_code == 554
    assert b"malformed" in refused.value.smtp_error
    assert [each.outcome for each in events(verb="accepted")] == ["refused"]
    assert not kept()


def test_without_the_database_an_address_is_for_later(organisation, monkeypatch):
    def away(address: str) -> None:
        raise OperationalError

    monkeypatch.setattr(services, "mailbox_of", away)
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(plain())
    assert refused.value.recipients["bob@portal.example"][0] == 451


def test_a_commit_that_fails_is_never_answered_250(organisation, monkeypatch):
    def away(**fields: object) -> None:
        raise OperationalError

    monkeypatch.setattr(outbox, "enqueue", away)
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(plain())
    assert refused.value.smtp_code == 451
    assert not Arrival.objects.exists()


def test_a_full_disk_is_for_later_and_keeps_nothing(organisation, monkeypatch, kept):
    def full(self: object, octets: bytes) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("portal.keys.chunks.ChunkWriter.write", full)
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(plain())
    assert refused.value.smtp_code == 452
    assert not kept()


def test_mail_from_outside_leaves_room_for_people_here(organisation, settings):
    settings.SMTP_KEEP_FREE = shutil.disk_usage(settings.DATA_DIR).total + 1

    def talk(smtp: Raw) -> bytes:
        smtp.envelope()
        return smtp.say(b"DATA\r\n")

    assert raw(talk).startswith(b"452 4.3.1")


def test_a_connection_that_breaks_off_in_data_keeps_nothing(organisation, kept):
    def talk(smtp: Raw) -> None:
        smtp.envelope()
        smtp.say(b"DATA\r\n")
        smtp.socket.sendall(plain())
        smtp.socket.shutdown(socket.SHUT_RDWR)

    raw(talk)
    assert not Arrival.objects.exists()
    assert not kept()


def test_the_same_message_again_is_answered_250_and_kept_once(organisation, kept):
    send(plain())
    send(plain())
    assert len(kept()) == 1
    outbox.run_until_idle()
    send(plain())
    outbox.run_until_idle()
    assert Delivery.objects.filter(owner__username="bob").count() == 1


def test_the_same_message_for_somebody_else_is_another(organisation):
    send(plain())
    send(plain(), "alice@portal.example")
    outbox.run_until_idle()
    assert Delivery.objects.count() == 2


def test_a_connection_too_many_is_told_to_come_later(organisation, settings):
    settings.SMTP_CONNECTIONS = 1

    def client(port: int) -> bytes:
        first = Raw(port)
        with socket.create_connection(("127.0.0.1", port), timeout=10) as second:
            welcome = second.recv(1000)
        first.socket.close()
        return welcome

    assert with_server(client).startswith(b"421")


@pytest.mark.parametrize("peers", [["192.0.2.1"] * 3, ["::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1"], ["2001:db8::1", "2001:db8::2", "2001:db8::3"]])
def test_nobody_outside_has_more_than_a_share_of_the_connections(settings, peers):
    settings.SMTP_CONNECTIONS = 10
    server = Server()
    with ExitStack() as open_ones:
        welcome = [open_ones.enter_context(server.connection(each)) for each in (*peers, "192.0.2.99", "2001:db8:1::1")]
    assert welcome == [True, True, False, True, True]
    with server.connection(peers[0]) as later:
        assert later


def test_a_mail_server_on_this_machine_may_have_all_connections(settings):
    settings.SMTP_CONNECTIONS = 2
    server = Server()
    with server.connection("127.0.0.1") as first, server.connection("127.0.0.1") as second, server.connection("127.0.0.1") as third:
        assert (first, second, third) == (True, True, False)


def test_silence_ends_the_connection(organisation):
    assert raw(lambda talk: talk.file.read(), timeout=0.2) == b""


def test_a_trace_field_is_added_that_repeats_nothing_dangerous(organisation):
    """RFC 5321 section 4.4: "it MUST insert trace information at the beginning of the mail data"."""
    raw(lambda talk: talk.data(plain() + b".\r\n"), greeting=b"EHLO <a>(b)\tc\r\n")
    arrival = Arrival.objects.get()
    key = intake.unseal(intake.Sealed(arrival.intake_key, arrival.sealed_key), arrival_context(arrival.id))
    with open_chunks(objects.open_object(arrival.object_name), key) as stream:
        assert stream.readline() == b"Received: from abc ([127.0.0.1])\r\n"
        assert stream.readline().startswith(b" by portal.example with ESMTP; ")


def test_starttls_encrypts_and_forgets_what_was_said_before(organisation, settings, tmp_path):
    certificate(settings, tmp_path)

    def client(port: int) -> tuple[int, bytes]:
        with smtplib.SMTP("127.0.0.1", port) as smtp:
            smtp.ehlo()
            smtp.mail("mallory@outside.example")
            smtp.starttls(context=unchecked())
            smtp.ehlo()
            assert not smtp.has_extn("starttls")
            assert not smtp.has_extn("auth")
            assert smtp.rcpt("bob@portal.example")[0] == 503
            smtp.sendmail(SENDER, ["bob@portal.example"], plain())

    with_server(client)
    assert Arrival.objects.get().sender == SENDER


def test_commands_smuggled_in_before_tls_are_not_done(organisation, settings, tmp_path):
    certificate(settings, tmp_path)

    def talk(smtp: Raw) -> bytes:
        smtp.say(b"STARTTLS\r\nMAIL FROM:<mallory@outside.example>\r\n")
        with unchecked().wrap_socket(smtp.socket) as secured:
            secured.sendall(b"NOOP\r\n")
            return secured.recv(1000)

    assert raw(talk) == b"250 OK\r\n"


def unchecked() -> ssl.SSLContext:
    """For a server whose certificate nobody vouches for, as between mail servers."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def certificate(settings, folder) -> None:
    settings.SMTP_TLS_CERT, settings.SMTP_TLS_KEY = str(folder / "cert.pem"), str(folder / "key.pem")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=mx -out".split()
    subprocess.run([*command, settings.SMTP_TLS_CERT, "-keyout", settings.SMTP_TLS_KEY], check=True, capture_output=True)


def test_lmtp_answers_once_for_each_recipient(organisation):
    """RFC 2033 section 4.2: "the server returns one reply for each previously successful RCPT command"."""

    def talk(smtp: Raw) -> list[bytes]:
        smtp.envelope(b"bob@portal.example", b"alice@portal.example")
        smtp.say(b"DATA\r\n")
        return [smtp.say(plain() + b".\r\n"), smtp.reply(), smtp.say(b"NOOP\r\n"), smtp.say(b"EHLO x\r\n")]

    answers = raw(talk, greeting=b"LHLO outside.example\r\n", lmtp=True)
    assert [each[:3] for each in answers] == [b"250", b"250", b"250", b"500"]
    outbox.run_until_idle()
    assert Delivery.objects.count() == 2


def test_a_notification_has_an_empty_reverse_path(organisation, monkeypatch):
    seen = []
    monkeypatch.setattr(sys.modules["portal.mail.services.accept"], "notification_readers", [lambda source, ids: seen.append((source.open().read(), ids))])

    def client(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port) as smtp:
            smtp.sendmail("", ["bob@portal.example"], plain())

    with_server(client)
    outbox.run_until_idle()
    assert [(b"High water" in content, ids) for content, ids in seen] == [(True, [organisation.user("bob").id])]
    assert Arrival.objects.get().sender == ""


def test_a_large_message_takes_no_memory(organisation, settings):
    settings.SMTP_MAX_SIZE = 100_000_000
    line = b"x" * 76 + b"\r\n"

    def talk(smtp: Raw) -> bytes:
        smtp.envelope()
        smtp.say(b"DATA\r\n")
        smtp.socket.sendall(plain())
        for _ in range(400):
            smtp.socket.sendall(line * 1000)
        return smtp.say(b".\r\n")

    tracemalloc.start()
    try:
        assert raw(talk).startswith(b"250")
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()
    assert Arrival.objects.get().size > 31_000_000
