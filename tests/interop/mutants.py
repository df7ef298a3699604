"""Mutants of real messages, made here and by OpenSSL: what of them is accepted here while ``openssl cms`` refuses it.

Run as a program: ``python -m tests.interop.mutants [COUNT [SEED]]`` prints counts, and each difference with OpenSSL's reason.
SEED chooses what is changed and how. Keys, nonces and signatures are new in each run, so the same seed changes other octets: what replays a
difference is the mutant in hexadecimal that is printed with it.
"""

import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from secmail import (
    OWN_CAPABILITIES,
    BytesSource,
    Recipient,
    SecmailError,
    der,
    enveloping,
    signing,
    unwrap,
)
from tests.interop.cases import OPENSSL_CIPHERS, OPENSSL_SIGNATURES
from tests.interop.messages import ENTITY, MOMENT, made, mail, structure
from tests.secmail.pki import EVERYBODY, NOW, certificate, decryption_key, pem, signing_key, trust

# Where OpenSSL refuses what is accepted here: its words, and why it is accepted. Nothing in a recipient info is authenticated: the key it
# gives opens the content or does not
EXPLAINED = {
    r"Field=recipientInfos": "a recipient info that is not well-formed: only those that name the recipient are read here, for there may be thousands",
    r"invalid curve|oct2point:invalid encoding": "the originator's key names another curve than the recipient's, on which alone it is tried here",
    r"(too large|too small|zero content|wrong tag).*(\n.*)?Field=version": "versions are not looked at, because programs write wrong ones",
    r"\AError decrypting CMS structure\s*\Z": "the recipient's info is there twice: the first is taken here, OpenSSL fails and does not say why",
    r"(?s)CMS_SignerInfo_verify:verification failure": "signed attributes out of order: RFC 5652 section 5.4 has their DER encoding signed, in which they are sorted",
}


@dataclass(frozen=True)
class Specimen:
    """A message as a CMS structure, and for whom: a signer's name, or a recipient's."""

    kind: str
    name: str
    origin: str
    encoded: bytes

    @cached_property
    def tree(self) -> "Node":
        return Node.read(der.definite(self.encoded)[0])


@dataclass
class Node:
    """An element that can be changed: its tag, and its members or its octets."""

    tag: int
    members: list["Node"]
    content: bytes

    @classmethod
    def read(cls, encoded: bytes) -> "Node":
        element = der.Reader(encoded).element()
        if not element.tag & der.CONSTRUCTED:
            return cls(element.tag, [], element.content)
        return cls(element.tag, [cls.read(each.der) for each in element.inside()], b"")

    def encoded(self) -> bytes:
        return der.tlv(self.tag, *(each.encoded() for each in self.members), self.content)

    def walk(self) -> Iterator["Node"]:
        yield self
        for each in self.members:
            yield from each.walk()


