"""MIME entities: written ones read back, foreign ones read as the standard library's parser does, hostile ones are refused in time."""

import email
import email.message
import email.policy
import hashlib
import io
import time
from pathlib import Path

import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from hypothesis import given, settings
from hypothesis import strategies as st

from secmail.errors import Malformed, Unsupported
from secmail.mime import (
    Address,
    Attachment,
    decode_words,
    display,
    format_address,
    format_headers,
    parse_addresses,
    parse_parameters,
    read_entity,
    safe_filename,
    write_message,
)
from secmail.mime.encodings import CrlfReader
from secmail.streams import BytesSource, FileSource

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


class Trickling:
    """A source that can't seek and gives a few octets at a time."""

    def __init__(self, data, step):
        self.data, self.step = data, step

    def open(self):
        stream = io.BytesIO(self.data)
        whole = stream.read
        stream.read = lambda size=-1: whole(self.step if size < 0 else min(size, self.step))
        return stream


def read(*lines, newline="\r\n"):
    return read_entity(BytesSource(newline.join(lines).encode("utf-8")))


def octets(source):
    with source.open() as stream:
        return stream.read()


def write(headers=(), text="", attachments=(), **rest):
    sink = io.BytesIO()
    write_message(sink, headers=headers, text=text, attachments=attachments, **rest)
    return sink.getvalue()


def attach(name, data, content_type="application/octet-stream"):
    return Attachment(name, content_type, BytesSource(data).open)


def canonical(text):
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")


def tree(entity):
    """The types and leaf contents of an entity, as nested lists."""
    if entity.is_multipart:
        return [entity.content_type, [tree(part) for part in entity.parts()]]
    return [entity.content_type, octets(entity.body)]


def standard_tree(message):
    """The same by the standard library's parser."""
    if message.is_multipart() and message.get_content_maintype() == "multipart":
        return [message.get_content_type(), [standard_tree(part) for part in message.get_payload()]]
    if message.get_content_type() == "message/rfc822":
        payload = message.get_payload()
        return [
            "message/rfc822",
            payload[0].as_bytes(policy=email.policy.SMTP) if isinstance(payload, list) else payload.encode(),
        ]
    return [message.get_content_type(), message.get_payload().encode("ascii", "surrogateescape")]


# --- what is written reads back -------------------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8"), max_size=300)
lines = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=200)
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=120)


@given(texts)
def test_a_text_reads_back_in_canonical_form(text):
    body = display(read_entity(BytesSource(write(text=text))), encrypted=False).bodies[0].plain
    assert body.text(10**6) == canonical(text)


@given(texts, st.lists(st.tuples(names, st.binary(max_size=300)), max_size=4), st.integers(1, 100))
def test_a_message_with_attachments_reads_back_however_it_is_split(text, files, step):
    message = write(text=text, attachments=[attach(name, data) for name, data in files])
    shown = display(read_entity(Trickling(message, step)), encrypted=False)
    assert shown.bodies[0].plain.text(10**6) == canonical(text)
    assert [octets(part) for part in shown.attachments] == [data for _, data in files]
    assert [part.name for part in shown.attachments] == [
        safe_filename(name) or f"part-{number}" for number, (name, _) in enumerate(files, 1)
    ]


@given(lines)
def test_a_subject_reads_back_unchanged(subject):
    assert (read_entity(BytesSource(write([("Subject", subject)]))).headers.text("Subject") or "") == subject


mailboxes = st.tuples(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Z"]), max_size=90),
    st.from_regex(r"[a-z][a-z0-9.+-]{0,20}@[a-z]{1,20}\.example", fullmatch=True),
)


@given(st.lists(mailboxes, min_size=1, max_size=5))
def test_addresses_read_back_with_their_names(given_mailboxes):
    value = ", ".join(format_address(*mailbox) for mailbox in given_mailboxes)
    entity = read_entity(BytesSource(write([("To", value)])))
    assert [tuple(address) for address in entity.headers.addresses("To")] == given_mailboxes


