"""A message has come by SMTP: may it be kept, and under which label? It is kept with its job and its event, or nothing is."""

import hashlib
from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from portal.accounts.models import User, random_id
from portal.audit.models import Outcome, Verb
from portal.audit.services import Actor, record
from portal.keys import intake, objects
from portal.keys import selectors as keys_selectors
from portal.keys.chunks import SealedSource
from portal.keys.models import PrivateKey
from portal.keys.sealing import context
from portal.mail import engine
from portal.mail.models import Arrival
from portal.mail.services.origins import origin_of
from portal.outbox import services as outbox
from portal.outbox.models import Precedence
from portal.policy.models import Label
from portal.policy.services import LabelRefused, received_label
from portal.stops import stop_here

PROGRAMS = ("mailer-daemon", "postmaster")  # that write delivery status notifications, with an empty reverse path
COPIES_SIZE = 2  # times SMTP_MAX_SIZE: what all envelopes of a message may have together


@dataclass(frozen=True)
class Arriving:
    """A message as SMTP has taken it: sealed in an object, its key only in memory. `recipients` are ids of users."""

    object_name: str
    key: bytes
    size: int
    digest: str
    sender: str
    peer: str
    recipients: tuple[str, ...]


@dataclass(frozen=True)
class NotKept:
    """Nothing is kept. `code` and `reason` (with its enhanced status code, RFC 3463) are SMTP's answer."""

    code: int
    reason: str


@dataclass(frozen=True)
class Mailbox:
    """Somebody's address here; `can_receive` is false as long as nothing can be encrypted for them."""

    user_id: str
    can_receive: bool


def mailbox_of(address: str) -> Mailbox | None:
    """Whose address this is; upper and lower case are the same. People who were disabled have none."""
    user = User.objects.filter(address=address.lower(), is_active=True).first()
    if user is None or user.joined_at is None:
        return None
    return Mailbox(user.id, user.id in keys_selectors.valid_certificates([user], PrivateKey.Purpose.ENCRYPTION))


def is_own(address: str) -> bool:
    """Whether an address is one of this portal's domain. Its people send from here, so nobody else has a reason to write as one of them."""
    return engine.lies_in(address, settings.MAIL_DOMAIN)


def sender_named(from_address: str, delivered_for: str, *, proven: bool) -> str:
    """Whom a mailbox names: an address, as for everybody outside, and never one of people here that nobody could verify."""
    return from_address if from_address and (proven or not is_own(from_address)) else delivered_for


def arrive(arriving: Arriving) -> NotKept | None:
    """Keeps the message, or says why not. The same one given again is kept once. Errors of the database go to the caller: nobody
    knows then whether it is kept, so it is not deleted; the sweeper does that if no row names it."""
    try:
        with objects.open_object(arriving.object_name) as file:
            seen = engine.look_at(SealedSource(file, arriving.key), trust=trust_outside(), now=timezone.now())
    except engine.Unacceptable as reason:
        return _not_kept(arriving, NotKept(554, f"5.6.0 {reason}"))
    if _in_our_name(arriving, seen):
        return _not_kept(arriving, NotKept(550, "5.7.1 It says it is from somebody of this portal, and they have not signed it."))
    if _copies(arriving, seen) * arriving.size > COPIES_SIZE * settings.SMTP_MAX_SIZE:
        return _not_kept(arriving, NotKept(552, "5.3.4 The message is too large for so many recipients whom neither To nor Cc names."))
    repeat_of = _repeat_of(arriving, seen)
    stop_here("arrive.stored")
    try:
        with transaction.atomic():
            label = _label(arriving, seen)
            if isinstance(label, Label) and not Arrival.objects.filter(repeat_of=repeat_of).exists():
                _keep(arriving, seen, label, repeat_of)
                stop_here("arrive.before-commit")
                return None
    except IntegrityError:  # the same message came over two connections at the same time
        if not Arrival.objects.filter(repeat_of=repeat_of).exists():
            raise
        label = None
    if isinstance(label, NotKept):
        return _not_kept(arriving, label)
    objects.delete(arriving.object_name)
    return None


