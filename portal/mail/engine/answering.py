"""What an answer or a forward starts from."""

from dataclasses import replace

from portal.mail.content import DraftContent
from portal.mail.engine.showing import Shown


def answer(shown: Shown, how: str, *, own_address: str) -> DraftContent:
    """The draft that answers one or all, or forwards. Bcc is never carried over; own addresses are left out."""
    others = [each for each in dict.fromkeys(shown.to_addresses) if each.casefold() != own_address.casefold()]
    content = DraftContent(
        subject=_prefixed("Fwd" if how == "forward" else "Re", shown.subject),
        text=_forwarded(shown) if how == "forward" else _quoted(shown),
        in_reply_to=shown.message_id,
        references=[each for each in (*shown.references, shown.message_id) if each][-20:],
    )
    if how == "forward":
        return replace(content, in_reply_to="", references=[])
    # To one's own message: to those it went to, not to oneself.
    to_self = shown.from_address.casefold() == own_address.casefold()
    to = others if to_self else [shown.from_address]
    cc = [each for each in others if each not in to] if how == "all" else []
    return replace(content, to=", ".join(to), cc=", ".join(cc))


def _prefixed(prefix: str, subject: str) -> str:
    return subject if subject.casefold().startswith(f"{prefix.casefold()}:") else f"{prefix}: {subject}"


def _quoted(shown: Shown) -> str:
    quoted = "\n".join(f"> {line}".rstrip() for line in shown.text.splitlines())
    return f"\n\nOn {shown.date}, {shown.from_name or shown.from_address} wrote:\n{quoted}\n"


def _forwarded(shown: Shown) -> str:
    lines = [
        "-------- Forwarded --------",
        f"From: {shown.from_name} <{shown.from_address}>",
        f"Date: {shown.date}",
        f"To: {', '.join(shown.to)}",
        f"Subject: {shown.subject}",
        "",
        shown.text,
    ]
    return "\n\n" + "\n".join(lines)