@given(lines, texts, st.lists(st.tuples(names, st.binary(max_size=300)), max_size=3))
def test_what_is_written_is_seven_bit_canonical_and_of_short_lines(subject, text, files):
    message = write([("Subject", subject), ("To", "Ünal <u@x.example>")], text, [attach(*file) for file in files])
    assert message.isascii()
    assert b"\n" not in message.replace(b"\r\n", b"")
    assert b"\r" not in message.replace(b"\r\n", b"")
    assert max(map(len, message.split(b"\r\n"))) <= 76


@given(lines, texts, st.lists(st.tuples(names, st.binary(max_size=300)), max_size=3))
def test_the_standard_library_reads_what_is_written(subject, text, files):
    peer = email.message_from_bytes(
        write([("Subject", subject)], text, [attach(*file) for file in files]), policy=email.policy.compat32
    )
    parts = peer.get_payload() if peer.is_multipart() else [peer]
    assert not peer.defects
    assert parts[0].get_payload(decode=True) == canonical(text).encode()
    assert [part.get_payload(decode=True) for part in parts[1:]] == [data for _, data in files]
    assert [
        email.utils.collapse_rfc2231_value(part.get_param("filename", header="content-disposition"))
        for part in parts[1:]
    ] == [name for name, _ in files]


def test_two_writings_differ_in_the_boundary_only():
    first, second = (write([("Subject", "x")], "y", [attach("a", b"z")]) for _ in range(2))
    boundary = [read_entity(BytesSource(m)).parameters["boundary"].encode() for m in (first, second)]
    assert boundary[0] != boundary[1]
    assert first.replace(boundary[0], b"") == second.replace(boundary[1], b"")


def test_mostly_foreign_text_is_sent_as_base64_and_mostly_ascii_as_quoted_printable():
    encodings = [
        read_entity(BytesSource(write(text=text))).encoding
        for text in ("Привет, как дела?", "Grüße aus der schönen Stadt am Rhein")
    ]
    assert encodings == ["base64", "quoted-printable"]


def test_a_text_may_come_from_a_source():
    entity = read_entity(BytesSource(write(text=BytesSource("größer\n".encode() * 50_000))))
    assert display(entity, encrypted=False).bodies[0].plain.text(10**7) == "größer\r\n" * 50_000


def test_an_attached_message_is_no_encoded_message_rfc822():
    """RFC 2045 section 6.4: message/rfc822 "is forbidden" to be base64."""
    entity = read_entity(BytesSource(write(attachments=[attach("forwarded.eml", b"A: b\r\n\r\nc", "message/rfc822")])))
    assert entity.parts()[1].content_type == "application/octet-stream"


@pytest.mark.parametrize("value", ["a\r\nBcc: eve@x.example", "a\nb", "a\rb", "a\x00b", "a\x7fb"])
@pytest.mark.parametrize("name", ["Subject", "To", "X-Thing", "Message-ID", "HP-Outer"])
def test_a_header_value_with_a_line_end_is_refused(name, value):
    with pytest.raises(ValueError):
        format_headers([(name, value)])


@pytest.mark.parametrize("name", ["", "a:b", "a b", "a\r\nb", "ä", "x" * 77])
def test_a_header_name_that_is_none_is_refused(name):
    with pytest.raises(ValueError):
        format_headers([(name, "x")])


@pytest.mark.parametrize(
    "field", [("Message-ID", "<ü@x>"), ("References", "<" + "x" * 998 + ">"), ("To", "Grüße:;"), ("Subject", "\ud800")]
)
def test_a_header_value_that_cannot_be_written_rightly_is_refused(field):
    with pytest.raises(ValueError):
        format_headers([field])


@pytest.mark.parametrize(
    ("name", "content_type"), [("", "text/plain"), ("a", "text"), ("a", "text/plain\r\nX: y"), ("a", "text/plain; x=y")]
)
def test_an_attachment_needs_a_name_and_a_media_type(name, content_type):
    with pytest.raises(ValueError):
        attach(name, b"", content_type)


def test_long_address_lists_fold_between_mailboxes():
    value = ", ".join(f"Person {number} <person{number}@example.org>" for number in range(50))
    written = format_headers([("To", value)])
    assert max(map(len, written.split(b"\r\n"))) <= 76
    assert read_entity(BytesSource(written + b"\r\n")).headers.get("To") == value


