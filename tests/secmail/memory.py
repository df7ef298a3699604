"""Run by test_wrap.py in a process of its own: wrap and unwrap a message of a size, print the peak memory in KiB."""

import resource
import sys
from pathlib import Path

from pki import NOW, certificate, decryption_key, signing_key, trust

from secmail import OWN_CAPABILITIES, FileSource, Recipient, unwrap, wrapping

CHUNK = bytes(65_536)


def main(path: Path, size: int) -> None:
    recipient = Recipient(certificate("bob"), OWN_CAPABILITIES)
    with path.open("wb") as out:
        out.write(b"From: ada@example.org\r\nMIME-Version: 1.0\r\n")
        options = {"signer": signing_key("ada"), "certificates": [certificate("ca")], "recipients": [recipient], "now": NOW}
        with wrapping(out, **options) as sink:
            sink.write(b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n")
            for _ in range(size // len(CHUNK)):
                sink.write(CHUNK)
    with path.open("rb") as file:
        result = unwrap(FileSource(file), keys=[decryption_key("bob")], trust=trust(), now=NOW)
        result.require_verified()
        with result.entity.open_body() as body:
            while body.read(len(CHUNK)):
                pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


main(Path(sys.argv[1]), int(sys.argv[2]))
