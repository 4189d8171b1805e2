"""Signed public URLs: what can be read is what was signed, and nothing else."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from typing import Any

import msgpack
import pytest
from pydantic import SecretStr

from tasks.public_files.signing import KEY_ID_BYTES, MAC_BYTES, MAX_CHARS, PREFIX, FileSigner, SignedFile
from tasks.public_files.urls import PublicFiles
from tasks.settings import Settings

FILE = SignedFile("5e6b1f0c9a7d4e2f8b3c6a1d0e9f7b42", "ab" * 32, "small.jpg", "image/jpeg")
NEW, OLD = "n" * 32, "o" * 32
signer = FileSigner([NEW])


def signed(file: SignedFile = FILE, by: FileSigner = signer) -> str:
    return by.path(file).removeprefix(PREFIX)


def parts(text: str) -> tuple[bytes, bytes, bytes, str]:
    """Version and key id, fields, MAC, ending."""
    whole, dot, ending = text.partition(".")
    data = urlsafe_b64decode(whole + "=" * (-len(whole) % 4))
    head = 1 + KEY_ID_BYTES
    return data[:head], data[head:-MAC_BYTES], data[-MAC_BYTES:], dot + ending


def joined(head: bytes, fields: bytes, mac: bytes, ending: str) -> str:
    return urlsafe_b64encode(head + fields + mac).rstrip(b"=").decode() + ending


@pytest.mark.parametrize(
    "file",
    [
        FILE,
        replace(FILE, expires_at_s=1_900_000_000),
        replace(FILE, inline=False),
        replace(FILE, name="größe 大.webp"),
        replace(FILE, name='a"; x=\r\nSet-Cookie: y.png'),
        replace(FILE, name="no ending"),
        replace(FILE, name="x.toolongending"),
        replace(FILE, job_id="an id of ARQ's client"),
    ],
)
def test_what_was_signed_is_read(file: SignedFile) -> None:
    text = signed(file)
    assert signer.read(text) == file
    assert text == signed(file), "the same file has the same URL"
    assert text.isascii()
    assert not set(text) & set(" ,\"'<>&?#%/")  # it stands in srcset, in HTML and in a URL as it is


def test_a_url_is_short_and_ends_as_the_name_does() -> None:
    assert signed().endswith(".jpg")
    assert len(signed()) < 150


def test_a_long_name_is_signed_by_its_end() -> None:
    long = replace(FILE, name="é" * 1000 + ".jpg", job_id="i" * 200, type="image/" + "x" * 500)
    found = signer.read(signed(long))
    assert found is not None
    assert found.name.endswith("éé.jpg")
    assert len(signed(long)) <= MAX_CHARS


def changed(**fields: Any) -> str:
    """The URL of FILE with other fields and the old MAC."""
    head, packed, mac, ending = parts(signed())
    names = ("job", "blob", "name", "type", "inline", "expires_at_s")
    values = dict(zip(names, msgpack.unpackb(packed), strict=True)) | fields
    return joined(head, msgpack.packb(tuple(values.values())), mac, ending)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "text/html"},
        {"inline": False},
        {"blob": b"\xcd" * 32},
        {"job": b"\x00" * 16},
        {"name": "other.jpg"},
        {"expires_at_s": 4_000_000_000},
    ],
)
def test_nothing_of_it_can_be_changed(fields: dict[str, Any]) -> None:
    assert signer.read(changed(**fields)) is None
    assert signer.read(changed()) == FILE  # so what is refused is the change


def test_every_byte_counts() -> None:
    head, packed, mac, ending = parts(signed())
    data = head + packed + mac
    for place in range(len(data)):
        wrong = bytearray(data)
        wrong[place] ^= 1
        assert signer.read(joined(bytes(wrong), b"", b"", ending)) is None


def test_there_is_one_way_to_write_it() -> None:
    # Of one whose last character has bits that do not count.
    some = (signed(replace(FILE, name="a" * length + ".jpg")) for length in range(4))
    text = next(one for one in some if len(one.partition(".")[0]) % 4)
    whole, _, ending = text.partition(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    neighbour = alphabet[alphabet.index(whole[-1]) ^ 1]
    for other in (
        f"{whole[:-1]}{neighbour}.{ending}",
        f"{whole}=.{ending}",
        f"{whole}==.{ending}",
        f"{whole}.png",
        f"{whole}.JPG",
        whole,
        f"{whole}.",
        f"{text}.jpg",
        f"{whole[:9]}\n{whole[9:]}.{ending}",
        f"{whole[:9]}!{whole[9:]}.{ending}",
        f" {text}",
    ):
        assert signer.read(other) is None, other


@pytest.mark.parametrize("text", ["", ".", "=", "A", "AAAA", "ü" * 20, "\x00", "A" * 1_000_000, "." * 5000, "AA==.jpg"])
def test_rubbish_is_no_url(text: str) -> None:
    assert signer.read(text) is None


def test_keys_are_rotated() -> None:
    old, both = FileSigner([OLD]), FileSigner([NEW, OLD])
    assert both.read(signed(by=old)) == FILE
    assert signed(by=both) == signed(by=signer)
    assert signer.read(signed(by=old)) is None


def test_the_id_of_another_key_does_not_help() -> None:
    old, both = FileSigner([OLD]), FileSigner([NEW, OLD])
    _, packed, mac, ending = parts(signed(by=old))
    new_head = parts(signed(by=signer))[0]
    assert both.read(joined(new_head, packed, mac, ending)) is None
    assert both.read(joined(b"\x02" + new_head[1:], packed, mac, ending)) is None


def test_another_version_is_not_read() -> None:
    head, packed, mac, ending = parts(signed())
    assert signer.read(joined(b"\x02" + head[1:], packed, mac, ending)) is None


def settings(**values: Any) -> Settings:
    return Settings(_env_file=None, dev=False, **values)


def test_the_key_is_its_own_or_follows_from_secret_key() -> None:
    secret, own = settings(secret_key=OLD), settings(secret_key=OLD, files_key=NEW)
    moved = settings(secret_key=OLD, files_key=f"{NEW},{OLD}")
    url = PublicFiles.of(secret).signer.path(FILE).removeprefix(PREFIX)
    assert PublicFiles.of(own).signer.read(url) is None
    assert PublicFiles.of(moved).signer.read(url) == FILE
    assert not PublicFiles.of(settings()).signer.has_keys
    assert PublicFiles.of(secret) is PublicFiles.of(settings(secret_key=SecretStr(OLD)))


def test_a_key_is_long() -> None:
    with pytest.raises(ValueError, match="FILES_KEY has at least 32 characters"):
        settings(files_key=f"{NEW},short")


def test_a_type_that_is_none_is_signed_as_bytes() -> None:
    files = PublicFiles.of(settings(files_key=NEW))
    for given in ("text/html\r\nSet-Cookie: a=b", "x", "image/png; a=b", ""):
        url = files.url("", FILE.job_id, {"blob": FILE.blob, "name": "a.jpg", "type": given})
        found = files.signer.read(url.removeprefix(PREFIX))
        assert found is not None
        assert found.type == "application/octet-stream"
