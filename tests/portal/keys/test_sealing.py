"""What everything at rest is sealed with."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.keys.chunks import CHUNK, ChunkWriter, open_chunks
from portal.keys.sealing import SealBroken, aead_open, aead_seal, context, hpke_open, hpke_seal, new_key, new_key_pair

SIZES = st.sampled_from([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 7])


def sealed_file(plaintext: bytes, key: bytes, piece: int = 50_000) -> bytes:
    file = io.BytesIO()
    writer = ChunkWriter(file, key)
    for start in range(0, len(plaintext), piece):
        writer.write(plaintext[start : start + piece])
    writer.close()
    return file.getvalue()


def test_a_sealed_value_opens_only_in_its_context():
    key = new_key()
    sealed = aead_seal(key, b"secret", context("draft", "alice", "1"))
    assert aead_open(key, sealed, context("draft", "alice", "1")) == b"secret"
    for other in (context("draft", "alice", "2"), context("draft", "bob", "1"), context("draft", "alice1", "")):
        with pytest.raises(SealBroken):
            aead_open(key, sealed, other)


def test_no_two_contexts_look_alike():
    assert context("a", "bc") != context("ab", "c")
    assert context("a", "") != context("a")


def test_what_is_sealed_to_a_public_key_opens_with_its_private_key_only():
    private, public = new_key_pair()
    sealed = hpke_seal(public, b"secret", b"bound")
    assert hpke_open(private, sealed, b"bound") == b"secret"
    with pytest.raises(SealBroken):
        hpke_open(new_key_pair()[0], sealed, b"bound")
    with pytest.raises(SealBroken):
        hpke_open(private, sealed, b"elsewhere")


@pytest.mark.parametrize("blob", [b"", b"\x01", b"\x02" + bytes(40), b"\x01" + bytes(40)])
def test_anything_else_is_broken_not_an_error_of_a_library(blob):
    with pytest.raises(SealBroken):
        aead_open(new_key(), blob, b"")
    with pytest.raises(SealBroken):
        hpke_open(new_key_pair()[0], blob, b"")


@given(SIZES, st.integers(min_value=1, max_value=3 * CHUNK))
def test_a_sealed_file_reads_back_whatever_the_pieces(size, piece):
    key, plaintext = new_key(), bytes(i % 251 for i in range(size))
    with open_chunks(io.BytesIO(sealed_file(plaintext, key, piece)), key) as stream:
        assert stream.read() == plaintext


@pytest.mark.parametrize("size", [0, 10, CHUNK, 3 * CHUNK])
def test_a_file_cut_short_never_reads_to_its_end(size):
    key = new_key()
    sealed = sealed_file(b"x" * size, key)
    for cut in (len(sealed) - 1, len(sealed) - 17, 8 + CHUNK + 16, 9):
        if cut < len(sealed):
            with pytest.raises(SealBroken), open_chunks(io.BytesIO(sealed[:cut]), key) as stream:
                stream.read()


def test_chunks_can_be_neither_swapped_nor_repeated():
    key = new_key()
    sealed = sealed_file(bytes(3 * CHUNK), key)
    head, chunk = sealed[:8], CHUNK + 16
    first, second, rest = sealed[8 : 8 + chunk], sealed[8 + chunk : 8 + 2 * chunk], sealed[8 + 2 * chunk :]
    for changed in (head + second + first + rest, head + first + first + rest, head + first + rest, sealed + first):
        with pytest.raises(SealBroken), open_chunks(io.BytesIO(changed), key) as stream:
            stream.read()
