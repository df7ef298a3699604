"""How fast the engine is, as ratios to other implementations in the same run: ``make bench``.

    .venv/bin/python -m bench.engine [--quick] [--rounds N] [--only WORDS]

Every contender of a row does the job in turn, several times, and its least CPU time counts: the machine may be busy with other things.
The floor is what the public-key operations alone cost in ``cryptography``, with nothing around them. What the rows compare, and
what was seen, is in docs/decisions/speed.md.
"""

import argparse
import io
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519

from bench import peers
from bench.material import KINDS, NOW, Identity, Material, encoded_certificates, encrypt, seal
from bench.opening import opened
from secmail import (
    BytesSource,
    Certificate,
    PathCache,
    PathOptions,
    Recipient,
    Source,
    TrustStore,
    der,
    unwrap,
    wrapping,
)
from secmail import encrypt as enveloped
from secmail.cms.identifiers import encodings_naming
from secmail.cms.recipients import make_all, open_first
from secmail.paths import validate
from secmail.streams import copy

FOLDER = Path("build/bench")
Contender = Callable[[], float]  # does the job once, gives seconds of CPU
SLOW = 5.0  # seconds after which a contender is not asked again


@dataclass(frozen=True)
class Row:
    """A job, who does it, and the ratios to others that the engine shall not exceed."""

    job: str
    contenders: dict[str, Contender]
    limits: dict[str, float] = field(default_factory=dict)
    repeat: int = 1


@dataclass(frozen=True)
class Sizes:
    recipients: int
    message: int
    large: tuple[int, ...]


FULL = Sizes(10_000, 100_000, (50_000_000, 500_000_000))
QUICK = Sizes(20, 10_000, (1_000_000,))


def timed(action: Callable[[], object]) -> Contender:
    def once() -> float:
        began = time.process_time()
        action()
        return time.process_time() - began

    return once


