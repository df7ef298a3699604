"""A signed part inside something else, text beside it, and what programs read in different ways (the families of "Johnny, you are fired!")."""

import base64
import io

from forge import CONTENT, Forged, signed_data
from layered import header, mime
from spoofs import (
    MALFORMED,
    NOT_VERIFIED,
    PAID,
    UNSIGNED,
    UNSUPPORTED,
    VERIFIED,
    Family,
    base64_part,
    clear_signed,
    message,
    multipart,
)

from secmail.cms.compressed import CompressedDataWriter

FAMILY = Family()
SIGNED = '; protocol="application/pkcs7-signature"; micalg=sha-256'
HTML = b'Content-Type: text/html\r\n\r\n<p>Pay eve</p><div style="display:none">\r\n'
ATTACHED = b"Content-Disposition: attachment; filename=letter.eml\r\n"


def opaque(content=CONTENT) -> bytes:
    """A signed part."""
    return base64_part(signed_data(Forged(content=content)), "application/pkcs7-mime; smime-type=signed-data")


# Signed, but inside something that is not

INSIDE = {
    "text_before": lambda: multipart(PAID, clear_signed()),
    "text_after": lambda: multipart(clear_signed(), PAID),
    "text_before_an_opaque_one": lambda: multipart(PAID, opaque()),
    "alone_in_a_mixed": lambda: multipart(opaque()),
    "alternative_to_the_signed": lambda: multipart(clear_signed(), HTML, subtype="alternative"),
    "related_to_the_signed": lambda: multipart(HTML + b'<img src="cid:1">\r\n', b"Content-ID: <1>\r\n" + clear_signed(), subtype="related"),
    "html_that_hides_the_signed": lambda: multipart(HTML, clear_signed(), b"Content-Type: text/html\r\n\r\n</div>\r\n"),
    "attached": lambda: multipart(PAID, ATTACHED + opaque()),
    "forwarded": lambda: b"Content-Type: message/rfc822\r\n\r\n" + message(clear_signed()),
    "forwarded_beside_text": lambda: multipart(PAID, b"Content-Type: message/rfc822\r\n\r\n" + message(clear_signed())),
    "in_a_digest": lambda: multipart(b"\r\n" + message(clear_signed()), subtype="digest"),
    "in_a_report": lambda: multipart(PAID, b"Content-Type: message/rfc822\r\n\r\n" + message(opaque()), subtype="report"),
    "signed_part_of_an_unknown_multipart": lambda: multipart(CONTENT, base64_part(signed_data(Forged(), detached=True)), subtype="sealed"),
    "as_text_in_the_body": lambda: b"Content-Type: text/plain\r\n\r\n" + clear_signed(),
    "pem_in_the_body": lambda: b"Content-Type: text/plain\r\n\r\n-----BEGIN CMS-----\r\n" + base64.encodebytes(signed_data(Forged())) + b"-----END CMS-----\r\n",
    "external_body": lambda: b"Content-Type: message/external-body; access-type=anon-ftp\r\n\r\n" + opaque(),
    "partial": lambda: b"Content-Type: message/partial; id=1; number=1; total=1\r\n\r\n" + opaque(),
}
for name, build in INSIDE.items():
    FAMILY.add(f"inside_{name}", "RFC 8551 section 3: only what is the whole message is signed by its signature", UNSIGNED, lambda build=build: message(build()))

# A multipart/signed that is none


def signed_parts(*parts: bytes, parameters=SIGNED, **options):
    return lambda: message(multipart(*parts, subtype="signed", parameters=parameters, **options))


