"""Who a message says it is from: fields that programs read in different ways. The signer is really ada or carl; From says eve or ceo."""

from forge import Forged, signed_data
from layered import mime
from spoofs import NOT_VERIFIED, UNSIGNED, VERIFIED, Family, clear_signed

FAMILY = Family()
MALFORMED = "malformed"
SIGNED = '; protocol="application/pkcs7-signature"'


def fields(*lines: str, encoding="utf-8"):
    """A message signed by ada under these header fields."""

    def build() -> bytes:
        return "".join(f"{each}\r\n" for each in lines).encode(encoding) + clear_signed()

    return build


NAMES = {
    "another": "ceo@example.org",
    "display_name_is_an_address": '"ceo@example.org" <ada@example.org>',
    "display_name_before_the_signers": "ceo@example.org <ada@example.org>",
    "display_name_in_two_quotes": '"ceo""@example.org" <ada@example.org>',
    "display_name_with_escapes": r'"ceo\@example.org" <ada@example.org>',
    "display_name_with_blanks": '"ceo @ example.org" <ada@example.org>',
    "display_name_in_encoded_words": "=?utf-8?q?ceo=40example=2Eorg?= <ada@example.org>",
    "display_name_in_base64_words": "=?utf-8?b?Y2VvQGV4YW1wbGUub3Jn?= <ada@example.org>",
    "display_name_across_encoded_words": "=?utf-8?q?ceo?= =?utf-8?q?=40example=2Eorg?= <ada@example.org>",
    "display_name_in_utf_16_words": "=?utf-16be?b?AGMAZQBvAEAAZQB4AGEAbQBwAGwAZQAuAG8AcgBn?= <ada@example.org>",
    "encoded_word_in_quotes": '"=?utf-8?q?ceo=40example=2Eorg?=" <ada@example.org>',
    "encoded_word_with_nul": "=?utf-8?q?ceo=40example=2Eorg=00?= <ada@example.org>",
    "encoded_word_with_line_end": "=?utf-8?q?ceo=40example=2Eorg=0D=0AX=3A?= <ada@example.org>",
    "encoded_word_cut_off": "=?utf-8?b?Y2VvQGV4YW1wbGUub3JnA?= <ada@example.org>",
    "encoded_word_padded_in_the_middle": "=?utf-8?b?Y2U=b0BleGFtcGxlLm9yZw==?= <ada@example.org>",
    "encoded_word_without_an_end": "=?utf-8?q?ceo=40example.org <ada@example.org>",
    "encoded_word_in_an_encoded_word": "=?utf-8?q?=3D=3Futf-8=3Fq=3Fceo=3D40example=2Eorg=3F=3D?= <ada@example.org>",
    "encoded_word_of_many_nuls": "=?utf-8?q?ceo=00=40=00e=00x=00ample.org?= <ada@example.org>",
    "encoded_word_in_utf_7": "=?utf-7?q?ceo+AEA-example.org?= <ada@example.org>",
    "encoded_word_in_ucs_2": "=?iso-10646-ucs-2?b?AGMAZQBvAEAAZQB4AGEAbQBwAGwAZQAuAG8AcgBn?= <ada@example.org>",
    "encoded_word_in_an_unknown_ebcdic": "=?ibm1047?b?g4WWfIWnlIOTlUuWmYc=?= <ada@example.org>",
    "encoded_word_of_overlong_octets": "=?utf-8?q?ceo=C1=80example.org?= <ada@example.org>",
    "display_name_with_an_ideographic_full_stop": "ceo @ example\u3002org <ada@example.org>",
    "encoded_word_as_address": "=?utf-8?q?ceo=40example=2Eorg?=",
    "fullwidth_commercial_at": "ceo\uff20example.org <ada@example.org>",
    "small_commercial_at": "ceo\ufe6bexample.org <ada@example.org>",
    "right_to_left": "\u202egro.elpmaxe@oec\u202c <ada@example.org>",
    "invisible_characters": "ceo\u200b@example.org <ada@example.org>",
    "invisible_character_in_the_address": "ada\u200b@example.org",
    "no_break_space": "ceo\u00a0@example.org <ada@example.org>",
    "homograph": "\u0430da@example.org",
    "homograph_domain": "ada@ex\u0430mple.org",
    "a_long_s_is_no_s": "ada@example.org, ada\u017f@example.org",
    "other_top_level": "ada@example.org.evil.example",
    "prefix_of_the_local_part": "xada@example.org",
    "plus_in_the_local_part": "ada+ceo@example.org",
    "comment_is_an_address": "ada@example.org (ceo@example.org)",
    "comment_in_the_name": "ceo(x)@example.org <ada@example.org>",
    "comment_in_the_address": "ceo@(ada@)example.org",
    "nested_comment": "(a (b) ceo@example.org) <ada@example.org>",
    "unfinished_comment": "ceo@example.org (<ada@example.org>",
    "unfinished_quote": '"ceo@example.org <ada@example.org>',
    "unfinished_angle": "<ceo@example.org <ada@example.org>",
    "two_angles": "<ceo@example.org> <ada@example.org>",
    "angle_after_address": "ada@example.org <ceo@example.org>",
    "group_name": "ceo@example.org: ada@example.org;",
    "group_member": "Staff: ada@example.org, ceo@example.org;",
    "empty_group": "ada: ;",
    "route": "<@ceo.example,@example.org:ada@example.org>",
    "several_mailboxes": "ada@example.org, ceo@example.org",
    "several_mailboxes_the_signer_last": "ceo@example.org, ada@example.org",
    "semicolon_list": "ada@example.org; ceo@example.org",
    "quoted_local_part": '"ceo@example.org"@evil.example',
    "quoted_local_part_with_a_mailbox": '"ada@example.org> <ceo"@example.org',
    "domain_literal": "ada@[example.org]",
    "nul": "ada@example.org\0.evil.example",
    "percent_hack": "ceo%example.org@example.org",
    "bang_path": "example.org!ceo@evil.example",
    "no_address": "The Director",
    "empty": "",
    "mailto": "<mailto:ceo@example.org> ada@example.org",
    "uncommon_sender_only_name": "ada",
}
for name, sender in NAMES.items():
    FAMILY.add(f"from_{name}", "every address in From is the signer's, however it is written", NOT_VERIFIED, fields(f"From: {sender}"), from__matches_signer=False)

