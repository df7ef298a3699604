"""Mutating BER as a tree: members are dropped, doubled, swapped and changed, and every length around them is put right again.

Without that, nearly every mutant would die at a length octet. What an octet string or bit string encapsulates is part of the tree.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random

from secmail import der
from secmail.algorithms import (
    CONTENT_ENCRYPTIONS,
    DIGESTS,
    KEY_AGREEMENTS,
    KEY_ENCAPSULATIONS,
    KEY_TRANSPORTS,
    KEY_WRAPS,
    OUR_CAPABILITIES,
)
from secmail.algorithms.signatures import SIGNATURES
from secmail.cms.attributes import PLACES
from secmail.errors import Malformed

MAX_NODES, DEPTH = 4_000, 30
LONGEST = 50_000  # octets that one change may add
OIDS = [
    *CONTENT_ENCRYPTIONS, *DIGESTS, *KEY_AGREEMENTS, *KEY_ENCAPSULATIONS, *KEY_TRANSPORTS, *KEY_WRAPS, *SIGNATURES, *PLACES,
    *(each.oid for each in OUR_CAPABILITIES), "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.1",
    "2.5.29.15", "2.5.29.17", "2.5.29.30", "2.5.29.32", "2.5.29.36", "2.5.29.54", "2.5.29.32.0", "2.5.4.55", "2.5.1.5.55",
    "2.16.840.1.101.2.1.8.1", "2.16.840.1.101.2.1.8.2", *(f"2.16.840.1.101.2.1.8.3.{number}" for number in range(5)),
    "1.3.6.1.5.5.7.1.21", "1.2.840.113549.1.5.12", "1.2.840.113549.1.9.1", "1.3.6.1.5.5.7.8.9",
]  # fmt: skip
TAGS = (*range(1, 31), *range(0x30, 0x32), *range(0x80, 0x8A), *range(0xA0, 0xAA), 0x24, 0x1F, 0x3F, 0)
NUMBERS = (0, 1, -1, 2, 3, 127, 128, 255, 256, 257, 65_536, 2**31, 2**32, 2**63, 2**64, -(2**63), 2**512)
Scramble = Callable[[bytes], bytes]


@dataclass
class Node:
    """One element. ``children`` of an octet or bit string are what it encapsulates, after ``lead``."""

    tag: int
    content: bytes = b""
    children: "list[Node] | None" = None
    lead: bytes = b""
    indefinite: bool = False
    spoiled_length: int = field(default=0)

    def encode(self) -> bytes:
        content = self.content if self.children is None else self.lead + b"".join(each.encode() for each in self.children)
        if self.indefinite and self.tag & der.CONSTRUCTED:
            return bytes((self.tag, 0x80)) + content + b"\0\0"
        return bytes((self.tag,)) + der.length(max(0, len(content) + self.spoiled_length)) + content


def parse(data: bytes) -> list[Node] | None:
    """The elements that ``data`` consists of; None if it is not BER, or nested very deep."""
    try:
        return _all(data, 0)
    except Malformed:
        return None


def _all(data: bytes, depth: int) -> list[Node]:
    nodes, position = [], 0
    while position < len(data):
        node, position = _node(data, position, depth)
        nodes.append(node)
    return nodes


def _node(data: bytes, position: int, depth: int) -> tuple[Node, int]:
    tag, start, end = der.header(data, position, len(data))
    if depth > DEPTH:
        raise Malformed("too deep to be changed inside")
    if end == der.INDEFINITE:
        children, position = [], start
        while data[position : position + 2] != b"\0\0":
            node, position = _node(data, position, depth + 1)
            children.append(node)
        return Node(tag, children=children, indefinite=True), position + 2
    content = data[start:end]
    lead = content[:1] if tag == der.BIT_STRING else b""
    inside = content[len(lead) :]
    if tag & der.CONSTRUCTED or (tag in (der.OCTET_STRING, der.BIT_STRING) and inside[:1] in (b"\x30", b"\x31", b"\x04", b"\x03")):
        with suppress(Malformed):
            return Node(tag, children=_all(inside, depth + 1), lead=lead), end
    return Node(tag, content), end


def mutate(data: bytes, random: Random, scramble: Scramble, donors: Sequence[bytes] = ()) -> bytes:
    """One to three changes to the tree, or (where there is none) to the octets."""
    nodes = parse(data)
    if not nodes:
        return scramble(data)
    donated = (parse(random.choice(donors)) if donors and random.random() < 0.3 else None) or nodes
    root = Node(der.SEQUENCE, children=nodes)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        places = _places(root)
        if not places:
            break
        siblings, index = random.choice(places)
        random.choice(CHANGES)(siblings, index, random, scramble, donated)
    return b"".join(each.encode() for each in root.children or ())


def _places(root: Node) -> list[tuple[list[Node], int]]:
    found, waiting = [], [root]
    while waiting and len(found) < MAX_NODES:
        node = waiting.pop()
        if node.children is not None:
            found += [(node.children, index) for index in range(len(node.children))]
            waiting += node.children
    return found


# Changes. All take: the siblings, which of them, the source of chance, what changes octets, elements to take from


def _drop(siblings, index, random, scramble, donated):
    del siblings[index]


def _double(siblings, index, random, scramble, donated):
    times = random.choice((1, 1, 1, 2, 16, 65, 300))
    if times * len(siblings[index].encode()) < LONGEST:
        siblings[index:index] = [siblings[index]] * times


def _swap(siblings, index, random, scramble, donated):
    other = random.randrange(len(siblings))
    siblings[index], siblings[other] = siblings[other], siblings[index]


def _replace(siblings, index, random, scramble, donated):
    siblings[index] = _taken(donated, random) or siblings[index]


def _insert(siblings, index, random, scramble, donated):
    siblings.insert(index, _taken(donated, random) or siblings[index])


def _taken(donated: list[Node], random: Random) -> Node | None:
    """A copy: an element inside itself would never end."""
    places = _places(Node(der.SEQUENCE, children=donated))
    if not places:
        return None
    siblings, index = random.choice(places)
    return deepcopy(siblings[index])


def _retag(siblings, index, random, scramble, donated):
    old = siblings[index]
    siblings[index] = Node(random.choice(TAGS), old.content, old.children, old.lead)


def _scramble(siblings, index, random, scramble, donated):
    old = siblings[index]
    if old.children is None:
        siblings[index] = Node(old.tag, scramble(old.content))
    else:
        _drop_inside(old, random)


def _drop_inside(node: Node, random: Random) -> None:
    if node.children:
        node.children.pop(random.randrange(len(node.children)))


def _known_oid(siblings, index, random, scramble, donated):
    siblings[index] = Node(der.OBJECT_IDENTIFIER, der.oid(random.choice(OIDS))[2:])


def _number(siblings, index, random, scramble, donated):
    siblings[index] = Node(der.INTEGER, der.integer(random.choice(NUMBERS))[2:])


def _empty(siblings, index, random, scramble, donated):
    siblings[index] = Node(siblings[index].tag)


def _enclose(siblings, index, random, scramble, donated):
    siblings[index] = Node(random.choice((0x30, 0x31, 0xA0, 0xA1, 0xA2, 0x24, 0x04)), children=[siblings[index]])


def _open_up(siblings, index, random, scramble, donated):
    if siblings[index].children:
        siblings[index : index + 1] = siblings[index].children


def _indefinite(siblings, index, random, scramble, donated):
    siblings[index].indefinite = not siblings[index].indefinite


def _in_pieces(siblings, index, random, scramble, donated):
    node = siblings[index]
    if not node.tag & der.CONSTRUCTED and len(node.content) > 1:
        cut = random.randrange(1, len(node.content))
        pieces = [Node(der.OCTET_STRING, node.content[:cut]), Node(der.OCTET_STRING, node.content[cut:])]
        siblings[index] = Node(node.tag | der.CONSTRUCTED, children=pieces, indefinite=random.random() < 0.5)


def _grow(siblings, index, random, scramble, donated):
    node = siblings[index]
    if node.children is None and len(node.content) < 65_536:
        siblings[index] = Node(node.tag, (node.content or b"\x41") * random.choice((2, 16, 100)))


def _spoil_length(siblings, index, random, scramble, donated):
    siblings[index].spoiled_length = random.choice((-1, 1, 2, 100, 70_000, 2**31))


CHANGES = (
    _drop, _drop, _double, _double, _swap, _replace, _replace, _replace, _insert, _insert, _retag, _scramble, _scramble, _scramble,
    _scramble, _scramble, _known_oid, _known_oid, _number, _empty, _enclose, _open_up, _indefinite, _in_pieces, _grow, _spoil_length,
)  # fmt: skip
