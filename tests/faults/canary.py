"""Canaries: secrets that say their own name, and a searcher that knows them in every dress they could lie around in.

All canaries of one run begin with the same random stem, so that one search finds any of them.
"""

import re
import secrets
import zlib
from base64 import b64decode, b64encode
from binascii import unhexlify
from collections.abc import Iterator

STEM_LENGTH = 16
DEEPEST = 3
LARGE = 2_000_000  # octets: a sealed object, in which it is enough to look one coat deep
UNPACKED = 200_000  # octets of a compressed stream: enough to meet a canary in it
_SPACE = b" \t\r\n"
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
_HEX = re.compile(rb"[0-9a-fA-F]{32,}")
_ZLIB = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


class Canaries:
    def __init__(self) -> None:
        self.stem = "".join(secrets.choice("abcdefghijkmnpqrstuvwxyz") for _ in range(STEM_LENGTH))
        self._needles: list[tuple[bytes, str]] = []
        self.also("a canary", self.stem)
        self.also("a canary", self.stem.upper())

    def make(self, name: str) -> str:
        """A canary: letters, digits and hyphens, as fits a file name, a header and a password."""
        return f"{self.stem}-{name}-{secrets.token_hex(4)}"

    def also(self, name: str, secret: str) -> None:
        """Looks for a secret, too, that the portal made itself (a link, a recovery code)."""
        plain = secret.encode()
        dresses = [plain, b"\0".join(bytes([c]) for c in plain), *(_inside_base64(plain, shift) for shift in range(3))]
        self._needles += [(each, name) for each in dresses]

    def seen(self, data: bytes) -> str:
        """What is in `data` as it is, as UTF-16, or in base64 at any offset; across line ends and soft line breaks, too."""
        joined = data.translate(None, _SPACE).replace(b"=", b"")
        return next((name for needle, name in self._needles if needle in data or needle in joined), "")

    def found(self, data: bytes, depth: int = DEEPEST) -> str:
        """`seen`, also inside hexadecimal, base64 and compressed runs, and in what those hold in turn."""
        if name := self.seen(data):
            return name
        depth = min(depth, 1) if len(data) > LARGE else depth
        return next(filter(None, (self.found(inner, depth - 1) for inner in _unwrapped(data))), "") if depth else ""


def _inside_base64(secret: bytes, shift: int) -> bytes:
    """The characters that base64 shows of `secret` wherever it begins at an offset of `shift` modulo 3."""
    encoded = b64encode(bytes(shift) + secret).rstrip(b"=")
    return encoded[(shift * 8 + 5) // 6 : len(encoded) - 1]


def _unwrapped(data: bytes) -> Iterator[bytes]:
    runs = [b64decode(run.translate(_URL_SAFE)[: len(run) // 4 * 4].rstrip(b"=") + b"==") for run in _BASE64.findall(data)]
    yield b"\n".join(run for run in runs if run)
    yield b"\n".join(unhexlify(run[: len(run) // 2 * 2]) for run in _HEX.findall(data))
    streams = [_decompressed(data[match.start() : match.start() + UNPACKED]) for match in _ZLIB.finditer(data)]
    yield b"\n".join(stream for stream in streams if stream)


def _decompressed(data: bytes) -> bytes:
    """The beginning of a zlib or gzip stream; nothing if it only looked like one."""
    opener = zlib.decompressobj(wbits=47)
    try:
        return opener.decompress(data, UNPACKED)
    except zlib.error:
        return b""
