"""The encoding of a text file: what its byte order mark says, what its bytes prove, or a guess with a warning."""

import codecs
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tasks.refusal import Refusal
from tasks.report.formats.cleaning import clean

SAMPLE_BYTES: Final = 1 << 20
_BLOCK_BYTES: Final = 1 << 18
_SHOWN_CHARS: Final = 40
_MARKS: Final = (  # that of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Windows writes more characters under these names than the standards have.
_CODECS: Final = {"utf-8": "utf-8-sig", "shift_jis": "cp932", "euc_kr": "cp949", "big5": "cp950"}
_OF_LANGUAGE: Final = {
    **dict.fromkeys(("cs", "hr", "hu", "pl", "ro", "sk", "sl", "sq"), "cp1250"),
    **dict.fromkeys(("be", "bg", "kk", "mk", "ru", "sr", "uk"), "cp1251"),
    **dict.fromkeys(("et", "lt", "lv"), "cp1257"),
    "el": "cp1253",
    "tr": "cp1254",
    "he": "cp1255",
    "ar": "cp1256",
    "vi": "cp1258",
    "ja": "shift_jis",
    "ko": "euc_kr",
    "zh": "gb18030",
}
_WESTERN: Final = "cp1252"
_HIGH_RUN: Final = re.compile(rb"[\x80-\xff]+")
_MAC_LETTERS: Final = re.compile(rb"(?<=[A-Za-z])[\x80-\x91\x95-\x9f](?=[a-z])|(?<=[a-z])\xd5(?=[a-z])")
_WINDOWS_LETTERS: Final = re.compile(rb"(?<=[A-Za-z])[\xc0-\xd4\xd6-\xff\x92](?=[a-z])")
_NOT_IN_CP1252: Final = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")

Warn = Callable[[str, str], None]


class TextEncoding(NamedTuple):
    """How bytes become text: a codec of Python, and what it does with bytes that are none of its characters."""

    codec: str
    errors: str = "strict"


def find_encoding(path: Path, said: str, lang: str, warn: Warn) -> TextEncoding:
    """The encoding to read a file in.

    Args:
        path: The file.
        said: The encoding that the request names. Another one than UTF-8 is believed, but for a byte order mark.
        lang: The language of the report, which a guess goes by.
        warn: Called with a code and a message where the encoding is guessed, or where bytes have to be replaced.

    Raises:
        Refusal: `wrong_encoding` where nothing can be guessed.
    """
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
    marked = next((codec for mark, codec in _MARKS if head.startswith(mark)), None)
    if marked is not None:
        return TextEncoding(marked)
    if said != "utf-8":
        return TextEncoding(_CODECS.get(said, said))
    if b"\0" in head[:1024] and (wide := _wide(head[:1024])):
        warn("guessed_encoding", f"The file is not UTF-8. It was read as {wide}. If that is wrong, set 'encoding'.")
        return TextEncoding(wide)
    bad = _not_utf8(path)
    if bad.wrong == 0:
        return TextEncoding("utf-8")
    if bad.characters > 10 * bad.wrong:
        warn(
            "replaced_bytes",
            f"The file is UTF-8, but for {bad.wrong:,} bytes, which are shown as \N{REPLACEMENT CHARACTER}. The first "
            f"one is in line {bad.line:,}. Save the file again as UTF-8, or set 'encoding'.",
        )
        return TextEncoding("utf-8", "replace")
    guessed = _guess(bad.sample, lang)
    if guessed is None:
        message = (
            f"Line {bad.line:,} is not UTF-8 (byte 0x{bad.sample[bad.start]:02X}), and the encoding does not follow "
            "from the bytes. Set 'encoding', such as cp1251, shift_jis or gb18030, or save the file as UTF-8."
        )
        raise Refusal("wrong_encoding", message)
    codec = _CODECS.get(guessed, guessed)
    shown = clean(bad.sample[bad.line_start : bad.line_end].decode(codec, "replace"))[:_SHOWN_CHARS]
    warn(
        "guessed_encoding",
        f"The file is not UTF-8. It was read as {guessed}; line {bad.line:,} reads {shown!r} then. "
        "If that is wrong, set 'encoding'.",
    )
    return TextEncoding(codec, "replace")


class _NotUtf8(NamedTuple):
    """What of a file is not UTF-8, and how many characters are, beside ASCII.

    Attributes:
        wrong: How many bytes are none.
        characters: How many characters beside ASCII are.
        line: Where the first wrong byte is, from 1.
        sample: The block of lines that it is in, and those after it.
        start: Where it is in the sample.
        line_start: Where its line begins there.
        line_end: Where its line ends there.
    """

    wrong: int
    characters: int
    line: int = 0
    sample: bytes = b""
    start: int = 0
    line_start: int = 0
    line_end: int = 0


def _not_utf8(path: Path) -> _NotUtf8:
    if all(map(_is_utf8, _whole_lines(path))):  # most files are, and counting takes its time
        return _NotUtf8(0, 0)
    count = characters = line = start = 0
    sample = b""
    for lines in _whole_lines(path):
        if lines.isascii():
            line += lines.count(b"\n") if not sample else 0
            continue
        text = lines.decode("utf-8", "surrogateescape")
        bad = sum("\udc80" <= character <= "\udcff" for character in text) if not _is_utf8(lines) else 0
        characters += len(text) - len(text.encode("ascii", "ignore")) - bad  # much faster than one by one
        if bad and not sample:
            start = _first_wrong(lines)
            line += lines.count(b"\n", 0, start) + 1
            sample = lines
        elif not sample:
            line += lines.count(b"\n")
        elif len(sample) < SAMPLE_BYTES:
            sample += lines
        count += bad
    line_start = sample.rfind(b"\n", 0, start) + 1
    line_end = sample.find(b"\n", start)
    return _NotUtf8(count, characters, line, sample, start, line_start, line_end if line_end >= 0 else len(sample))


def _whole_lines(path: Path) -> Iterator[bytes]:
    """The file in blocks that end between characters. A line of more than a block is parted where it is ASCII."""
    tail = b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            block = tail + block
            end = max(block.rfind(b"\n"), block.rfind(b"\r")) + 1 or (len(block) if block[-1] < 0x80 else 0)
            if end == 0 and len(block) > SAMPLE_BYTES:
                end = len(block)
            tail = block[end:]
            if end:
                yield block[:end]
    if tail:
        yield tail


def _is_utf8(lines: bytes) -> bool:
    if lines.isascii():
        return True
    try:
        lines.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _first_wrong(lines: bytes) -> int:
    try:
        lines.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return 0


def _wide(head: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: where its zeros stand. None if it is neither."""
    quarter = len(head) // 4
    zeros = [head[place::4].count(0) for place in range(4)]
    filled = [count > quarter * 0.6 for count in zeros]
    return {
        (False, True, True, True): "utf-32-le",
        (True, True, True, False): "utf-32-be",
        (False, True, False, True): "utf-16-le",
        (True, False, True, False): "utf-16-be",
    }.get((filled[0], filled[1], filled[2], filled[3]))


def _guess(sample: bytes, lang: str) -> str | None:
    """An encoding for text that is not UTF-8; None where it seems to be of another script than the language is."""
    tag = lang.replace("-", "_").split("_")
    of_language = "big5" if tag[0] == "zh" and {"Hant", "TW", "HK"} & set(tag) else _OF_LANGUAGE.get(tag[0])
    if of_language is not None:
        return of_language
    runs = _HIGH_RUN.findall(sample)
    if sum(len(run) > 2 for run in runs) * 5 > len(runs):
        return None  # words of such letters alone are not of the Latin script
    mac, windows = len(_MAC_LETTERS.findall(sample)), len(_WINDOWS_LETTERS.findall(sample))
    undefined = len(_NOT_IN_CP1252.findall(sample))
    return "mac_roman" if mac > windows or undefined > windows else _WESTERN