SIGNATURE = base64_part(signed_data(Forged(), detached=True))
OTHERS = {
    "pgp_protocol": (UNSIGNED, signed_parts(CONTENT, SIGNATURE, parameters='; protocol="application/pgp-signature"')),
    "no_protocol": (UNSIGNED, signed_parts(CONTENT, SIGNATURE, parameters="")),
    "protocol_of_a_message": (UNSIGNED, signed_parts(CONTENT, SIGNATURE, parameters='; protocol="application/pkcs7-mime"')),
    "one_part": (MALFORMED, signed_parts(SIGNATURE)),
    "three_parts": (MALFORMED, signed_parts(PAID, CONTENT, SIGNATURE)),
    "three_parts_the_signature_second": (MALFORMED, signed_parts(CONTENT, SIGNATURE, PAID)),
    "two_signatures": (MALFORMED, signed_parts(CONTENT, SIGNATURE, SIGNATURE)),
    "signature_first": (MALFORMED, signed_parts(SIGNATURE, CONTENT)),
    "signature_that_is_text": (MALFORMED, signed_parts(CONTENT, base64_part(signed_data(Forged(), detached=True), "text/plain"))),
    "signature_that_is_a_message": (MALFORMED, signed_parts(CONTENT, base64_part(signed_data(Forged(), detached=True), "message/rfc822"))),
    "signature_with_own_content": (NOT_VERIFIED, signed_parts(PAID, base64_part(signed_data(Forged())))),
    "signature_with_the_same_content": (NOT_VERIFIED, signed_parts(CONTENT, base64_part(signed_data(Forged())))),
    "signature_of_other_content": (NOT_VERIFIED, signed_parts(PAID, SIGNATURE)),
    "signature_in_a_multipart": (MALFORMED, signed_parts(CONTENT, multipart(SIGNATURE, boundary=b"inner"))),
    "signature_in_an_unknown_encoding": (UNSUPPORTED, signed_parts(CONTENT, SIGNATURE.replace(b"base64", b"x-uuencode"))),
    "signature_empty": (MALFORMED, signed_parts(CONTENT, base64_part(b""))),
    "first_part_encoded_anew": (NOT_VERIFIED, signed_parts(base64_part(b"Pay eve\r\n", "text/plain"), SIGNATURE)),
    "header_field_added_to_the_first_part": (NOT_VERIFIED, signed_parts(b"Subject: Pay eve\r\n" + CONTENT, SIGNATURE)),
    "type_of_the_first_part_changed": (NOT_VERIFIED, signed_parts(CONTENT.replace(b"plain", b"html"), SIGNATURE)),
    "charset_of_the_first_part_changed": (NOT_VERIFIED, signed_parts(CONTENT.replace(b"plain", b"plain; charset=utf-7"), SIGNATURE)),
    "text_before_the_first_part": (NOT_VERIFIED, signed_parts(CONTENT.replace(b"Hello", b"Pay eve\r\nHello"), SIGNATURE)),
    "text_after_the_first_part": (NOT_VERIFIED, signed_parts(CONTENT + b"Pay eve\r\n", SIGNATURE)),
    "blanks_at_a_line_end": (NOT_VERIFIED, signed_parts(CONTENT.replace(b"Hello", b"Hello "), SIGNATURE)),
    "empty_line_added": (NOT_VERIFIED, signed_parts(CONTENT + b"\r\n", SIGNATURE)),
}
for name, (outcome, build) in OTHERS.items():
    FAMILY.add(name, "RFC 1847 section 2.1: two parts, the second the signature of the first, octet by octet", outcome, build)

FAMILY.add("part_of_another_boundary", "a part ends where its own boundary says", NOT_VERIFIED, signed_parts(CONTENT + b"--boundary\r\n\r\nPay eve\r\n", SIGNATURE))
FAMILY.add(
    "nested_with_the_same_boundary",
    "of two multiparts of one boundary the inner one is meant",
    NOT_VERIFIED,
    signed_parts(multipart(PAID), SIGNATURE),
)
FAMILY.add("no_boundary", "RFC 2046 section 5.1.1: a multipart has a boundary", MALFORMED, signed_parts(CONTENT, SIGNATURE, parameters=SIGNED + '; boundary=""'))
FAMILY.add("boundary_that_does_not_occur", "a multipart/signed has two parts", MALFORMED, signed_parts(CONTENT, SIGNATURE, parameters=SIGNED + "; boundary=other"))


def boundaries(parameters: str):
    """Parts between two boundaries: a program that takes the other one shows what eve wrote."""
    other = b"--other\r\n" + PAID + b"\r\n--other\r\n" + base64_part(signed_data(Forged(content=PAID[:-9] + b"Hello\r\n"), detached=True)) + b"\r\n--other--\r\n"
    return lambda: message(multipart(CONTENT, SIGNATURE, subtype="signed", parameters=SIGNED + parameters, preamble=other))


# What is shown is the first part by our reading, and that was signed
SHOWN = "what is shown is what was signed, by the one reading of the message that is made here"
FAMILY.add("two_boundaries", SHOWN, VERIFIED, boundaries("; boundary=bound; boundary=other"))
FAMILY.add("two_boundaries_the_other_first", SHOWN, NOT_VERIFIED, boundaries("; boundary=other; boundary=bound"))
FAMILY.add("two_boundaries_one_extended", SHOWN, NOT_VERIFIED, boundaries("; boundary=bound; boundary*=utf-8''other"))
FAMILY.add("boundary_in_pieces", SHOWN, NOT_VERIFIED, boundaries("; boundary=bound; boundary*0=oth; boundary*1=er"))
FAMILY.add("preamble", SHOWN, VERIFIED, signed_parts(CONTENT, SIGNATURE, preamble=b"Pay eve\r\n"))
FAMILY.add("preamble_that_looks_like_a_part", SHOWN, VERIFIED, signed_parts(CONTENT, SIGNATURE, preamble=b"--boundary\r\n" + PAID))
FAMILY.add("epilogue", SHOWN, VERIFIED, signed_parts(CONTENT, SIGNATURE, epilogue=b"\r\nPay eve\r\n--bound\r\n" + PAID))
FAMILY.add("micalg_lies", "micalg is a hint: the SignerInfo names its digest algorithm", VERIFIED, signed_parts(CONTENT, SIGNATURE, parameters=SIGNED.replace("sha-256", "md5")))
FAMILY.add("text_behind_the_header_of_a_forward", SHOWN, UNSIGNED, lambda: header() + b"\r\nPay eve\r\n" + clear_signed())

