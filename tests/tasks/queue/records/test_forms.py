"""What is packed comes back to the byte, in each form that was ever written."""

import hashlib
import random
import secrets
from collections.abc import Sequence

import pytest

from tasks.queue.records.dictionaries import FIRST_DICTIONARY, SECOND_DICTIONARY
from tasks.queue.records.folding import fold, from_ascii, to_ascii, unfold
from tasks.queue.records.packing import FORMS, Fields, pack, unpack

SINCE = 1_795_883_055_113
SHA256, ID = "d5520159ba0f03544f8b503bcba6281d45391eaf5f2668a86c09eb0e73cb4af8", "de9607d691113f452ae652ebe9f2bd5f"
EACH_FORM = range(1, len(FORMS) + 1)
RECORD = {
    b"kind": b"echo",
    b"created_at": b"%d" % SINCE,
    b"error": b'{"code": "failed", "message": "It failed."}',
    b"finished_at": b"%d" % (SINCE + 4_711),
    b"params": b'{"blob":"%s","bytes":204800}' % SHA256.encode(),
    b"request_id": ID.encode(),
}
PACKED: Sequence[Sequence[bytes]] = (
    (
        b"1jZVLCsNADEOv0hMU/2MfoccYz9iQTVa9Pw00ELrrVgsJ8QT67ype78dXf56RvR",
        b"/7GXUZhbozaDjJDfjCulQJUCMHNLCKtKcC58xh5LhEObBGa5OZD7cJUQm18UwZ7",
        b"fcsCMQBfuquCoNtWSAityiNMqXKiqZc2h8",
    ),
    (
        b'2#.\x1f`Y"\x00\x11WCh"A364C\x7fANP(!\x0c\x00NIUR\x01Y:\x0f\x03TO\x0bP;K&(\x1dE9\x1e/_&h(l\tk\x0esKJx\x00@\x0c',
        b"^\x16\x07V\x11\x11?E*fRkir=_.fhR\x082\x10\x12]\rz\x00",
    ),
)
"""The pieces that each form made of RECORD once."""


@pytest.mark.parametrize(
    ("dictionary", "digest"), [(FIRST_DICTIONARY, "33159c15519dfa73"), (SECOND_DICTIONARY, "4a7498940e425b27")]
)
def test_the_dictionaries_are_those_with_which_records_were_packed(dictionary: bytes, digest: str) -> None:
    assert hashlib.sha256(dictionary).hexdigest()[:16] == digest, "packed records could not be read any more"


@pytest.mark.parametrize(("form", "pieces"), list(enumerate(PACKED, 1)))
def test_what_was_packed_once_can_be_read(form: int, pieces: Sequence[bytes]) -> None:
    assert unpack(hash_of(RECORD, pieces)) == RECORD, f"form {form}"


def hash_of(fields: Fields, pieces: Sequence[bytes]) -> Fields:
    """What Redis has of a record that is packed."""
    packed = pack(fields)
    assert packed is not None
    left = {name: value for name, value in fields.items() if name not in packed.dropped}
    return {**left, **packed.stand_ins, **{b"%d" % number: piece for number, piece in enumerate(pieces)}}


@pytest.mark.parametrize("form", EACH_FORM)
@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 1_000, 5_000])
def test_what_is_packed_comes_back(length: int, form: int) -> None:
    fields = {
        b"kind": b"echo",
        b"params": secrets.token_urlsafe(length).encode(),
        b"odd": "\x00ÿ".encode(),
        b"tally:failed": b"2",
    }
    packed = pack(fields, form)
    assert packed is not None
    found = hash_of(fields, packed.pieces)
    assert {b"kind", b"tally:failed"} == found.keys() & fields.keys() - {b"params"}
    assert unpack(found) == fields
    assert all(len(piece) <= 63 and piece.isascii() for piece in packed.pieces)
    assert pack(found) is None, "it is packed already"


@pytest.mark.parametrize("form", EACH_FORM)
def test_a_record_that_is_too_long_or_no_text_stays_as_it_is(form: int) -> None:
    assert pack({b"kind": b"echo", b"params": secrets.token_urlsafe(20_000).encode()}, form) is None
    assert [pack({b"kind": b"echo", b"params": bytes([byte])}, form) for byte in range(0xF9, 0x100)] == [None] * 7


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing of the kind",
        f"{SHA256} {ID} {SHA256}{SHA256} 0a1b2c3d {ID[:17]} {ID[:-1]}",
        f"{SINCE} {SINCE - 1} {SINCE + 1} 0 1000000000000 9999999999999 17 1795883055113123",
        "0 1 9 10 007 1.25 12.50 -12 127 128 16383 16384 999999999999999999 1000000000000000000 1e10 v10 10th a_10",
        f"{'ab' * 254} {'cd' * 255} {'ef' * 256} {'a' * 1_001} {'12' * 600}",
        "ABCDEF0123456789 deadbeefDEADBEEF größer 日本語 \x00\x7f",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 550e8400-e29b-41d4-a716-446655440000",
        " ".join(hashlib.sha256(b"%d" % number).hexdigest() for number in range(300)) * 2,
    ],
    ids=lambda text: text[:20],
)
def test_what_is_folded_comes_back(text: str) -> None:
    folded, data = fold(text.encode(), SINCE)
    assert unfold(folded, data, SINCE).decode() == text


def test_any_text_that_is_folded_comes_back() -> None:
    dice = random.Random(7)  # noqa: S311 - the same texts each time
    words = ["0", "1", "12", "1795883055113", "0a1b2c3d", SHA256, ID, "a", "f", ".", "-", " ", "ü", "_", "z", "\xff"]
    for _ in range(5_000):
        text = "".join(dice.choices(words, k=dice.randrange(12))).encode()
        folded, data = fold(text, SINCE)
        assert unfold(folded, data, SINCE) == text


def test_hex_and_numbers_take_their_bytes() -> None:
    folded, data = fold(f"{SHA256} {ID} {SHA256} {SINCE + 63} 204800".encode(), SINCE)
    assert (len(folded), len(data)) == (5 + len("    "), 32 + 16 + 1 + 1 + 3)


@pytest.mark.parametrize("length", range(30))
def test_bytes_as_ascii_come_back(length: int) -> None:
    for data in (bytes(length), b"\xff" * length, random.Random(length).randbytes(length)):  # noqa: S311
        text = to_ascii(data)
        assert text.isascii()
        assert len(text) == length + -(-length // 7)
        assert from_ascii(text) == data
