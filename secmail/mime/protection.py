"""Header protection (RFC 9788): the header section inside the cryptography, and what of it is left outside."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from secmail.mime.addresses import Address, parse_addresses
from secmail.mime.headers import Headers, is_structural
from secmail.mime.read import Entity, read_entity
from secmail.mime.text import decode_words

Fields = Sequence[tuple[str, str]]

Policy = Callable[[str, str], str | None]
"""A header confidentiality policy (section 3.1): name and value to the value shown outside, or None to leave the field out there."""

Protection = Literal["unprotected", "signed-only", "encrypted-only", "signed-and-encrypted"]


def hcp_baseline(name: str, value: str) -> str | None:
    """Section 3.2.1: the subject is obscured, the other fields that say what a message is about are left out."""
    if name.lower() == "subject":
        return "[...]"
    return None if name.lower() in ("comments", "keywords") else value


def hcp_no_confidentiality(name: str, value: str) -> str | None:
    """Section 3.2.3: nothing is hidden."""
    return value


@dataclass(frozen=True)
class Protected:
    """``inner``: fields for the payload's root, HP-Outer among them; ``outer``: fields for the unprotected header section; ``hp``: the
    parameter for the payload's root; ``legacy_display``: fields a program without header protection would not show rightly."""

    inner: tuple[tuple[str, str], ...]
    outer: tuple[tuple[str, str], ...]
    hp: Literal["cipher", "clear"]
    legacy_display: tuple[tuple[str, str], ...]


# RFC 9787 section 1.1.2; a field not named here is of no use to a reader.
_USER_FACING = ("subject", "from", "to", "cc", "date", "reply-to", "followup-to", "sender")


def protect(headers: Fields, *, encrypted: bool = True, policy: Policy = hcp_baseline) -> Protected:
    """Divide the header fields of a message (all but MIME-Version and Content-*, in order) for sending (section 5.2).

    Bcc is left out on both sides: inside, every recipient would read it (section 11.4). ValueError: a field that is made here.
    """
    inner: list[tuple[str, str]] = []
    outer: list[tuple[str, str]] = []
    for name, value in headers:
        if is_structural(name) or name.lower() == "hp-outer":
            raise ValueError(f"header field {name}: belongs to the MIME structure")
        if name.lower() in ("bcc", "resent-bcc"):
            continue
        inner.append((name, value))
        shown = policy(name, value) if encrypted else value
        if shown is not None:
            outer.append((name, shown))
    hidden = tuple(field for field in inner if field[0].lower() in _USER_FACING and field not in outer)
    # Section 2.2: HP-Outer records each field left outside, and only in an encrypted message.
    records = [("HP-Outer", f"{name}: {value}") for name, value in outer] if encrypted else []
    return Protected((*inner, *records), tuple(outer), "cipher" if encrypted else "clear", hidden)


@dataclass(frozen=True)
class ProtectedHeader:
    """One field of a message as it counts for the reader.

    ``field`` is its value unfolded but not decoded, ``outer_field`` what the unprotected header section says of this field, or None.
    ``repeated`` are the values of further fields of the same name, which RFC 5322 section 3.6 forbids for most and other programs may show.
    ``exposed_field`` is what its originator let stand outside, which others can't change: None for nothing. ``answerable``: False for a
    field that somebody added outside of a message with header protection. Addresses are read from the undecoded form: a decoded name
    may look like an address.
    """

    field: str
    protection: Protection
    outer_field: str | None
    repeated: tuple[str, ...]
    exposed_field: str | None
    answerable: bool

    @property
    def value(self) -> str:
        """The value for display."""
        return decode_words(self.field)

    @property
    def outer(self) -> str | None:
        """The value outside, for display."""
        return None if self.outer_field is None else decode_words(self.outer_field)

    @cached_property
    def addresses(self) -> tuple[Address, ...]:
        """The mailboxes of an address field."""
        return parse_addresses(self.field)

    @property
    def all_addresses(self) -> tuple[Address, ...]:
        """The mailboxes of this field and of repeated ones."""
        return (*self.addresses, *(address for field in self.repeated for address in parse_addresses(field)))

    @property
    def all_values(self) -> tuple[str, ...]:
        """The values for display of this field and of repeated ones."""
        return tuple(map(decode_words, (self.field, *self.repeated)))

    @cached_property
    def outer_addresses(self) -> tuple[Address, ...]:
        """The mailboxes the field has outside; section 4.4 wants a From that differs there to be pointed out."""
        return self.addresses if self.outer_field == self.field else parse_addresses(self.outer_field or "")


