"""CompressedData: RFC 3274 and RFC 8551 section 3.6, with a bound on what content may expand to."""

import io
import random
import time
import tracemalloc
import zlib
from contextlib import closing, suppress

import pytest
from forge import CONTENT, content_info
from hypothesis import given
from hypothesis import strategies as st
from pki import NOW, SHARED, certificate, decryption_key, signing_key, trust

from secmail import (
    OWN_CAPABILITIES,
    BytesSource,
    CompressedLayer,
    Malformed,
    Recipient,
    SignedLayer,
    Unsupported,
    compressing,
    der,
    enveloping,
    signing,
    unwrap,
)
from secmail.algorithms import NULL, ZLIB_COMPRESSION
from secmail.cms import COMPRESSED_DATA, DATA
from secmail.cms.compressed import ALWAYS_ALLOWED, MAX_EXPANSION, CompressedDataWriter, open_compressed


def made(*pieces: bytes) -> bytes:
    out = io.BytesIO()
    writer = CompressedDataWriter(out)
    for each in pieces:
        writer.write(each)
    writer.close()
    return out.getvalue()


def read(data: bytes, **options) -> bytes:
    with closing(open_compressed(BytesSource(data), **options).open()) as stream:
        return stream.read()


def forged(compressed: bytes, *, algorithm=ZLIB_COMPRESSION, parameters=b"", content_type=DATA) -> bytes:
    inner = der.sequence(der.oid(content_type), der.tlv(der.context(0), der.octets(compressed)))
    return content_info(
        COMPRESSED_DATA, der.sequence(der.integer(0), der.sequence(der.oid(algorithm), parameters), inner)
    )


@given(st.lists(st.binary(max_size=70_000), max_size=4))
def test_content_of_any_size_in_any_pieces_comes_back(pieces):
    assert read(made(*pieces)) == b"".join(pieces)


@given(st.binary(max_size=100), st.integers(0, 3000))
def test_repetitive_content_comes_back(piece, times):
    assert read(made(piece * times)) == piece * times


def test_each_pass_decompresses_again():
    content = open_compressed(BytesSource(made(CONTENT)))
    assert content.open().read() == content.open().read() == CONTENT


def test_null_parameters_are_read_too():
    """RFC 3274 section 2.1: "implementations may encounter encodings which use an ASN.1 NULL element"."""
    assert read(forged(zlib.compress(CONTENT), parameters=NULL)) == CONTENT


# In messages


def headers() -> io.BytesIO:
    out = io.BytesIO()
    out.write(b"From: ada@example.org\r\nMIME-Version: 1.0\r\n")
    return out


def opened(out: io.BytesIO):
    return unwrap(BytesSource(out.getvalue()), keys=[decryption_key("bob")], trust=trust(), now=NOW)


def signed(out):
    return signing(out, signer=signing_key("ada"), now=NOW, certificates=[certificate("ca")])


def test_a_message_compressed_before_or_after_signing_opens_and_verifies():
    """RFC 8551 section 3.7: "the order of these operations is not specified"; both are found in the field."""
    for outer, inner, kinds in ((signed, compressing, [SignedLayer, CompressedLayer]), (compressing, signed, [CompressedLayer, SignedLayer])):
        out = headers()
        with outer(out) as sink, inner(sink) as innermost:
            innermost.write(CONTENT)
        result = opened(out)
        assert [type(each) for each in result.layers] == kinds
        assert result.require_verified().address == "ada@example.org"
        assert result.content.open().read() == CONTENT


def test_a_compressed_message_is_named_as_rfc8551_wants():
    out = headers()
    with compressing(out) as sink:
        sink.write(CONTENT)
    assert b'smime-type=compressed-data; name="smime.p7z"' in out.getvalue()
    result = opened(out)
    assert (result.verdict, result.is_encrypted, result.entity.content_type) == ("unsigned", False, "text/plain")


def test_signed_compressed_and_encrypted_opens():
    out = headers()
    recipients = [Recipient(certificate("bob"), OWN_CAPABILITIES)]
    with enveloping(out, recipients=recipients) as envelope, compressing(envelope) as sink, signed(sink) as innermost:
        innermost.write(CONTENT)
    assert opened(out).require_verified()


# Bombs


def bomb(size: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()


def test_content_that_expands_more_than_a_hundredfold_is_refused_before_it_costs_anything():
    data = forged(bomb(100 << 20))
    tracemalloc.start()
    begin = time.process_time()
    with pytest.raises(Malformed):
        open_compressed(BytesSource(data))
    assert time.process_time() - begin < 1
    assert tracemalloc.get_traced_memory()[1] < 30 << 20
    tracemalloc.stop()


def test_the_bound_is_a_hundredfold_beyond_the_first_mebibyte():
    assert len(read(forged(bomb(1 << 20)))) == ALWAYS_ALLOWED
    with pytest.raises(Malformed):
        read(forged(bomb(2 << 20)))
    noise = random.Random(1).randbytes(100_000)
    limit = MAX_EXPANSION * 100_000
    assert len(read(made(noise, bytes(limit - 200_000)))) == limit - 100_000
    with pytest.raises(Malformed):
        read(forged(zlib.compress(noise + bytes(2 * limit))))


def test_content_that_nobody_could_open_is_not_sent():
    with pytest.raises(Unsupported):
        made(bytes(10 << 20))


def test_the_callers_limit_holds_whatever_the_ratio():
    noise = random.Random(2).randbytes(200_000)
    assert read(made(noise), max_size=200_000) == noise
    with pytest.raises(Malformed):
        read(made(noise), max_size=199_999)


def test_compressed_content_inside_compressed_content_is_refused():
    """Each layer may expand a hundredfold; two of them ten thousandfold."""
    out = headers()
    with compressing(out) as sink, compressing(sink) as innermost:
        innermost.write(CONTENT)
    with pytest.raises(Malformed):
        opened(out)


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_compressed_content_that_is_cut_off_is_refused(cut):
    with pytest.raises(Malformed):
        read(forged(zlib.compress(CONTENT * 9)[:-cut]))


@pytest.mark.parametrize("compressed", [b"", b"\0", b"plain text", zlib.compress(CONTENT) + b"more", zlib.compress(CONTENT)[::-1]])
def test_content_that_is_not_one_compressed_stream_is_refused(compressed):
    with pytest.raises(Malformed):
        read(forged(compressed))


def test_octets_after_the_stream_are_refused_without_reading_on():
    with pytest.raises(Malformed):
        read(forged(zlib.compress(CONTENT) + bytes(300_000)))


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_flipped_byte_gives_other_content_or_malformed(position, mask):
    data = bytearray(made(CONTENT))
    data[position % len(data)] ^= mask
    with suppress(Malformed, Unsupported):
        read(bytes(data))


@pytest.mark.parametrize("change", [{"algorithm": "1.2.3"}, {"content_type": "1.2.840.113549.1.7.2"}])
def test_other_compressions_and_contents_are_unsupported(change):
    with pytest.raises(Unsupported):
        read(forged(zlib.compress(CONTENT), **change))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared vectors are not here")
def test_the_compressed_message_of_r_housley_opens():
    data = (SHARED / "cms/rfc3274.CompressedDataTestCase.compressed_data_pem_text.der").read_bytes()
    assert read(data).startswith(b"Content-Type: text/plain\n\nRFC 3274, published in June 2002")
