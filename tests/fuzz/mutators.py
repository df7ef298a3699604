"""Changing an input so that most mutants still get past the first parser; which way depends on the target's kind."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from random import Random

import tlv

Scramble = tlv.Scramble
INTERESTING = (b"\0", b"\xff", b"\r\n", b"=?utf-8?q?", b"?=", b'"', b"\\", b"(", b"<", b"@", b";", b"*0*=", b"%", b"--", b"\xed\xa0\x80", "ü".encode())


def scrambler(random: Random) -> Scramble:
    """Changes of octets, where libFuzzer's own are not at hand."""

    def scramble(data: bytes) -> bytes:
        changed = bytearray(data)
        position = random.randrange(len(changed) + 1)
        end = min(len(changed), position + random.choice((0, 1, 2, 8, 64)))
        choice = random.randrange(6)
        if choice == 0 and position < len(changed):
            changed[position] ^= 1 << random.randrange(8)
        elif choice == 1:
            changed[position:end] = random.randbytes(end - position)
        elif choice == 2:
            del changed[position:end]
        elif choice == 3:
            changed[position:position] = random.choice(INTERESTING) * random.choice((1, 1, 1, 3, 50))
        elif choice == 4:
            changed[position:position] = changed[position:end] * random.choice((1, 2, 30))
        else:
            changed[position:end] = random.choice(INTERESTING)
        return bytes(changed)

    return scramble


def of(kind: str, data: bytes, random: Random, scramble: Scramble, donors: Sequence[bytes] = ()) -> bytes:
    """A mutant of an input: the first octet chooses among variants, the rest is what the target reads."""
    variant, content = data[:1] or b"\0", data[1:]
    if random.random() < 0.1:
        return bytes((random.randrange(64),)) + content
    if random.random() < 0.1:
        return variant + scramble(content)
    others = [each[1:] for each in donors]
    return variant + KINDS[kind](content, random, scramble, others)


def _octets(data: bytes, random: Random, scramble: Scramble, donors: Sequence[bytes]) -> bytes:
    return scramble(data)


_BASE64 = re.compile(rb"\r?\n\r?\n([A-Za-z0-9+/\r\n]{60,}={0,2}[\r\n]*)")


def _mime(data: bytes, random: Random, scramble: Scramble, donors: Sequence[bytes]) -> bytes:
    """Lines are dropped, doubled, moved and changed; what base64 holds is changed as a tree."""
    bodies = list(_BASE64.finditer(data))
    if bodies and random.random() < 0.5:
        body = random.choice(bodies)
        try:
            inside = base64.b64decode(body[1])
        except binascii.Error:
            return scramble(data)
        change = _mime if inside[:8] == b"Content-" else tlv.mutate
        return data[: body.start(1)] + base64.encodebytes(change(inside, random, scramble, ())) + data[body.end(1) :]
    lines = data.split(b"\n")
    index, other = random.randrange(len(lines)), random.randrange(len(lines))
    donor = random.choice(donors).split(b"\n") if donors else lines
    choice = random.randrange(8)
    if choice == 0:
        del lines[index]
    elif choice == 1:
        lines[index:index] = [lines[index]] * random.choice((1, 2, 1100))
    elif choice == 2:
        lines[index], lines[other] = lines[other], lines[index]
    elif choice == 3:
        lines.insert(index, random.choice(donor))
    elif choice == 4:
        start = random.randrange(len(donor))
        lines[index:index] = donor[start : start + random.randrange(1, 12)]
    elif choice == 5:
        lines[index] = b" " + lines[index]
    else:
        lines[index] = scramble(lines[index])
    return b"\n".join(lines)




def _xml(data: bytes, random: Random, scramble: Scramble, donors: Sequence[bytes]) -> bytes:
    """Attribute values and whole tags are changed and exchanged."""
    quoted = [match.span() for match in re.finditer(rb'"[^"]*"', data)]
    tags = [match.span() for match in re.finditer(rb"<[^>]*>", data)]
    choice = random.randrange(5)
    if choice < 2 and quoted:
        (start, end), (other, until) = random.choice(quoted), random.choice(quoted)
        return data[:start] + data[other:until] + data[end:]
    if choice == 2 and quoted:
        start, end = random.choice(quoted)
        return data[: start + 1] + scramble(data[start + 1 : end - 1]).replace(b'"', b"") + data[end - 1 :]
    if tags:
        (start, end), (other, until) = random.choice(tags), random.choice(tags)
        return data[:start] + (data[other:until] if choice == 3 else b"") + data[end:]
    return scramble(data)


KINDS: dict[str, Callable[[bytes, Random, Scramble, Sequence[bytes]], bytes]] = {
    "ber": tlv.mutate,
    "mime": _mime,
    "xml": _xml,
    "text": _octets,
}
