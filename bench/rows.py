"""The jobs that are compared: one message to many, a small one to one, large ones."""

import io
from collections.abc import Iterator

from bench.floor import opening_operations, operations_with_new_keys, public_key_operations, sealing_operations
from bench.material import KINDS, NOW, Identity, encoded_certificates, encrypt, seal
from bench.measuring import Contender, Row, timed
from bench.opening import opened
from bench.setting import Setting
from secmail import BytesSource, Certificate, PathCache, PathOptions, Recipient, Source, TrustStore, unwrap, wrapping
from secmail import encrypt as enveloped
from secmail.streams import copy


def rows(setting: Setting) -> Iterator[Row]:
    for kind in KINDS:
        yield from _to_many(setting, kind)
    for kind in ("RSA-2048", "P-256"):
        yield _sealing(setting, kind)
        yield _opening(setting, kind)
    yield from _large(setting)


def _to_many(setting: Setting, kind: str) -> Iterator[Row]:
    count, content = setting.sizes.recipients, setting.material.content(setting.sizes.message)
    path = setting.material.certificates(kind, count)
    encoded, data = encoded_certificates(path), content.read_bytes()

    def by_peers(job: str) -> dict[str, Contender]:
        """X25519 neither of them reads."""
        return setting.by_peers(job, "AES-256-CBC", path, content, setting.out) if kind != "X25519" else {}

    parsed = {f"{name}, first use": each for name, each in by_peers("encrypt-parsed").items() if name == "OpenSSL"}
    yield Row(
        f"{len(data):,} octets to {count:,} recipients, {kind}",
        {**_to_known(encoded, data), **by_peers("encrypt-known"), **parsed},
        {"floor": 1.15, **{"RSA-2048": {"OpenSSL": 0.6}, "RSA-3072": {"OpenSSL": 0.75}, "P-256": {"OpenSSL": 0.4}}.get(kind, {})},
    )
    yield Row(
        f"the same, certificates from raw bytes, {kind}",
        {**_to_raw(encoded, data), **by_peers("encrypt-raw")},
        {"floor": 2.0},
    )


def _to_known(encoded: list[bytes], data: bytes) -> dict[str, Contender]:
    certificates = [Certificate.from_der(each) for each in encoded]
    recipients = [Recipient(each) for each in certificates]
    return {
        "engine": timed(lambda: encrypt(io.BytesIO(), io.BytesIO(data), recipients, "CBC")),
        "engine, as S/MIME": timed(
            lambda: enveloped(io.BytesIO(data), io.BytesIO(), recipients=recipients, content_encryption="cbc")
        ),
        "floor": timed(lambda: public_key_operations([each.public_key for each in certificates])),
    }


def _to_raw(encoded: list[bytes], data: bytes) -> dict[str, Contender]:
    return {
        "engine": timed(
            lambda: encrypt(io.BytesIO(), io.BytesIO(data), [Recipient(Certificate.from_der(each)) for each in encoded], "CBC")
        ),
        "engine, as S/MIME": timed(
            lambda: enveloped(
                io.BytesIO(data), io.BytesIO(), recipients=[Certificate.from_der(each) for each in encoded], content_encryption="cbc"
            )
        ),
        "floor": lambda: operations_with_new_keys(encoded),
    }


def _sealing(setting: Setting, kind: str) -> Row:
    ada, content = setting.material.identity(kind), setting.material.content(4_096)
    data = content.read_bytes()
    certificates = setting.material.folder / f"{kind}.certificate"
    certificates.write_bytes(ada.certificate.der)
    return Row(
        f"sign and encrypt {len(data):,} octets, {kind}",
        {
            "engine": timed(lambda: seal(io.BytesIO(), io.BytesIO(data), ada, [Recipient(ada.certificate)], "CBC")),
            "engine, as S/MIME": timed(lambda: _wrapped(ada, data)),
            "floor": timed(lambda: sealing_operations(ada)),
            **setting.by_peers("seal", "AES-256-CBC", ada.path, certificates, content, setting.out),
        },
        {"floor": 1.3} if kind.startswith("RSA") else {"OpenSSL": 1.0},
        repeat=50,
    )


def _opening(setting: Setting, kind: str) -> Row:
    ada, data = setting.material.identity(kind), setting.material.content(4_096).read_bytes()
    trust, options = setting.material.trust, PathOptions(cache=PathCache())
    message = setting.material.message(ada, "CBC", 4_096)
    sealed, as_smime = BytesSource(message.read_bytes()), BytesSource(_wrapped(ada, data))
    return Row(
        f"decrypt and verify {len(data):,} octets, {kind}",
        {
            "engine": timed(lambda: opened(sealed, ada.decryption_key, io.BytesIO(), trust, options)),
            "engine, as S/MIME": timed(lambda: _unwrapped(as_smime, ada, trust, options)),
            "floor": opening_operations(ada),
            **setting.by_peers("open", ada.path, message, setting.out),
        },
        {"OpenSSL": 1.5},
        repeat=50,
    )


def _wrapped(ada: Identity, data: bytes) -> bytes:
    out = io.BytesIO()
    with wrapping(out, signer=ada.signing_key, recipients=[Recipient(ada.certificate)], now=NOW, content_encryption="cbc") as sink:
        sink.write(data)
    return out.getvalue()


def _unwrapped(message: Source, ada: Identity, trust: TrustStore, options: PathOptions) -> None:
    found = unwrap(message, keys=[ada.decryption_key], trust=trust, now=NOW, options=options)
    if found.verdict != "verified":
        raise SystemExit("the message is not verified")
    with found.content.open() as content:  # type: ignore[union-attr]
        copy(content, io.BytesIO())


def _large(setting: Setting) -> Iterator[Row]:
    ada = setting.material.identity("P-256")
    for size in setting.sizes.large:
        for cipher in ("CBC", "GCM"):
            path = setting.material.message(ada, cipher, size)
            by_peers = {name: each for name, each in setting.by_peers("open", ada.path, path, setting.out).items() if name == "OpenSSL"}
            yield Row(
                f"decrypt and verify {size / 1e6:,.0f} MB, {cipher}",
                {"engine": lambda path=path: setting.opening(ada, path)[0], **by_peers},
                {"OpenSSL": 0.5},
            )