# --- header sections ------------------------------------------------------------------------------------------------


def test_fields_keep_their_order_and_octets_and_ignore_case():
    entity = read("Received: a", "SUBJECT: one\r\n two", "received: b", "", "body")
    assert [field.name for field in entity.headers] == ["Received", "SUBJECT", "received"]
    assert entity.headers.get_all("RECEIVED") == ["a", "b"]
    assert entity.headers.get("subject") == "one two"
    assert b"".join(field.raw for field in entity.headers) == b"Received: a\r\nSUBJECT: one\r\n two\r\nreceived: b\r\n"


@pytest.mark.parametrize("section", ["no field here", " continuation first: x", ": no name", "nön: x"])
def test_a_line_that_is_no_field_is_malformed(section):
    with pytest.raises(Malformed):
        read(section, "", "body")


def test_an_empty_source_is_an_empty_text():
    entity = read_entity(BytesSource(b""))
    assert (entity.content_type, len(entity.headers), octets(entity.content)) == ("text/plain", 0, b"")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=?utf-8?Q?Gr=C3=BC=C3=9Fe?= aus =?iso-8859-1?b?S/ZsbiE=?=", "Grüße aus Köln!"),
        ("=?utf-8?q?a?= \t=?utf-8?q?b?=", "ab"),
        ("=?utf-8?b?w7w=?= c =?utf-8?b?w7w?=", "ü c ü"),
        ("=?utf-8*en?q?a_b?=", "a b"),
        ("=?utf-8?b?w7==?==?utf-8?b?vA==?=", "ü"),
        ("=?unknown-8bit?q?caf=C3=A9?=", "café"),
        ("=?utf-8?x?a?= =?utf-8?q?a", "=?utf-8?x?a?= =?utf-8?q?a"),
        ("=?utf-8?q?a=0D=0ABcc:_b?=", "a  Bcc: b"),
        ("=?idna?q?x?= =?zlib?q?y?=", "xy"),
    ],
)
def test_encoded_words_are_decoded_for_display(value, shown):
    assert decode_words(value) == shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a@b.c", [("", "a@b.c")]),
        ("Ada <a@b.c>, bob@x", [("Ada", "a@b.c"), ("", "bob@x")]),
        ('"Byron, Ada" <a@b.c>', [("Byron, Ada", "a@b.c")]),
        ('"A \\"B\\" C" <a@b.c>', [('A "B" C', "a@b.c")]),
        ("a@b.c (Ada (the) Byron)", [("Ada (the) Byron", "a@b.c")]),
        ("=?utf-8?q?Zo=C3=AB?= Z <z@x>", [("Zoë Z", "z@x")]),
        ('"=?utf-8?q?Zo=C3=AB?=" <z@x>', [("Zoë", "z@x")]),
        ("team: a@b, Bob <b@c>; , d@e", [("", "a@b"), ("Bob", "b@c"), ("", "d@e")]),
        ("undisclosed-recipients:;", []),
        ("<@r1,@r2:a@b>", [("", "a@b")]),
        ('"a b"@c', [("", '"a b"@c')]),
        ("a@[IPv6:::1]", [("", "a@[IPv6:::1]")]),
        ("A.B. C <a@b>", [("A.B. C", "a@b")]),
        ("", []),
        (",,;", []),
        ("<>", []),
    ],
)
def test_address_lists(value, expected):
    assert parse_addresses(value) == tuple(Address(*mailbox) for mailbox in expected)


def test_an_encoded_name_that_looks_like_an_address_stays_a_name():
    assert parse_addresses("=?utf-8?q?=22x=22_=3Ceve=40x=3E=2C?= <ada@y>") == (Address('"x" <eve@x>,', "ada@y"),)