def protection_states(
    outer: Headers, payload: Entity, *, encrypted: bool, signed: bool
) -> Mapping[str, ProtectedHeader]:
    """Return the fields of a message by lower-case name (the first of each name), with the protection each of them had.

    ``payload`` is the entity inside all layers, ``outer`` the header section of the whole message; ``signed`` only if the signature was
    verified. With header protection (and a layer that gives it), fields that stand only outside are reported unprotected: section 6.2
    forbids to answer to them. Without it, the payload's fields don't count.
    """
    outside = _values(outer)
    protected = (encrypted or signed) and is_protected(payload)
    states = {
        name: ProtectedHeader(value, "unprotected", value, tuple(repeated), value, not protected)
        for name, (value, *repeated) in outside.items()
    }
    if not protected:
        return states
    root = message_root(payload)
    exposed = _exposed(outer, root, wrapped=root is not payload) if encrypted else None
    for name, (value, *repeated) in _values(root.headers).items():
        # Section 4.3.1: confidential is what was not recorded as shown outside, in this spelling.
        shown = [] if exposed is None else exposed.get(name, [])
        own = _spelt(value)
        confidential = exposed is not None and not any(_spelt(each) == own for each in shown)
        states[name] = ProtectedHeader(
            field=value,
            protection=_protection(signed, confidential),
            outer_field=next(iter(outside.get(name, ())), None),
            repeated=tuple(repeated),
            exposed_field=next(iter(shown), None) if confidential else value,
            answerable=True,
        )
    return states


def _protection(signed: bool, confidential: bool) -> Protection:
    if signed:
        return "signed-and-encrypted" if confidential else "signed-only"
    return "encrypted-only" if confidential else "unprotected"


def _exposed(outer: Headers, root: Entity, *, wrapped: bool) -> dict[str, list[str]] | None:
    """Return the values shown outside, as the originator recorded them, by lower-case name; None: nothing was meant to be confidential.

    The wrapped form has no record, so section 4.10.2 takes the header section as it arrived, which others may have changed.
    """
    if wrapped:
        return _values(outer)
    if root.parameters.get("hp", "").lower() == "clear":
        return None
    recorded: dict[str, list[str]] = {}
    for each in root.headers.get_all("HP-Outer"):
        name, _, value = each.partition(":")
        recorded.setdefault(name.strip().lower(), []).append(value.strip())
    return recorded


def _spelt(value: str) -> str:
    """As a value is compared: two that are folded or encoded differently are the same, so that nothing is called confidential that was shown."""
    return " ".join(decode_words(value).split())


def _values(headers: Headers) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for field in headers:
        if not is_structural(field.name) and field.name.lower() != "hp-outer":
            fields.setdefault(field.name.lower(), []).append(field.value)
    return fields


def is_protected(payload: Entity) -> bool:
    """Return whether the entity inside the cryptography carries header protection, in this form or in the one of RFC 8551."""
    return _states_protection(payload) or message_root(payload) is not payload


def _states_protection(entity: Entity) -> bool:
    return entity.parameters.get("hp", "").lower() in ("cipher", "clear")


_LAYERS = ("multipart/signed", "multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")


def message_root(payload: Entity) -> Entity:
    """Return the entity to display: ``payload``, or the message it wraps for header protection as RFC 8551 section 3.1 had it.

    Section 4.10.1: that form is a message/rfc822 whose message is no cryptographic layer, with no ``hp`` on either. Malformed.
    """
    if payload.content_type != "message/rfc822" or "hp" in payload.parameters:
        return payload
    wrapped = read_entity(payload.content)
    return payload if wrapped.content_type in _LAYERS or "hp" in wrapped.parameters else wrapped
