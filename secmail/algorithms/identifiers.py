"""AlgorithmIdentifier, and how a table of algorithms is asked for one."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from secmail import der
from secmail.errors import Unsupported

USUAL = 64  # octets of an algorithm identifier, but for the few that have long parameters

Row = TypeVar("Row")


def lookup(table: Mapping[str, Row], oid: str, what: str) -> Row:
    """The row of an OID; Unsupported, with the OID, if there is none."""
    try:
        return table[oid]
    except KeyError:
        raise Unsupported(f"{what} {oid} is not supported") from None


@dataclass(frozen=True)
class AlgorithmIdentifier:
    """An OID with its parameters as encoded, ``b""`` where they are absent."""

    oid: str
    parameters: bytes = b""

    @classmethod
    def read(cls, reader: der.Reader) -> "AlgorithmIdentifier":
        """Read the next member of ``reader``."""
        return cls.from_element(reader.element(der.SEQUENCE))

    @classmethod
    def from_element(cls, element: der.Element) -> "AlgorithmIdentifier":
        return _read(element.content)

    @cached_property
    def der(self) -> bytes:
        return der.sequence(der.oid(self.oid), self.parameters)

    def same_as(self, other: "AlgorithmIdentifier") -> bool:
        """Equal, absent and NULL parameters being the same: signers do not agree with themselves about it."""
        return self.oid == other.oid and self.parameters.removeprefix(NULL) == other.parameters.removeprefix(NULL)


@der.remembering(USUAL)
def _read(content: bytes) -> AlgorithmIdentifier:
    members = der.Reader(content)
    oid, parameters = members.oid(), members.rest()
    if parameters:
        members.element()
        members.end()
    return AlgorithmIdentifier(oid, parameters)


NULL = der.tlv(der.NULL)