class Bench:
    def __init__(self, material: Material, found: dict[str, peers.Peer], sizes: Sizes) -> None:
        self.material, self.peers, self.sizes = material, found, sizes
        self._out = material.folder / "out"

    def rows(self) -> Iterator[Row]:
        for kind in KINDS:
            yield from self._to_many(kind)
        for kind in ("RSA-2048", "P-256"):
            yield from self._small(kind)
        yield from self._large()

    def _by_peers(self, *words: object) -> dict[str, Contender]:
        return {name: peer.job(*words) for name, peer in self.peers.items()}

    # One message to many

    def _to_many(self, kind: str) -> Iterator[Row]:
        count, content = self.sizes.recipients, self.material.content(self.sizes.message)
        path = self.material.certificates(kind, count)
        encoded, data = encoded_certificates(path), content.read_bytes()
        certificates = [Certificate.from_der(each) for each in encoded]
        recipients = [Recipient(each) for each in certificates]
        words = ("AES-256-CBC", path, content, self._out)
        by_peers = self._by_peers if kind != "X25519" else lambda *_: {}  # which neither of them reads
        parsed = {f"{name}, first use": each for name, each in by_peers("encrypt-parsed", *words).items() if name == "OpenSSL"}
        yield Row(
            f"{len(data):,} octets to {count:,} recipients, {kind}",
            {
                "engine": timed(lambda: encrypt(io.BytesIO(), io.BytesIO(data), recipients, "CBC")),
                "engine, as S/MIME": timed(
                    lambda: enveloped(io.BytesIO(data), io.BytesIO(), recipients=recipients, content_encryption="cbc")
                ),
                "floor": timed(lambda: public_key_operations([each.public_key for each in certificates])),
                **by_peers("encrypt-known", *words),
                **parsed,
            },
            {"floor": 1.15, **{"RSA-2048": {"OpenSSL": 0.6}, "RSA-3072": {"OpenSSL": 0.75}, "P-256": {"OpenSSL": 0.4}}.get(kind, {})},
        )
        yield Row(
            f"the same, certificates from raw bytes, {kind}",
            {
                "engine": timed(
                    lambda: encrypt(io.BytesIO(), io.BytesIO(data), [Recipient(Certificate.from_der(each)) for each in encoded], "CBC")
                ),
                "engine, as S/MIME": timed(
                    lambda: enveloped(
                        io.BytesIO(data), io.BytesIO(), recipients=[Certificate.from_der(each) for each in encoded], content_encryption="cbc"
                    )
                ),
                "floor": lambda: operations_with_new_keys(encoded),
                **by_peers("encrypt-raw", *words),
            },
            {"floor": 2.0},
        )

    # One small message to one

    def _small(self, kind: str) -> Iterator[Row]:
        ada, content = self.material.identity(kind), self.material.content(4_096)
        data, options = content.read_bytes(), PathOptions(cache=PathCache())
        certificates = self.material.folder / f"{kind}.certificate"
        certificates.write_bytes(ada.certificate.der)
        message = self.material.message(ada, "CBC", 4_096)
        sealed = BytesSource(message.read_bytes())
        as_smime = BytesSource(self._wrapped(ada, data))

        def seal_one() -> None:
            seal(io.BytesIO(), io.BytesIO(data), ada, [Recipient(ada.certificate)], "CBC")

        yield Row(
            f"sign and encrypt {len(data):,} octets, {kind}",
            {
                "engine": timed(seal_one),
                "engine, as S/MIME": timed(lambda: self._wrapped(ada, data)),
                "floor": timed(lambda: sealing_operations(ada)),
                **self._by_peers("seal", "AES-256-CBC", ada.path, certificates, content, self._out),
            },
            {"floor": 1.3} if kind.startswith("RSA") else {"OpenSSL": 1.0},
            repeat=50,
        )
        yield Row(
            f"decrypt and verify {len(data):,} octets, {kind}",
            {
                "engine": timed(lambda: opened(sealed, ada.decryption_key, io.BytesIO(), self.material.trust, options)),
                "engine, as S/MIME": timed(lambda: unwrapped(as_smime, ada, self.material.trust, options)),
                "floor": opening_operations(ada),
                **self._by_peers("open", ada.path, message, self._out),
            },
            {"OpenSSL": 1.5},
            repeat=50,
        )

    @staticmethod
    def _wrapped(ada: Identity, data: bytes) -> bytes:
        out = io.BytesIO()
        with wrapping(out, signer=ada.signing_key, recipients=[Recipient(ada.certificate)], now=NOW, content_encryption="cbc") as sink:
            sink.write(data)
        return out.getvalue()

    # Large messages

    def _large(self) -> Iterator[Row]:
        ada = self.material.identity("P-256")
        for size in self.sizes.large:
            for cipher in ("CBC", "GCM"):
                path = self.material.message(ada, cipher, size)
                by_peers = {name: each for name, each in self._by_peers("open", ada.path, path, self._out).items() if name == "OpenSSL"}
                yield Row(
                    f"decrypt and verify {size / 1e6:,.0f} MB, {cipher}",
                    {"engine": lambda path=path: opening(ada, path, self._out)[0], **by_peers},
                    {"OpenSSL": 0.5},
                )

    # Absolute figures

    def own_recipient_info(self, rounds: int) -> None:
        """RSA: the recipient info of each is a member; P-256: all are in one, as recipient-encrypted keys. Ours comes last."""
        for kind in ("RSA-2048", "P-256"):
            ada = self.material.identity(kind)
            others = encoded_certificates(self.material.certificates(kind, self.sizes.recipients))
            recipients = [Recipient(each) for each in (*map(Certificate.from_der, others), ada.certificate)]
            encoded, _ = make_all(recipients, bytes(32))
            element = der.Reader(encoded).element()
            inner = element.content if kind.startswith("RSA") else keys_of(element.content)
            scan = least(rounds, timed(lambda encoded=encoded: der.scan(encoded)))
            find = least(rounds, timed(lambda inner=inner, own=ada.certificate: next(encodings_naming(own, inner, 20_000))))
            whole = least(rounds, timed(lambda element=element, key=ada.decryption_key: open_first(element, [key], 32)))
            bare = least(rounds, opening_operations(ada))
            print(f"own recipient info among {len(recipients):,}, {kind}: pre-scan of all elements {scan * 1000:.1f} ms (at most 100)")
            print(f"    finding it {find * 1000:.2f} ms (at most 2); with opening {whole * 1000:.2f} ms, of which keys {bare * 1000:.2f}")

    def path_verdicts(self, rounds: int) -> None:
        ada, options = self.material.identity("P-256"), PathOptions(cache=PathCache())

        def verdicts() -> None:
            for _ in range(self.sizes.recipients):
                if not validate(ada.certificate, trust=self.material.trust, at=NOW, options=options):
                    raise SystemExit("a path is not valid")

        seconds = least(rounds, timed(verdicts))
        print(f"{self.sizes.recipients:,} cached path verdicts: {seconds * 1000:.1f} ms (10,000: at most 1,000)")

    def peak_memory(self) -> None:
        ada, size = self.material.identity("P-256"), self.sizes.large[-1]
        for cipher in ("CBC", "GCM"):
            path = self.material.message(ada, cipher, size)
            _, peak = opening(ada, path, self._out)
            line = f"peak memory, decrypt and verify {size / 1e6:,.0f} MB, {cipher}: {peak / 1024:.0f} MiB (at most 64)"
            if "OpenSSL" in self.peers:
                self.peers["OpenSSL"].ask("open", ada.path, path, self._out)
                line += f"; OpenSSL {self.peers['OpenSSL'].ask('peak') / 1024:,.0f} MiB"
            print(line)