class Range:
    """A folder of keys, and the two programs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("root", "ca", *EVERYBODY):
            (folder / f"{name}.pem").write_bytes(pem(name))

    def openssl(self, *arguments: str, data: bytes) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["openssl", "cms", *arguments], input=data, cwd=self._folder, capture_output=True, check=False)

    def specimens(self) -> list[Specimen]:
        found = []
        for options in OPENSSL_SIGNATURES.values():
            if not isinstance(options, tuple):
                continue
            name, *rest = options
            for form in ([], ["-noattr"], ["-keyid"]):
                who = ["-signer", f"{name}.pem", "-certfile", "ca.pem", "-nodetach", "-binary", "-outform", "DER", *rest, *form]
                done = self.openssl("-sign", *who, data=ENTITY)
                if done.returncode == 0:
                    found.append(Specimen("signed", name, "openssl", done.stdout))
        for option in OPENSSL_CIPHERS.values():
            if not isinstance(option, str):
                continue
            for name in EVERYBODY:
                done = self.openssl("-encrypt", option, "-binary", "-outform", "DER", "-recip", f"{name}.pem", data=ENTITY)
                found.append(Specimen("enveloped", name, "openssl", done.stdout))
        for name in EVERYBODY:
            options = {"signer": signing_key(name), "certificates": [certificate("ca")], "now": NOW}
            found.append(Specimen("signed", name, "here", structure(made(lambda sink, o=options: signing(sink, **o)))))
            for how in ("gcm", "cbc"):
                to = {"recipients": [Recipient(certificate(each), OWN_CAPABILITIES) for each in EVERYBODY], "content_encryption": how}
                found.append(Specimen("enveloped", name, "here", structure(made(lambda sink, o=to: enveloping(sink, **o)))))
        return [each for each in found if each.encoded]

    def accepted_there(self, specimen: Specimen, mutant: bytes) -> tuple[bool, bytes, str]:
        """(whether ``openssl cms`` accepts it, the content, its words)."""
        if specimen.kind == "signed":
            how = ["-verify", "-CAfile", "root.pem", *MOMENT]
        else:
            how = ["-decrypt", "-recip", f"{specimen.name}.pem"]
        done = self.openssl(*how, "-binary", "-inform", "DER", data=mutant)
        return done.returncode == 0, done.stdout, done.stderr.decode()


def accepted_here(specimen: Specimen, mutant: bytes) -> bytes | None:
    """The content; None if the mutant is refused."""
    keys = [decryption_key(specimen.name)] if specimen.kind == "enveloped" else []
    try:
        result = unwrap(BytesSource(mail(mutant, f"{specimen.name}@example.org")), keys=keys, trust=trust(), now=NOW)
        if specimen.kind == "signed":
            result.require_verified()
        elif not result.is_encrypted:
            return None  # what is no envelope any more has no secret
        return None if result.content is None else result.content.open().read()
    except SecmailError:
        return None


# Changing


def mutants(specimens: list[Specimen], seed: int) -> Iterator[tuple[Specimen, str, bytes]]:
    """Without end."""
    chance = random.Random(seed)
    while True:
        specimen = chance.choice(specimens)
        change = chance.choice([*BYTES, *ELEMENTS])
        mutant = BYTES[change](specimen.encoded, chance) if change in BYTES else _changed(specimen, ELEMENTS[change], specimens, chance)
        if mutant != specimen.encoded:
            yield specimen, change, mutant


def _flip(data, chance):
    position = chance.randrange(len(data))
    return data[:position] + bytes((data[position] ^ 1 << chance.randrange(8),)) + data[position + 1 :]


def _insert(data, chance):
    position = chance.randrange(len(data) + 1)
    return data[:position] + chance.randbytes(chance.choice([1, 1, 2, 4])) + data[position:]


def _delete(data, chance):
    position = chance.randrange(len(data))
    return data[:position] + data[position + chance.choice([1, 1, 2, 4]) :]


def _repeat(data, chance):
    start = chance.randrange(len(data))
    end = start + chance.randrange(1, 64)
    return data[:end] + data[start:]


BYTES = {"bit flipped": _flip, "bytes inserted": _insert, "bytes deleted": _delete, "bytes repeated": _repeat}


def _changed(specimen, change, specimens, chance) -> bytes:
    """A change to one element, after which all lengths are right again."""
    tree = Node.read(specimen.tree.encoded())
    parents = [each for each in tree.walk() if each.members]
    parent = chance.choice(parents)
    change(parent, chance.randrange(len(parent.members)), specimens, chance)
    return tree.encoded()


def _removed(parent, index, specimens, chance):
    del parent.members[index]


def _doubled(parent, index, specimens, chance):
    parent.members.insert(chance.randrange(len(parent.members) + 1), parent.members[index])


def _swapped(parent, index, specimens, chance):
    other = chance.randrange(len(parent.members))
    parent.members[index], parent.members[other] = parent.members[other], parent.members[index]


def _retagged(parent, index, specimens, chance):
    member = parent.members[index]
    parent.members[index] = Node(chance.choice([member.tag ^ 1 << chance.randrange(8), *range(1, 7), 0x30, 0x31, 0xA0, 0x80]), member.members, member.content)


def _resized(parent, index, specimens, chance):
    encoded = bytearray(parent.members[index].encoded())
    encoded[1] = (encoded[1] + chance.choice([-1, 1, 2])) % 256
    parent.members, parent.content = [], b"".join(each.encoded() for each in parent.members[:index]) + bytes(encoded)


def _foreign(parent, index, specimens, chance):
    donor = chance.choice([each for each in chance.choice(specimens).tree.walk() if each.tag == parent.members[index].tag] or [parent.members[index]])
    parent.members[index] = donor


def _emptied(parent, index, specimens, chance):
    parent.members[index] = Node(parent.members[index].tag, [], b"")


def _identified(parent, index, specimens, chance):
    """Another object identifier, from any of the specimens."""
    oids = [each for each in chance.choice(specimens).tree.walk() if each.tag == der.OBJECT_IDENTIFIER]
    mine = [each for each in parent.walk() if each.tag == der.OBJECT_IDENTIFIER]
    if mine and oids:
        chance.choice(mine).content = chance.choice(oids).content


ELEMENTS = {
    "element removed": _removed,
    "element doubled": _doubled,
    "elements swapped": _swapped,
    "tag changed": _retagged,
    "length changed": _resized,
    "element of another message": _foreign,
    "element emptied": _emptied,
    "object identifier changed": _identified,
}


# Judging


@dataclass(frozen=True)
class Difference:
    specimen: Specimen
    change: str
    mutant: bytes
    words: str
    content: bytes

    @property
    def explanation(self) -> str | None:
        if self.specimen.kind == "enveloped" and self.content != ENTITY:
            # RFC 3218 section 2.3: a random key stands in for one that can't be had, so that all failures look alike
            return "encrypted without authentication: with a wrong key, once in 256 times the padding looks right; called unauthenticated"
        return next((why for pattern, why in EXPLAINED.items() if re.search(pattern, self.words)), None)


def compare(count: int, seed: int, folder: Path) -> tuple[Counter[str], list[Difference]]:
    """(how many were tried, accepted here and accepted by both, those that only this engine accepts or reads otherwise)."""
    place, counts, differences = Range(folder), Counter(), []
    specimens = place.specimens()
    counts["messages"] = len(specimens)
    for specimen, change, mutant in mutants(specimens, seed):
        if counts["mutants"] == count:
            return counts, differences
        counts["mutants"] += 1
        content = accepted_here(specimen, mutant)
        if content is None:
            continue
        counts["accepted here"] += 1
        accepted, output, words = place.accepted_there(specimen, mutant)
        if accepted and output == content:
            counts["accepted by both"] += 1
        else:
            differences.append(Difference(specimen, change, mutant, words if not accepted else "another content", content))
    raise AssertionError("mutants never end")


def main(count: int = 5_000, seed: int = 1) -> int:
    with tempfile.TemporaryDirectory() as folder:
        counts, differences = compare(count, seed, Path(folder))
    print(", ".join(f"{number} {what}" for what, number in counts.items()))
    for why, number in Counter(each.explanation for each in differences).items():
        print(f"{number} accepted here only: {why or 'UNEXPLAINED'}")
    unexplained = [each for each in differences if each.explanation is None]
    for each in unexplained:
        print(f"{each.specimen.kind} {each.specimen.name} by {each.specimen.origin}, {each.change}: {each.words.strip()}\n{each.mutant.hex()}")
    return bool(unexplained)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
