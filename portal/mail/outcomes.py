"""What became of a message, in a few words for its originator: never more than is known."""

from collections.abc import Sequence

from portal.mail.models import Outbound

FAILED = (Outbound.State.FAILED, Outbound.State.BOUNCED)


def headline(*, here: int, delivered_here: bool, ways: Sequence[Outbound]) -> str:
    """`here` is the number of recipients in this portal. "Sent" as long as some relay has said no more than that it took it."""
    total = here + len(ways)
    failed = sum(way.state in FAILED for way in ways)
    waiting = any(way.state == Outbound.State.WAITING for way in ways)
    if waiting or not delivered_here:
        return f"On its way, failed for {failed} of {total}" if failed else "On its way"
    if failed == total:
        return "Not delivered"
    word = "Sent" if any(way.state == Outbound.State.SENT for way in ways) else "Delivered"
    return f"{word} to {total - failed} of {total}" if failed else word
