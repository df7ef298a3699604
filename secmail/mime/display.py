"""What a page shows of a message: its texts in order, and the rest as attachments."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from secmail.mime.read import Entity
from secmail.mime.text import decode_text
from secmail.streams import Source

# RFC 9788 section 2.1.2: "The only defined value for this parameter is 1"
LEGACY_DISPLAY, LEGACY_DISPLAY_VALUE = "hp-legacy-display", "1"
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


def display(entity: Entity, *, encrypted: bool) -> Display:
    """Sort an entity (see ``message_root``) into texts and attachments. Malformed: beyond the limits of ``Entity.parts``.

    ``encrypted``: whether it came out of a layer of encryption. Only then are header fields left out that a text repeats for old programs
    (RFC 9788 section 4.5.3.1), because ``hp="cipher"`` may not be mistaken for such a layer (section 2.1.1).
    """
    hidden = encrypted and entity.parameters.get("hp", "").lower() == "cipher"
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
            legacy_display=hidden and entity.parameters.get(LEGACY_DISPLAY) == LEGACY_DISPLAY_VALUE,
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


# Without "<" in a tag, so that nothing is ever tried twice; a tag that has one inside quotes is not taken for one.
_DIV = re.compile(r"<!--|<(?P<end>/?)div(?=[\s/>])(?P<attributes>[^<>]*)>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([^\s"'/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"']+)))?""")


def _without_legacy_html(text: str) -> str:
    """RFC 9788 section 4.5.3.3: each div of this class, with whatever is inside (section 5.2.3 has "no strict requirements" for that)."""
    kept, shown_from, depth, position = [], 0, 0, 0
    while tag := _DIV.search(text, position):
        position = tag.end()
        if tag.group() == "<!--":
            position = text.find("-->", position)
            if position < 0:
                break
        elif depth:
            depth += -1 if tag["end"] else 1
            if not depth:
                shown_from = position
        elif not tag["end"] and _has_legacy_class(tag["attributes"]):
            kept.append(text[shown_from : tag.start()])
            shown_from, depth = tag.start(), 1  # and shown after all if it never ends
    return "".join([*kept, text[shown_from:]])


def _has_legacy_class(attributes: str) -> bool:
    values = ("".join(map(str, filter(None, values))) for name, *values in _ATTRIBUTE.findall(attributes) if name.lower() == "class")
    return _LEGACY_CLASS in next(values, "").split()