FIELDS = {
    "two_fields": ("From: ada@example.org", "From: ceo@example.org"),
    "two_fields_the_signer_last": ("From: ceo@example.org", "From: ada@example.org"),
    "blank_before_the_colon": ("From: ada@example.org", "From : ceo@example.org"),
    "tab_before_the_colon": ("From\t: ceo@example.org", "From: ada@example.org"),
    "upper_case": ("From: ada@example.org", "FROM: ceo@example.org"),
    "folded_value": ("From:", " ceo@example.org", " <ada@example.org>"),
    "two_senders": ("From: ceo@example.org", "Sender: ada@example.org", "Sender: eve@example.org"),
    "sender_names_more": ("From: ceo@example.org", "Sender: ada@example.org, eve@example.org"),
    "sender_display_name": ("From: ceo@example.org", 'Sender: "eve@example.org" <ada@example.org>'),
    "sender_is_another": ("From: ceo@example.org", "Sender: eve@example.org"),
}
for name, lines in FIELDS.items():
    FAMILY.add(name, "RFC 5322 section 3.6: one From and one Sender; where there are more, each must be the signer's", NOT_VERIFIED, fields(*lines), from__matches_signer=False)

FAMILY.add("sender_alone", "a Sender that is another's speaks against the signer, where From is absent", NOT_VERIFIED, fields("Sender: eve@example.org"))
FAMILY.add("resent_from", "only From and Sender name the one who wrote", NOT_VERIFIED, fields("From: ceo@example.org", "Resent-From: ada@example.org", "Resent-Sender: ada@example.org"))
FAMILY.add("reply_to", "only From and Sender name the one who wrote", NOT_VERIFIED, fields("From: ceo@example.org", "Reply-To: ada@example.org", "Return-Path: <ada@example.org>"))
FAMILY.add("name_folded_before_the_colon", "RFC 5322 section 2.2: a field begins with its name and a colon", MALFORMED, fields("From", " : ada@example.org"))
FAMILY.add("name_with_nul", "RFC 5322 section 3.6.8: a name is of printable ASCII", MALFORMED, fields("From: ada@example.org", "Fr\0om: ceo@example.org"))
FAMILY.add("name_with_a_homograph", "RFC 5322 section 3.6.8: a name is of printable ASCII", MALFORMED, fields("From: ada@example.org", "Fr\u043em: ceo@example.org"))
FAMILY.add("continuation_first", "a header section begins with a field", MALFORMED, fields(" From: ceo@example.org", "From: ada@example.org"))
RETURNS = {
    "return_in_from": ("From: ceo@example.org\r <ada@example.org>",),
    "return_hides_from": ("Subject: Plans\rFrom: ceo@example.org",),
    "return_before_another_from": ("X-Mailer: x\rFrom: ceo@example.org", "From: ada@example.org"),
    "returns_end_the_header": ("From: ada@example.org", "Subject: Plans\r\rPay eve"),
}
for name, lines in RETURNS.items():
    FAMILY.add(name, "RFC 5322 section 2.2: CR and LF occur together only; other programs end a line at either", MALFORMED, fields(*lines))
