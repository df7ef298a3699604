"""The world around a portal under test: a relay that takes what leaves it, olga to whom people write, and eve who writes to bob.

The relay wants STARTTLS and a password, which the portal has from its environment.
"""

import hashlib
import re
import smtplib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from portal.keys.sealing import context
from tests.portal import outsiders
from tests.portal.mail.outside import encrypted, mail, plain, signed
from tests.stack import Stack, free_port

OLGA, EVE, BOB = "olga@elsewhere.example", "eve@outside.example", "bob@portal.example"
USER = ("portal", "the relay's password")
_INTRODUCTION = """
from portal.audit.services import SYSTEM, Refused
from portal.keys.services import add_anchor, add_certificate
from portal.mail.services.release import release
for outcome in (
    add_anchor(actor=SYSTEM, data={anchor!r}),
    add_certificate(actor=SYSTEM, address={address!r}, data={pem!r}),
    release(actor=SYSTEM, domain={domain!r}, classification=3),
):
    assert not isinstance(outcome, Refused), outcome
"""


@dataclass
class Outside:
    """`folder` has the authority's certificate, which vouches for the relay as well."""

    relay: outsiders.Relay
    folder: Path
    port: int = field(default_factory=free_port)
    olga: outsiders.Issued = field(default_factory=lambda: outsiders.person(OLGA))
    eve: outsiders.Issued = field(default_factory=lambda: outsiders.person(EVE))
    bob: bytes = b""  # the certificate of somebody here, once eve knows it

    @property
    def environment(self) -> dict[str, str]:
        """What the portal is told of it; smtpd listens on `port`."""
        anchors = str(self.folder / "anchors.pem")  # of the relay
        relay = {"RELAY_HOST": "localhost", "RELAY_PORT": str(self.relay.port), "RELAY_TLS": "starttls", "RELAY_CA_FILE": anchors}
        user = dict(zip(("RELAY_USER", "RELAY_PASSWORD"), USER, strict=True))
        return relay | user | {"SMTP_PORT": str(self.port)}

    def introduce(self, stack: Stack) -> None:
        """Their authority is trusted, olga's certificate known, and her domain may be sent what people here send; eve learns bob's certificate."""
        self.bob = bytes(stack.query("SELECT der FROM keys_certificate WHERE address = ? AND purpose = 'encryption'", BOB)[0][0])
        who = {"address": OLGA, "pem": self.olga.pem, "domain": OLGA.partition("@")[2]}
        stack.run_manage("shell", "-c", _INTRODUCTION.format(anchor=outsiders.authority().pem, **who))

    def letter(self, message_id: str, subject: str) -> bytes:
        """A plain one from eve to bob."""
        return plain(**{"Message-ID": message_id, "Subject": subject})

    def sealed_letter(self, message_id: str, subject: str) -> bytes:
        """One that eve has signed, and encrypted for bob."""
        entity = signed(self.eve, **{"Message-ID": message_id, "Subject": subject})
        return mail(encrypted(entity, self.bob), **{"Message-ID": message_id, "Subject": "..."})


@contextmanager
def outside(folder: Path) -> Iterator[Outside]:
    (folder / "anchors.pem").write_bytes(outsiders.authority().pem)
    with outsiders.relay(tls=outsiders.server("localhost"), folder=folder, user=USER) as relay:
        yield Outside(relay, folder)


def hand_in(stack: Stack, content: bytes, *, break_off: bool = False) -> bool:
    """Eve gives mail for bob to smtpd: OSError unless it answers 250. With `break_off` she goes away when all is said, and hears nothing."""
    with smtplib.SMTP("127.0.0.1", int(stack.environment["SMTP_PORT"]), timeout=30) as smtp:
        if not break_off:
            return not smtp.sendmail(EVE, BOB, content)
        smtp.mail(EVE)
        smtp.rcpt(BOB)
        if smtp.docmd("DATA")[0] == 354:
            smtp.send(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        smtp.close()
        return False


def arrival(stack: Stack, message_id: str, content: bytes) -> str:
    """The id of what became of a letter to bob; its own Message-ID if nothing did."""
    bob = stack.query("SELECT id FROM accounts_user WHERE address = ?", BOB)[0][0]
    repeat_of = hashlib.sha256(context("arrival", EVE, message_id, hashlib.sha256(content).hexdigest(), bob)).hexdigest()
    found = stack.query("SELECT id FROM mail_arrival WHERE repeat_of = ?", repeat_of)
    return found[0][0] if found else message_id


@dataclass(frozen=True)
class Handed:
    """What the relay was given. Twice is allowed (RFC 1047), if it is the same octets."""

    times: int
    missing: int
    changed: int  # messages that came again with other octets
    unknown: int  # that nobody sent

    @property
    def clean(self) -> bool:
        return not any((self.missing, self.changed, self.unknown))

    def __str__(self) -> str:
        return f"handed over {self.times} times, {self.missing} missing, {self.changed} changed, {self.unknown} unknown"


def handed(stack: Stack, relay: outsiders.Relay, message_ids: Iterable[str]) -> Handed:
    """How the messages with these ids (of rows) came to the relay."""
    rows = dict(stack.query("SELECT id, message_id FROM mail_message"))
    wanted = {rows[each] for each in message_ids if each in rows}
    came = defaultdict(list)
    for content in list(relay.taken):
        found = re.search(rb"^Message-ID:\s*(\S+)", content, re.IGNORECASE | re.MULTILINE)
        came[found[1].decode() if found else ""].append(content)
    return Handed(
        times=sum(len(each) for each in came.values()),
        missing=len(wanted - came.keys()),
        changed=sum(len(set(each)) > 1 for each in came.values()),
        unknown=len(came.keys() - wanted),
    )
