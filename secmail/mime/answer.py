"""Answering and forwarding without giving away what the original kept confidential (RFC 9788 section 6)."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from secmail.mime.addresses import Address, format_address, parse_addresses
from secmail.mime.protection import Fields, Policy, Protected, ProtectedHeader, hcp_baseline, protect
from secmail.mime.text import decode_words

LONGEST_THREAD = 20  # message identifiers in References
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,900}>")


@dataclass(frozen=True)
class Answer:
    """How an answer or a forward begins.

    ``fields`` are To, Cc, Subject, In-Reply-To and References in plain Unicode, as far as there are any; From, Date and Message-ID are
    the writer's, who may also change the others. ``confidential``: the fields (lower-case names) that came from something the original
    hid, with what the same answer would have got from the original's outside, or None.
    """

    fields: tuple[tuple[str, str], ...]
    confidential: Mapping[str, str | None] = field(repr=False)

    def protect(self, headers: Fields, *, encrypted: bool = True, policy: Policy = hcp_baseline) -> Protected:
        """Divide the fields of the finished answer for sending, as ``mime.protect`` does, with nothing confidential outside.

        Section 6.1: a field made from something confidential shows outside at most what would come of the fields that stood outside.
        Here that holds whatever the writer has made of it, and goes through ``policy`` too. ValueError: hidden before, now not encrypted.
        """
        if self.confidential and not encrypted:
            raise ValueError("an answer to what was confidential has to be encrypted")

        def reference_policy(name: str, value: str) -> str | None:
            outer = self.confidential.get(name.lower(), value)
            return None if outer is None else policy(name, outer)

        return protect(headers, encrypted=encrypted, policy=reference_policy)


def reply(original: Mapping[str, ProtectedHeader], *, everybody: bool = False, own: Collection[str] = ()) -> Answer:
    """Begin an answer to the author, or to ``everybody``; ``original`` are the headers of an ``Unwrapped``.

    Only fields inside the protection count, if there is one (section 6.2). ``own`` addresses are left out, but an answer to a message
    of one's own goes to those it went to.
    """
    return _answer(original, lambda values: _reply_fields(values, everybody, {each.casefold() for each in own}))


def forward(original: Mapping[str, ProtectedHeader]) -> Answer:
    """Begin a message that hands the original on to others; they are the writer's to name."""
    return _answer(original, lambda values: [("Subject", _prefixed("Fwd", values.get("subject", "")))])


Values = Mapping[str, str]


def _answer(original: Mapping[str, ProtectedHeader], respond: Callable[[Values], Iterable[tuple[str, str]]]) -> Answer:
    """Section 6.1.2, ReferenceHCP: the same response made twice, from the protected fields and from those shown outside."""
    counting = {name: header for name, header in original.items() if header.answerable}
    exposed = {name: header.exposed_field for name, header in counting.items() if header.exposed_field is not None}
    fields = tuple(respond({name: header.field for name, header in counting.items()}))
    outside = dict(respond(exposed))
    return Answer(fields, {name.lower(): outside.get(name) for name, value in fields if outside.get(name) != value})


def _reply_fields(values: Values, everybody: bool, own: Collection[str]) -> Iterator[tuple[str, str]]:
    """RFC 5322 sections 3.6.3 to 3.6.5."""
    author = _mailboxes(values.get("reply-to") or values.get("from", ""))
    others = [
        each
        for name in ("to", "cc")
        for each in _mailboxes(values.get(name, ""))
        if each.addr_spec.casefold() not in own
    ]
    to_oneself = bool(author) and all(each.addr_spec.casefold() in own for each in author)
    to = others if to_oneself else author
    yield from _addressed("To", to)
    if everybody:
        yield from _addressed("Cc", [each for each in others if each not in to])
    yield "Subject", _prefixed("Re", values.get("subject", ""))
    answered = _MESSAGE_ID.findall(values.get("message-id", ""))[:1]
    if answered:
        before = _MESSAGE_ID.findall(values.get("in-reply-to", ""))
        # Section 3.6.4: of a message that names none, the thread is the one it answers, if it is one
        thread = _MESSAGE_ID.findall(values.get("references", "")) or (before if len(before) == 1 else [])
        yield "In-Reply-To", answered[0]
        yield "References", " ".join([*thread, *answered][-LONGEST_THREAD:])


def _mailboxes(value: str) -> list[Address]:
    """The mailboxes that can be written to, each address once."""
    found: dict[str, Address] = {}
    for each in parse_addresses(value):
        if _sendable(each):
            found.setdefault(each.addr_spec.casefold(), each)
    return list(found.values())


def _sendable(mailbox: Address) -> bool:
    return "@" in mailbox.addr_spec and mailbox.addr_spec.isprintable()


def _addressed(name: str, mailboxes: Iterable[Address]) -> Iterator[tuple[str, str]]:
    value = ", ".join(format_address(*each) for each in mailboxes)
    if value:
        yield name, value


def _prefixed(prefix: str, subject: str) -> str:
    shown = decode_words(subject).strip()
    return shown if shown.casefold().startswith(f"{prefix.casefold()}:") else f"{prefix}: {shown}"