@pytest.mark.parametrize(
    ("value", "parameters"),
    [
        ('a/b; x=1; Y="2; 3"; x=4', {"x": "1", "y": "2; 3"}),
        ('a/b; x="a\\"b\\\\c"', {"x": 'a"b\\c'}),
        ("a/b; x*=utf-8'en'%E2%82%AC%20rates", {"x": "€ rates"}),
        ("a/b; x*0*=utf-8''%E2%82; x*1*=%AC; x*2=\" %41\"", {"x": "€ %41"}),
        ("a/b; x*1=b; x*0=a; x*3=d", {"x": "ab"}),
        ("a/b; x=plain; x*=iso-8859-1''%E4", {"x": "ä"}),
        ("a/b; name=my file.txt ; y", {"name": "my file.txt"}),
        ("a/b;;; x = y", {"x": "y"}),
        ('a/b; x="open', {"x": "open"}),
    ],
)
def test_parameters(value, parameters):
    assert parse_parameters(value) == ("a/b", parameters)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\boot.ini", "C__boot.ini"),
        ("a\r\nb\x00.txt", "ab.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        (".htaccess", "htaccess"),
        ("\u200f \u2066", ""),
        ("Übersicht 2026.pdf", "Übersicht 2026.pdf"),
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
    ],
)
def test_file_names_are_made_safe(name, safe):
    assert safe_filename(name) == safe


# --- entities -------------------------------------------------------------------------------------------------------

MIXED = (
    "Content-Type: multipart/mixed; boundary=out",
    "",
    "preamble",
    "--out",
    'Content-Type: multipart/alternative; boundary="in ner"',
    "",
    "--in ner",
    "",
    "plain",
    "--in ner \t",
    "Content-Type: text/html",
    "",
    "<p>html</p>",
    "",
    "--in ner--",
    "inner epilogue",
    "--out",
    "Content-Type: message/rfc822",
    "",
    "Content-Type: multipart/mixed; boundary=zzz",
    "",
    "--zzz",
    "",
    "not looked into",
    "--zzz--",
    "--outer is no delimiter",
    "--out--",
    "epilogue",
    "--out",
    "",
    "not a part",
)


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
@pytest.mark.parametrize("step", [1, 2, 3, 5, 17, 65536])
def test_parts_are_found_wherever_the_chunks_end(newline, step):
    entity = read_entity(Trickling(newline.join(MIXED).encode(), step))
    wrapped = newline.join(MIXED[19:26]).encode()
    assert tree(entity) == [
        "multipart/mixed",
        [
            ["multipart/alternative", [["text/plain", b"plain"], ["text/html", b"<p>html</p>" + newline.encode()]]],
            ["message/rfc822", wrapped],
        ],
    ]


def test_the_line_end_before_a_boundary_belongs_to_the_boundary():
    """RFC 2046 section 5.1.1; of a multipart/signed it decides over the signature."""
    entity = read(
        "Content-Type: multipart/signed; boundary=b",
        "",
        "--b",
        "A: 1",
        "",
        "signed",
        "",
        "--b",
        "",
        "signature",
        "--b--",
    )
    assert octets(entity.parts()[0].raw) == b"A: 1\r\n\r\nsigned\r\n"
    assert octets(entity.parts()[0].body) == b"signed\r\n"


@pytest.mark.parametrize("tail", [["--b--"], ["--b--", ""], [], [""]])
def test_parts_without_header_or_body_and_a_message_cut_off(tail):
    entity = read(
        "Content-Type: multipart/mixed; boundary=b", "", "--b", "", "--b", "A: 1", "--b", "", "", "--b", "", "x", *tail
    )
    rest = b"x" if tail[:1] == ["--b--"] else b"x" + b"\r\n" * len(tail)
    assert [octets(part.body) for part in entity.parts()] == [b"", b"", b"", rest]
    assert [octets(part.raw) for part in entity.parts()][:2] == [b"", b"A: 1"]


def test_an_outer_boundary_ends_inner_parts_that_were_left_open():
    entity = read(
        "Content-Type: multipart/mixed; boundary=a",
        "",
        "--a",
        "Content-Type: multipart/mixed; boundary=b",
        "",
        "--b",
        "",
        "x",
        "--a",
        "",
        "y",
        "--a--",
    )
    assert tree(entity) == ["multipart/mixed", [["multipart/mixed", [["text/plain", b"x"]]], ["text/plain", b"y"]]]


