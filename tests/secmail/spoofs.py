"""Messages that pretend: what a spoof is, and the parts they are made of. The families are in ``spoofs_*.py``."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field

from forge import CONTENT, Forged, signed_data
from layered import header, mime
from pki import NOW

from secmail import der
from secmail.algorithms import SHA256
from secmail.cms.attributes import CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME

NOT_VERIFIED, UNSIGNED, MALFORMED, UNSUPPORTED, SEALED = "not-verified", "unsigned", "malformed", "unsupported", "undecryptable"
VERIFIED = "verified"  # of a message whose lie is not believed: it names its real signer, or proves content that is not the liar's
PAID = b"Content-Type: text/plain\r\n\r\nPay eve\r\n"


@dataclass(frozen=True)
class Spoof:
    """``rule``: why it is not believed. ``outcome``: what ``open`` says; ``told``: members of its JSON object, by dotted path."""

    rule: str
    outcome: str
    build: Callable[[], bytes]
    told: dict[str, object] = field(default_factory=dict)


class Family:
    """Collects spoofs: each is a function under ``spoof``, or an entry of ``add``."""

    def __init__(self) -> None:
        self.spoofs: dict[str, Spoof] = {}

    def add(self, name: str, rule: str, outcome: str, build: Callable[[], bytes], **told: object) -> None:
        assert name not in self.spoofs
        self.spoofs[name] = Spoof(rule, outcome, build, {path.replace("__", "."): value for path, value in told.items()})

    def spoof(self, rule: str, outcome: str = NOT_VERIFIED, **told: object) -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
        def register(build: Callable[[], bytes]) -> Callable[[], bytes]:
            self.add(build.__name__, rule, outcome, build, **told)
            return build

        return register


# Parts


def base64_part(structure: bytes, content_type="application/pkcs7-signature", fields=b"") -> bytes:
    return f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: base64\r\n".encode() + fields + b"\r\n" + base64.encodebytes(structure)


def multipart(*parts: bytes, subtype="mixed", parameters="", preamble=b"", epilogue=b"", boundary=b"bound") -> bytes:
    """An entity; ``parameters`` with the boundary unless they name one."""
    if "boundary" not in parameters:
        parameters += f'; boundary="{boundary.decode()}"'
    body = b"".join(b"--" + boundary + b"\r\n" + each + b"\r\n" for each in parts)
    return f"Content-Type: multipart/{subtype}{parameters}\r\n\r\n".encode() + preamble + body + b"--" + boundary + b"--\r\n" + epilogue


def clear_signed(content=CONTENT, structure: bytes | None = None, **options) -> bytes:
    """A multipart/signed entity; by ada unless a structure is given."""
    alone = signed_data(Forged(content=content), detached=True) if structure is None else structure
    parameters = options.pop("parameters", '; protocol="application/pkcs7-signature"; micalg=sha-256')
    return multipart(content, base64_part(alone), subtype="signed", parameters=parameters, **options)


def by_ada(content=CONTENT, **options) -> bytes:
    """A message that is what it says, to be spoilt."""
    return mime(signed_data(Forged(content=content, **options)))


def message(entity: bytes, sender="ada@example.org") -> bytes:
    return header(sender) + entity


def spoilt(structure: bytes, old: bytes, new: bytes) -> bytes:
    """The same with one piece replaced by one of the same length."""
    assert len(old) == len(new)
    assert structure.count(old) >= 1
    return structure.replace(old, new)


def standard(content=CONTENT, content_type="1.2.840.113549.1.7.1", digest=SHA256, **instead: bytes) -> list[bytes]:
    """Attributes of a signature, to be changed one at a time: ``content_type``, ``message_digest`` and ``signing_time`` as members of SETs."""
    values = {
        CONTENT_TYPE: instead.get("type_values", der.oid(content_type)),
        MESSAGE_DIGEST: instead.get("digest_values", der.octets(digest.of(content))),
        SIGNING_TIME: instead.get("time_values", der.time(NOW)),
    }
    return [der.sequence(der.oid(oid), der.tlv(der.SET, each)) for oid, each in values.items() if each]
