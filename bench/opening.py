"""Decrypt and verify one bare CMS message: called by bench.rows, and run in a process of its own for the peak memory.

    .venv/bin/python -m bench.opening KEY.pem MESSAGE OUT
"""

import re
import sys
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from bench.material import NOW
from secmail import (
    Certificate,
    FileSource,
    PathCache,
    PathOptions,
    SoftwareDecryptionKey,
    Source,
    TrustStore,
    load_private_key,
)
from secmail.cms.enveloped import open_enveloped
from secmail.cms.signed import verify
from secmail.streams import Writable, copy


def opened(message: Source, key: SoftwareDecryptionKey, out: Writable, trust: TrustStore, options: PathOptions) -> None:
    """Decrypt, verify, and write the content to ``out`` only then. A path verdict in the cache of ``options`` is not made again."""
    inner = open_enveloped(message, keys=[key]).content
    signed = verify(inner, trust=trust, now=NOW, options=options)
    if not signed.verified_signers or signed.content is None:
        raise SystemExit("the message is not signed as it should be")
    with signed.content.open() as content:
        copy(content, out)


def _peak() -> int:
    """KiB. Not getrusage's figure, which begins with that of the process that started this one."""
    found = re.search(r"VmHWM:\s+([0-9]+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) if found else 0


def main(pem: Path, message: Path, out: Path) -> None:
    found = x509.load_pem_x509_certificates(pem.read_bytes())
    certificate, issuer = (Certificate.from_der(each.public_bytes(Encoding.DER)) for each in found)
    key = SoftwareDecryptionKey(load_private_key(pem.read_bytes()), certificate)
    with message.open("rb") as file, out.open("wb") as content:
        began = time.process_time()
        opened(FileSource(file), key, content, TrustStore([issuer]), PathOptions(cache=PathCache()))
        print(time.process_time() - began, _peak())


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