def test_a_boundary_that_begins_like_another_is_another():
    entity = read(
        "Content-Type: multipart/mixed; boundary=b", "", "--b", "", "x", "--bb", "--b-", "--b--x", " --b", "--b--"
    )
    assert tree(entity) == ["multipart/mixed", [["text/plain", b"x\r\n--bb\r\n--b-\r\n--b--x\r\n --b"]]]


def test_parts_of_a_digest_are_messages():
    entity = read("Content-Type: multipart/digest; boundary=b", "", "--b", "", "Subject: x", "", "--b--")
    assert entity.parts()[0].content_type == "message/rfc822"


@pytest.mark.parametrize(
    ("header", "content_type"),
    [
        ("X: y", "text/plain"),
        ("Content-Type: nonsense", "text/plain"),
        ("Content-Type: TEXT/HTML; a=b", "text/html"),
        ("Content-Type:", "text/plain"),
    ],
)
def test_the_default_type_is_text_plain(header, content_type):
    assert read(header, "", "").content_type == content_type


def test_content_is_decoded_and_an_unknown_encoding_is_unsupported():
    assert octets(read("Content-Transfer-Encoding: BASE64", "", "QUJD").content) == b"ABC"
    assert octets(read("Content-Transfer-Encoding: quoted-printable", "", "A=42C").content) == b"ABC"
    assert octets(read("Content-Transfer-Encoding: 8bit", "", "ABC").content) == b"ABC"
    with pytest.raises(Unsupported):
        read("Content-Transfer-Encoding: x-uuencode", "", "").open_body()


def test_a_source_that_seeks_and_one_that_does_not_give_the_same_parts():
    data = "\r\n".join(MIXED).encode()
    assert tree(read_entity(FileSource(io.BytesIO(b"xx" + data + b"yy"), 2, 2 + len(data)))) == tree(
        read_entity(Trickling(data, 9))
    )


def test_sizes_are_about_right():
    entity = read_entity(BytesSource(write(attachments=[attach("a", b"x" * 100_000)])))
    assert abs(display(entity, encrypted=False).attachments[0].size - 100_000) < 100


# Trees of parts, against the standard library's parser.
boundaries = st.from_regex(r"[A-Za-z0-9'()+_,./:=?-]{1,20}", fullmatch=True)
leaves = st.lists(st.sampled_from(["", "text", "--", "--x", "-", "a: b", "=_"]), max_size=4).map("\r\n".join)


@st.composite
def messages(draw, depth=0):
    if depth == 3 or draw(st.booleans()):
        return "\r\n" + draw(leaves)
    boundary = f"{draw(boundaries)}{depth}"
    parts = draw(st.lists(messages(depth + 1), min_size=1, max_size=3))
    body = "".join(f"\r\n--{boundary}\r\n{part}" for part in parts)
    return f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n{draw(leaves)}{body}\r\n--{boundary}--\r\n{draw(leaves)}'


@given(messages(), st.integers(1, 60))
def test_trees_of_parts_are_those_of_the_standard_library(message, step):
    assert tree(read_entity(Trickling(message.encode(), step))) == standard_tree(
        email.message_from_bytes(message.encode())
    )


def decoded(value):
    return str(email.header.make_header(email.header.decode_header(value.strip())))


def test_foreign_sample_messages_are_read_as_the_standard_library_does():
    files = sorted((SHARED / "vectors").glob("**/*.eml"))
    if not files:
        pytest.skip("the shared sample messages are not beside the project")
    for file in files:
        data = file.read_bytes()
        entity, peer = read_entity(BytesSource(data)), email.message_from_bytes(data)
        assert tree(entity) == standard_tree(peer), file.name
        assert [field.name for field in entity.headers] == list(peer.keys()), file.name
        assert entity.headers.text("Subject") == decoded(peer["Subject"]), file.name


def test_the_octets_of_a_first_part_are_those_a_foreign_signature_covers():
    """RFC 1847 section 2.1; the signed attributes hold the digest of these octets as they are."""
    files = sorted((SHARED / "vectors/thunderbird").glob("alice.dsig.*.multipart.eml"))
    if not files:
        pytest.skip("the shared sample messages are not beside the project")
    for file in files:
        signed, signature = read_entity(FileSource(io.BytesIO(file.read_bytes()))).parts()
        digest = hashlib.new(file.name.split(".")[2], octets(signed.raw)).digest()
        assert digest in octets(signature.content), file.name