def unwrapped(message: Source, ada: Identity, trust: TrustStore, options: PathOptions) -> None:
    found = unwrap(message, keys=[ada.decryption_key], trust=trust, now=NOW, options=options)
    if found.verdict != "verified":
        raise SystemExit("the message is not verified")
    with found.content.open() as content:  # type: ignore[union-attr]
        copy(content, io.BytesIO())


def operations_with_new_keys(encoded: list[bytes]) -> float:
    """What OpenSSL prepares when a key is used for the first time is part of the operation."""
    keys = [Certificate.from_der(each).public_key for each in encoded]
    return timed(lambda: public_key_operations(keys))()


def public_key_operations(keys: Sequence[Any]) -> None:
    cek, scheme = secrets.token_bytes(32), padding.PKCS1v15()
    if isinstance(keys[0], rsa.RSAPublicKey):
        for key in keys:
            key.encrypt(cek, scheme)
    elif isinstance(keys[0], x25519.X25519PublicKey):
        x25519_key = x25519.X25519PrivateKey.generate()
        for key in keys:
            x25519_key.exchange(key)
    else:
        ephemeral, ecdh = ec.generate_private_key(ec.SECP256R1()), ec.ECDH()
        for key in keys:
            ephemeral.exchange(ecdh, key)


def sealing_operations(ada: Identity) -> None:
    key = ada.private_key
    if isinstance(key, rsa.RSAPrivateKey):
        key.sign(b"", padding.PKCS1v15(), hashes.SHA256())
    else:
        key.sign(b"", ec.ECDSA(hashes.SHA256()))
    public_key_operations([ada.certificate.public_key])


def opening_operations(ada: Identity) -> Contender:
    key, scheme = ada.private_key, padding.PKCS1v15()
    if isinstance(key, rsa.RSAPrivateKey):
        signature, encrypted = key.sign(b"", scheme, hashes.SHA256()), key.public_key().encrypt(bytes(32), scheme)

        def rsa_operations() -> None:
            key.decrypt(encrypted, scheme)
            key.public_key().verify(signature, b"", scheme, hashes.SHA256())

        return timed(rsa_operations)
    signature, ephemeral = key.sign(b"", ec.ECDSA(hashes.SHA256())), ec.generate_private_key(ec.SECP256R1()).public_key()

    def ec_operations() -> None:
        key.exchange(ec.ECDH(), ephemeral)
        key.public_key().verify(signature, b"", ec.ECDSA(hashes.SHA256()))

    return timed(ec_operations)


def opening(ada: Identity, message: Path, out: Path) -> tuple[float, int]:
    """(CPU seconds, peak memory in KiB) of a process that does nothing else."""
    command = [sys.executable, "-m", "bench.opening", str(ada.path), str(message), str(out)]
    seconds, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(seconds), int(peak)


def measured(row: Row, rounds: int) -> dict[str, float]:
    """The least time of each contender. The first round warms up; whoever is slow is not asked again.

    A small job is done several times in each turn, because the caches of the processor are the last contender's at first.
    """
    best: dict[str, float] = {}
    for _ in range(1 + rounds):
        for name, contender in row.contenders.items():
            if best.get(name, 0) < SLOW:
                times = [contender() for _ in range(row.repeat)]
                best[name] = min(best.get(name, times[0]), *times)
    return best


def least(rounds: int, contender: Contender) -> float:
    return min(contender() for _ in range(1 + rounds))


def keys_of(key_agree_recipient_info: bytes) -> bytes:
    *_, keys = der.Reader(key_agree_recipient_info).element().inside()
    return keys.content


def show(row: Row, best: dict[str, float]) -> None:
    print(f"{row.job}: {best['engine'] * 1000:,.3f} ms")
    for name, seconds in best.items():
        if name != "engine":
            ratio, limit = best["engine"] / seconds, row.limits.get(name)
            goal = "" if limit is None else f"  to reach {limit:.2f}: {'yes' if ratio <= limit else 'NO'}"
            print(f"    {ratio:7.2f} x {name:14} {seconds * 1000:12,.3f} ms{goal}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few recipients and small messages: whether it runs, not how fast")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--only", default="", help="only rows with these words in their name")
    arguments = parser.parse_args()
    found = peers.start()
    bench = Bench(Material(arguments.folder), found, QUICK if arguments.quick else FULL)
    for row in bench.rows():
        if arguments.only in row.job:
            show(row, measured(row, arguments.rounds))
    if not arguments.only:
        bench.own_recipient_info(arguments.rounds)
        bench.path_verdicts(arguments.rounds)
        bench.peak_memory()
    for peer in found.values():
        peer.close()


if __name__ == "__main__":
    main()