FAMILY.add("header_section_ends_early", "what stands behind an empty line is no header field", UNSIGNED, lambda: b"From: ada@example.org\r\n\r\n" + clear_signed())
FAMILY.add(
    "sender_signs_for_another",
    "RFC 8550 section 3: a Sender who signs is named, and From does not match",
    VERIFIED,
    fields("From: ceo@example.org", "Sender: ada@example.org"),
    from__matches_signer=False,
    reason="signed by ada@example.org, who sent it for the one it is from",
)


def inside(protected: str, outside: str, hp='; hp="clear"', content_type="text/plain", signer="ada"):
    def build() -> bytes:
        entity = f"{protected}Content-Type: {content_type}{hp}\r\n\r\nHello\r\n".encode()
        structure = signed_data(Forged(signer, content=entity))
        return mime(structure).replace(b"From: ada@example.org\r\n", outside.encode())

    return build


OUTSIDE = "From: ada@example.org\r\n"
CEO = "From: ceo@example.org\r\n"
PROTECTED = {
    "protected_from_is_another": (CEO, OUTSIDE, '; hp="clear"'),
    "protected_from_as_if_encrypted": (CEO, OUTSIDE, '; hp="cipher"'),
    "two_protected_from": (OUTSIDE + CEO, OUTSIDE, '; hp="clear"'),
    "protected_from_with_a_name": ('From: "ceo@example.org" <ada@example.org>\r\n', OUTSIDE, '; hp="clear"'),
    "unprotected_from_inside_is_not_taken": (OUTSIDE, CEO, ""),
    "hp_of_another_value_is_none": (OUTSIDE, CEO, '; hp="yes"'),
    "hp_missing_and_from_only_inside": (CEO, "Subject: Plans\r\n", ""),
    "hp_outer_is_no_from": ("HP-Outer: From: ada@example.org\r\n", CEO, '; hp="cipher"'),
}
for name, (protected, outside, hp) in PROTECTED.items():
    FAMILY.add(name, "RFC 9788 section 4.4: the protected From counts, and only with the parameter hp", NOT_VERIFIED, inside(protected, outside, hp))


@FAMILY.spoof("RFC 9788 section 4.10: the From of a wrapped message is its protected one")
def wrapped_message_of_another() -> bytes:
    return mime(signed_data(Forged(content=b"Content-Type: message/rfc822\r\n\r\n" + CEO.encode() + b"Subject: Pay\r\n\r\nHello\r\n")))


FAMILY.add(
    "outside_from_differs_from_the_protected",
    "RFC 9788 section 4.4: the protected From is shown and the difference pointed out",
    VERIFIED,
    inside(OUTSIDE, CEO),
    from__header="ada@example.org",
    reason="outside, the message names another sender",
    content__type="text/plain",
)
FAMILY.add(
    "only_the_name_differs_from_the_protected_from",
    "RFC 9788 section 4.4.1.1: two From fields mismatch if their addr-specs do; a name may have been hidden (section 3.2.2)",
    VERIFIED,
    inside("From: Ada Byron <ada@example.org>\r\n", "From: ADA@Example.org\r\n"),
    from__header="Ada Byron <ada@example.org>",
    reason=None,
    content__type="text/plain",
)
FAMILY.add(
    "outside_from_differs_from_the_protected_of_a_stranger",
    "RFC 9788 section 4.4.2: where no author is proven, the difference is pointed out too",
    NOT_VERIFIED,
    inside(CEO, OUTSIDE),
    reason="signed by ada@example.org, who is not the sender the message names; outside, the message names another sender",
)
FAMILY.add(
    "protected_subject_is_the_one_shown",
    "RFC 9788 section 4.3: a subject outside does not replace the one that was signed",
    VERIFIED,
    inside(OUTSIDE + "Subject: Plans\r\n", OUTSIDE + "Subject: Pay eve\r\n"),
    headers__Subject__value="Plans",
    headers__Subject__protection="signed-only",
    content__type="text/plain",
)