def _copies(arriving: Arriving, seen: engine.Seen) -> int:
    """How many envelopes it takes: each with all of the message inside, so that one sender could fill the disk with a few of them."""
    if seen.kind == "encrypted":
        return 1
    addresses = set(User.objects.filter(id__in=arriving.recipients).values_list("address", flat=True))
    return len(addresses - seen.addressed) + bool(addresses & seen.addressed)


def _in_our_name(arriving: Arriving, seen: engine.Seen) -> bool:
    """Whether From says somebody of this portal, and no signature proves it. The operator's own relay may write notifications as a program."""
    own = {each.lower() for each in seen.unproven if is_own(each)}
    if not arriving.sender:
        own = {each for each in own if each.rpartition("@")[0] not in PROGRAMS or User.objects.filter(address=each).exists()}
    return bool(own)


def trust_outside() -> engine.Trust:
    """Whose word counts about people outside; about people here only the portal's own authority's does."""
    own, everybody = keys_selectors.anchors(), keys_selectors.vouching()
    return engine.Trust(own, [each for each in everybody.anchors if each not in own], settings.MAIL_DOMAIN, everybody.crls)


def _repeat_of(arriving: Arriving, seen: engine.Seen) -> str:
    """Who knows a message could send it first, from an origin whose label its recipients may not read: so the sender counts as well."""
    parts = (arriving.sender, seen.message_id, arriving.digest, *sorted(arriving.recipients))
    return hashlib.sha256(context("arrival", *parts)).hexdigest()


def _label(arriving: Arriving, seen: engine.Seen) -> Label | NotKept:
    """That of a verified signature whose policy is known here; otherwise what is configured for the origin."""
    if seen.label_der is not None:
        try:
            proven = received_label(seen.label_der)
        except LabelRefused:
            return NotKept(550, "5.7.1 The security label of this message is not valid here.")
        if proven is not None:
            return proven
    origin = origin_of(arriving.sender)
    if seen.kind == "encrypted":
        return _or_refused(origin and origin.provisional_label, "Encrypted mail without a security label outside is not accepted from here.")
    return _or_refused(origin and origin.label, "An unlabelled message is not accepted here.")


def _or_refused(label: Label | None, why_not: str) -> Label | NotKept:
    return label or NotKept(550, f"5.7.1 {why_not}")


def _keep(arriving: Arriving, seen: engine.Seen, label: Label, repeat_of: str) -> None:
    arrival = Arrival(
        id=random_id(),
        object_name=arriving.object_name,
        size=arriving.size,
        sender=arriving.sender[:320],
        peer=arriving.peer[:64],
        recipients=list(arriving.recipients),
        label=label,
        precedence=seen.precedence,
        repeat_of=repeat_of,
    )
    sealed = intake.seal(arriving.key, arrival_context(arrival.id))
    arrival.sealed_key, arrival.intake_key = sealed.blob, sealed.intake_key
    arrival.save(force_insert=True)
    outbox.enqueue(kind="accept", target=arrival.id, precedence=queued_as(arrival.precedence))
    record(
        verb=Verb.ACCEPTED,
        actor=outside_actor(arriving.peer),
        kind="message",
        id=arrival.id,
        label=label.marking,
        reason=seen.kind,
        correlation=arrival.id,
    )


def _not_kept(arriving: Arriving, refusal: NotKept) -> NotKept:
    with transaction.atomic():
        record(
            verb=Verb.ACCEPTED,
            actor=outside_actor(arriving.peer),
            kind="message",
            id="",
            outcome=Outcome.REFUSED,
            reason=refusal.reason,
        )
    objects.delete(arriving.object_name)
    return refusal


def queued_as(precedence: int) -> int:
    """How urgent mail from outside is in the queues: before ROUTINE, and never ahead of what is IMMEDIATE here, nor with the children kept for that.

    It is shown as its sender signed it. Whoever has a certificate that is trusted may write FLASH, as often as he likes.
    """
    return max(precedence, Precedence.PRIORITY)


def arrival_context(arrival_id: str) -> bytes:
    """What the key of an arrival is bound to."""
    return context("arrival-key", arrival_id)


def outside_actor(peer: str = "") -> Actor:
    """Somebody outside: who, nobody knows before a signature is verified."""
    return Actor(name="outside", role="outside", address=peer)