def test_the_octets_of_a_first_part_without_header_begin_with_the_empty_line():
    """RFC 4134 section 4.8, kept with LF line ends: signed are the canonical ones, without signed attributes."""
    folder = SHARED / "vectors/rfc4134"
    if not folder.exists():
        pytest.skip("the shared sample messages are not beside the project")
    signed, signature = read_entity(BytesSource((folder / "4.8.eml").read_bytes())).parts()
    with CrlfReader(signed.raw.open()) as stream:
        content = stream.read()
    assert content == b"\r\nThis is some sample content."
    signer_info = cms.ContentInfo.load(octets(signature.content))["content"]["signer_infos"][0]
    certificate = x509.load_der_x509_certificate((folder / "AliceDSSSignByCarlNoInherit.cer").read_bytes())
    certificate.public_key().verify(signer_info["signature"].native, content, hashes.SHA1())  # noqa: S303  # it is of 2002


# --- what a page shows ----------------------------------------------------------------------------------------------


def test_alternatives_are_one_body_and_the_rest_attachments():
    shown = display(read(*MIXED), encrypted=False)
    assert [(body.plain.text(99), body.html.text(99)) for body in shown.bodies] == [("plain", "<p>html</p>\r\n")]
    assert [(part.name, part.content_type) for part in shown.attachments] == [("part-1.eml", "message/rfc822")]


def test_pages_with_files_between_them_beside_one_text_all_show():
    shown = display(
        read(
            "Content-Type: multipart/alternative; boundary=a", "", "--a", "", "text", "--a",
            "Content-Type: multipart/mixed; boundary=m", "", "--m", "Content-Type: text/html", "", "one", "--m",
            "Content-Type: application/pdf", "", "", "--m", "Content-Type: text/html", "", "two", "--m--", "--a--",
        ),
        encrypted=False,
    )  # fmt: skip
    assert [(body.plain and body.plain.text(9), body.html.text(9)) for body in shown.bodies] == [
        ("text", "one"),
        (None, "two"),
    ]
    assert [part.name for part in shown.attachments] == ["part-1.pdf"]


def test_of_several_plain_alternatives_the_last_is_shown():
    shown = display(
        read("Content-Type: multipart/alternative; boundary=a", "", "--a", "", "worse", "--a", "", "better", "--a--"),
        encrypted=False,
    )
    assert [body.plain.text(9) for body in shown.bodies] == ["better"]


def test_texts_to_save_and_pictures_of_a_page_are_attachments():
    shown = display(
        read(
            "Content-Type: multipart/related; boundary=b", "", "--b", "Content-Type: text/html; charset=iso-8859-1", "", "x", "--b",
            "Content-Type: image/png; name=logo.png", "Content-ID: <1@x>", "Content-Disposition: inline", "", "", "--b",
            "Content-Disposition: attachment; filename=a.txt", "", "y", "--b--",
        ),
        encrypted=False,
    )  # fmt: skip
    assert [body.html.charset for body in shown.bodies] == ["iso-8859-1"]
    assert [(part.name, part.content_id, part.inline) for part in shown.attachments] == [
        ("logo.png", "1@x", True),
        ("a.txt", None, False),
    ]


def test_a_text_is_decoded_by_its_charset_up_to_the_limit():
    entity = read_entity(
        BytesSource(b"Content-Type: text/plain; charset=windows-1252\r\n\r\nna\xefve \x80" + b"x" * 100)
    )
    assert display(entity, encrypted=False).bodies[0].plain.text(8) == "naïve €x"


# --- limits ---------------------------------------------------------------------------------------------------------


def multipart(parts):
    return "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + "--b\r\n\r\nx\r\n" * parts + "--b--"


def nested(depth):
    return "".join(f"Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n" for level in range(depth))


def structure(text):
    return read_entity(BytesSource(text.encode())).parts()


def test_500_parts_are_read_and_501_are_malformed():
    assert len(structure(multipart(500))) == 500
    with pytest.raises(Malformed):
        structure(multipart(501))


