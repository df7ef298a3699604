"""What a page shows of a message: its texts in order, and the rest as attachments."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from secmail.mime.read import Entity
from secmail.mime.text import decode_text
from secmail.streams import Source

# RFC 9788 section 2.1.2; it counts in an encrypted payload only, where section 4.5.3 has it hidden.
LEGACY_DISPLAY = "hp-legacy-display"
_LEGACY_CLASS = "header-protection-legacy-display"


@dataclass(frozen=True)
class TextPart:
    """A text to read. ``content``: its octets; ``charset`` as the message names it (unnamed: UTF-8, which includes ASCII); ``size``: octets, about, or None."""

    content: Source
    charset: str
    size: int | None
    html: bool
    legacy_display: bool

    def text(self, limit: int) -> str:
        """Return the text of at most ``limit`` octets, without the header fields repeated for old programs. Malformed, Unsupported."""
        with self.content.open() as stream:
            text = decode_text(stream.read(limit), self.charset)
        if not self.legacy_display:
            return text
        return _without_legacy_html(text) if self.html else _without_legacy_lines(text)


@dataclass(frozen=True)
class Body:
    """One thing to read; if it comes in both forms, they are alternatives of each other."""

    plain: TextPart | None = None
    html: TextPart | None = None


@dataclass(frozen=True)
class AttachedPart:
    """A part to save. ``name`` is safe to show and never empty; ``size``: octets, about, or None. It is a source of its content."""

    name: str
    content_type: str
    size: int | None
    content_id: str | None
    inline: bool
    content: Source

    def open(self) -> BinaryIO:
        """Open the content, decoded. Malformed while reading, or Unsupported."""
        return self.content.open()


@dataclass(frozen=True)
class Display:
    """A message as a page shows it."""

    bodies: tuple[Body, ...]
    attachments: tuple[AttachedPart, ...]


def display(entity: Entity) -> Display:
    """Sort an entity (see ``message_root``) into texts and attachments. Malformed: beyond the limits of ``Entity.parts``."""
    hidden = entity.parameters.get("hp", "").lower() == "cipher"
    bodies: list[Body] = []
    attached: list[Entity] = []
    for found in _walk(entity, hidden):
        if isinstance(found, Body):
            bodies.append(found)
        else:
            attached.append(found)
    return Display(tuple(bodies), tuple(_attached(part, number) for number, part in enumerate(attached, 1)))


def _walk(entity: Entity, hidden: bool) -> Iterator[Body | Entity]:
    if entity.content_type == "multipart/alternative":
        yield from _alternatives(entity, hidden)
    elif entity.is_multipart:
        for part in entity.parts():
            yield from _walk(part, hidden)
    elif (
        entity.disposition == "attachment" or entity.content_type not in ("text/plain", "text/html") or entity.filename
    ):
        yield entity
    else:
        html = entity.content_type == "text/html"
        text = TextPart(
            content=entity.content,
            charset=entity.parameters.get("charset", "utf-8"),
            size=entity.size,
            html=html,
            legacy_display=hidden and LEGACY_DISPLAY in entity.parameters,
        )
        yield Body(html=text) if html else Body(plain=text)


def _alternatives(entity: Entity, hidden: bool) -> Iterator[Body | Entity]:
    """RFC 2046 section 5.1.4: "the best or preferred representation" comes last; here that of each form, as one body.

    Some programs put several pages with files between them beside one plain text: the text then goes with the first page.
    """
    plain: list[Body] = []
    rich: list[Body] = []
    others: list[Entity] = []
    for part in entity.parts():
        found = list(_walk(part, hidden))
        others += [each for each in found if isinstance(each, Entity)]
        bodies = [each for each in found if isinstance(each, Body)]
        if any(body.html for body in bodies):
            rich = bodies
        else:
            plain = bodies or plain
    if len(plain) == 1:
        for number, body in enumerate(rich):
            if body.html:
                rich[number] = Body(body.plain or plain[0].plain, body.html)
                break
    yield from rich or plain
    yield from others


def _attached(part: Entity, number: int) -> AttachedPart:
    return AttachedPart(
        name=part.filename or f"part-{number}" + _EXTENSIONS.get(part.content_type, ""),
        content_type=part.content_type,
        size=part.size,
        content_id=part.content_id,
        inline=part.disposition == "inline",
        content=part.content,
    )


_EXTENSIONS = {"message/rfc822": ".eml", "text/plain": ".txt", "text/html": ".html", "application/pdf": ".pdf"}

_EMPTY_LINE = re.compile(r"^\r?\n", re.MULTILINE)


def _without_legacy_lines(text: str) -> str:
    # RFC 9788 section 4.5.3.2: everything up to and including the first empty line.
    match = _EMPTY_LINE.search(text)
    return text[match.end() :] if match else text


def _without_legacy_html(text: str) -> str:
    # RFC 9788 section 4.5.3.3: the div of this class; its form is fixed, a <pre> inside and no further div.
    found = text.find(_LEGACY_CLASS)
    start, end = text.rfind("<div", 0, max(found, 0)), text.find("</div>", found)
    if found < 0 or start < 0 or end < 0 or ">" in text[start:found]:
        return text
    return text[:start] + text[end + len("</div>") :]