# Header fields of the layer

DUPLICATES = {
    "second_content_type": b"Content-Type: text/html\r\n",
    "second_content_type_of_another_boundary": b"Content-Type: multipart/mixed; boundary=other\r\n",
    "second_content_type_upper_case": b"CONTENT-TYPE: text/html\r\n",
    "second_transfer_encoding": b"Content-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit\r\n",
}
for name, fields in DUPLICATES.items():
    FAMILY.add(name, "a layer has one content type and one transfer encoding", MALFORMED, lambda fields=fields: header() + clear_signed().replace(b"\r\n\r\n", b"\r\n" + fields + b"\r\n", 1))
FAMILY.add("first_content_type_is_another", "the first content type counts", UNSIGNED, lambda: header() + b"Content-Type: text/plain\r\n" + clear_signed())
FAMILY.add("comment_in_the_content_type", "RFC 2045 section 5.2: what is no media type is text/plain", UNSIGNED, lambda: header() + clear_signed().replace(b"multipart/signed;", b"multipart/signed (x);", 1))
FAMILY.add("comment_hides_the_type", "RFC 2045 section 5.2: what is no media type is text/plain", UNSIGNED, lambda: header() + clear_signed().replace(b"multipart/signed;", b"(multipart/mixed) multipart/signed;", 1))
FAMILY.add("unknown_encoding", "RFC 2045 section 6.4: an unknown encoding is not guessed", UNSUPPORTED, lambda: mime(signed_data(Forged())).replace(b"base64", b"x-base64"))
FAMILY.add("base64_with_something_else", "base64 holds nothing but its alphabet", MALFORMED, lambda: mime(signed_data(Forged())) + b"-- \r\nPay eve\r\n")
FAMILY.add("base64_that_goes_on", "nothing follows the padding", MALFORMED, lambda: mime(signed_data(Forged())) + b"====" + base64.encodebytes(b"Pay eve"))
FAMILY.add(
    "whole_multipart_in_base64",
    "RFC 2045 section 6.4: a multipart has no encoding but the identity",
    MALFORMED,
    lambda: header() + b"Content-Transfer-Encoding: base64\r\n" + clear_signed().partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + base64.encodebytes(clear_signed().partition(b"\r\n\r\n")[2]),
)
FAMILY.add("text_named_as_a_layer", "RFC 8551 section 3.10: the suffix decides for application/octet-stream alone", UNSIGNED, lambda: message(base64_part(signed_data(Forged()), "text/plain; name=smime.p7m")))
FAMILY.add("layer_that_is_no_structure", "what is called PKCS #7 is read as that", MALFORMED, lambda: message(base64_part(PAID, "application/pkcs7-mime")))

# What is in a signed message


def compressed(content: bytes) -> bytes:
    out = io.BytesIO()
    writer = CompressedDataWriter(out)
    writer.write(content)
    writer.close()
    return out.getvalue()


@FAMILY.spoof("compressed content is only signed inside or outside of a signature", UNSIGNED)
def compressed_alone() -> bytes:
    return mime(compressed(PAID), smime_type="compressed-data")


@FAMILY.spoof("RFC 8551 section 3.6: compression beside a signed part does not make it signed", UNSIGNED)
def compressed_with_a_signed_part() -> bytes:
    return mime(compressed(multipart(PAID, clear_signed())), smime_type="compressed-data")


@FAMILY.spoof("a signed part of signed content is an attachment: its signer is not the author", NOT_VERIFIED, from__matches_signer=False)
def signed_part_inside_anothers_signed_content() -> bytes:
    return mime(signed_data(Forged("carl", content=multipart(PAID, clear_signed()))))


@FAMILY.spoof("a message with its own signature, forwarded and signed by another, is the other's", NOT_VERIFIED, from__matches_signer=False)
def forward_of_a_signed_message() -> bytes:
    return mime(signed_data(Forged("carl", content=b"Content-Type: message/rfc822\r\n\r\n" + message(clear_signed()))))


for name, kind in {"receipt": "1.2.840.113549.1.9.16.1.1", "time_stamp": "1.2.840.113549.1.9.16.1.4", "certificate_request": "1.3.6.1.5.5.7.12.2", "unknown_type": "1.2.3.4"}.items():
    FAMILY.add(
        f"{name}_as_a_message",
        "what was signed as something else is no text of its signer",
        MALFORMED,
        lambda kind=kind: message(clear_signed(CONTENT, signed_data(Forged(content_type=kind), detached=True))),
    )