def test_a_message_beyond_the_limits_is_malformed_at_every_call():
    entity = read_entity(BytesSource(multipart(501).encode()))
    for _ in range(2):
        with pytest.raises(Malformed):
            entity.parts()


def test_depth_30_is_read_and_31_is_malformed():
    structure(nested(30))
    with pytest.raises(Malformed):
        structure(nested(31))


def test_1000_fields_are_read_and_1001_are_malformed():
    assert len(read("a: b\r\n" * 1000).headers) == 1000
    with pytest.raises(Malformed):
        read("a: b\r\n" * 1001)


@pytest.mark.parametrize("line", ["a: " + "b" * 300_000, "a: b" + "\r\n b" * 100_000, "b" * 300_000])
def test_more_than_256_kib_of_headers_are_malformed(line):
    with pytest.raises(Malformed):
        read(line, "", "")
    with pytest.raises(Malformed):
        structure(f"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{line}\r\n\r\n--b--")


def test_the_header_limit_is_for_all_parts_together():
    with pytest.raises(Malformed):
        structure(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + f"--b\r\na: {'b' * 1000}\r\n\r\nx\r\n" * 300 + "--b--"
        )


@pytest.mark.parametrize(
    "header", ["multipart/mixed", "multipart/mixed; boundary=", f"multipart/mixed; boundary={'b' * 201}"]
)
def test_a_multipart_without_a_usable_boundary_is_malformed(header):
    with pytest.raises(Malformed):
        read(f"Content-Type: {header}", "", "x").parts()


HEADER = "Content-Type: multipart/mixed; boundary=b\r\n"
MB = 1_000_000


@pytest.mark.parametrize(
    "hostile",
    [
        multipart(100_000),
        HEADER + "\r\n" + "\n--" * (MB // 3),
        HEADER + "\r\n" + "\r\n--b" + " " * 70 + "x" + "\r\n--b  x" * (MB // 8),
        nested(30) + "\n--b" * (MB // 4),
        "To: " + ('"\\' * 120_000),
        "To: " + "(" * 250_000,
        "To: " + "<" * 250_000,
        "To: " + "a," * 120_000,
        "To: " + '"a\\"' * 60_000,
        "Subject: " + "=?a?q?" * 40_000,
        "Subject: " + "=?" * 120_000,
        "Subject: " + "=?utf-8?q?a?= " * 18_000,
        "Content-Type: a/b" + ";" * 250_000,
        "Content-Type: a/b" + ';a="\\"' * 40_000 + "\\",
        "Content-Type: a/b; " + "a" * 250_000,
        "Content-Type: a/b" + "; a*0=b" * 35_000,
        "Content-Type: text/plain; charset=" + "x" * 250_000 + "\r\n\r\n",
        "Content-Type: text/html; hp=cipher; hp-legacy-display=1\r\n\r\n"
        + "<div header-protection-legacy-display" * 25_000,
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + " " * MB + "x",
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + "=" * MB,
    ],
    ids=lambda text: f"{text[:24]}…{text[-8:]}",
)
def test_hostile_messages_cost_no_more_than_their_length(hostile):
    """Each takes well below a second; what costs its square takes minutes. The bound leaves room for a busy machine."""
    began = time.process_time()
    try:
        entity = read_entity(BytesSource(hostile.encode()))
        entity.headers.text("Subject")
        entity.headers.addresses("To")
        for body in display(entity, encrypted=True).bodies:
            for part in (body.plain, body.html):
                if part is not None:
                    part.text(2 * MB)
    except Malformed:
        pass
    assert time.process_time() - began < 5


@given(
    st.lists(
        st.sampled_from(
            [
                *"abA:;=\"\\'<>()[]@,. \t-*?%",
                "\r\n",
                "--b",
                "boundary=b",
                "Content-Type: ",
                "multipart/mixed;",
                "=?utf-8?q?",
            ]
        ),
        max_size=60,
    ).map("".join)
)
@settings(max_examples=500)
def test_no_input_gives_another_error_than_ours(text):
    try:
        entity = read_entity(BytesSource(text.encode()))
        [entity.headers.addresses(field.name) for field in entity.headers]
        display(entity, encrypted=True)
    except (Malformed, Unsupported):
        pass
