"""Figures that are not ratios: finding one's own recipient info, path verdicts, peak memory."""

from bench.floor import opening_operations
from bench.material import NOW, encoded_certificates
from bench.measuring import least, timed
from bench.setting import Setting
from secmail import Certificate, PathCache, PathOptions, Recipient, der
from secmail.cms.identifiers import encodings_naming
from secmail.cms.recipients import make_all, open_first
from secmail.paths import validate


def own_recipient_info(setting: Setting, rounds: int) -> None:
    """RSA: the recipient info of each is a member; P-256: all are in one, as recipient-encrypted keys. Ours comes last."""
    for kind in ("RSA-2048", "P-256"):
        ada = setting.material.identity(kind)
        others = encoded_certificates(setting.material.certificates(kind, setting.sizes.recipients))
        recipients = [Recipient(each) for each in (*map(Certificate.from_der, others), ada.certificate)]
        encoded = der.set_of(make_all(recipients, bytes(32))[0])
        element = der.Reader(encoded).element()
        inner = element.content if kind.startswith("RSA") else _keys_of(element.content)
        scan = least(rounds, timed(lambda encoded=encoded: der.scan(encoded)))
        find = least(rounds, timed(lambda inner=inner, own=ada.certificate: next(encodings_naming(own, inner, 20_000))))
        whole = least(rounds, timed(lambda element=element, key=ada.decryption_key: open_first(element, [key], 32)))
        bare = least(rounds, opening_operations(ada))
        print(f"own recipient info among {len(recipients):,}, {kind}: pre-scan of all elements {scan * 1000:.1f} ms (at most 100)")
        print(f"    finding it {find * 1000:.2f} ms (at most 2); with opening {whole * 1000:.2f} ms, of which keys {bare * 1000:.2f}")


def path_verdicts(setting: Setting, rounds: int) -> None:
    ada, options = setting.material.identity("P-256"), PathOptions(cache=PathCache())

    def verdicts() -> None:
        for _ in range(setting.sizes.recipients):
            if not validate(ada.certificate, trust=setting.material.trust, at=NOW, options=options):
                raise SystemExit("a path is not valid")

    seconds = least(rounds, timed(verdicts))
    print(f"{setting.sizes.recipients:,} cached path verdicts: {seconds * 1000:.1f} ms (10,000: at most 1,000)")


def peak_memory(setting: Setting) -> None:
    ada, size = setting.material.identity("P-256"), setting.sizes.large[-1]
    for cipher in ("CBC", "GCM"):
        path = setting.material.message(ada, cipher, size)
        _, peak = setting.opening(ada, path)
        line = f"peak memory, decrypt and verify {size / 1e6:,.0f} MB, {cipher}: {peak / 1024:.0f} MiB (at most 64)"
        if "OpenSSL" in setting.peers:
            setting.peers["OpenSSL"].ask("open", ada.path, path, setting.out)
            line += f"; OpenSSL {setting.peers['OpenSSL'].ask('peak') / 1024:,.0f} MiB"
        print(line)


def _keys_of(key_agree_recipient_info: bytes) -> bytes:
    *_, keys = der.Reader(key_agree_recipient_info).element().inside()
    return keys.content
