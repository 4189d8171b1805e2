"""What the patterns of fields mean, in words: no message shows a regular expression."""

from typing import Final

_NAME: Final = "letters (A to Z), digits, _ and -"

FORMS: Final = {
    "^[0-9a-f]{32}$": "an id: 32 characters, 0-9 and a-f",
    r"^[1-9][0-9]{0,4}[smhd]$": "a number of at most 5 digits, and s, m, h or d behind it, such as 90d",
    "^[A-Za-z0-9_-]{1,100}$": f"1 to 100 {_NAME}",
    "^[0-9a-f]{64}$": "a SHA-256 in hex: 64 characters, 0-9 and a-f",
    r"^[a-z0-9_-]{1,40}$": "1 to 40 characters of a to z, 0 to 9, _ and -",
    r"^([a-z0-9_-]{1,40}|arq/.{1,200})$": "1 to 40 characters of a to z, 0 to 9, _ and -, or arq/ and a queue_name",
    r"^(auto|#([0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8}))$": "a colour such as #ffffff or #fff, or auto",
    "^#[0-9a-fA-F]{6}$": "a colour such as #1f4e79",
    r"^(#[0-9a-fA-F]{6}|accent|accent2|ink|muted|positive|negative|warning)$": "a colour such as #1f4e79, or one of "
    "accent, accent2, ink, muted, positive, negative and warning",
    r"^(https?://[^\s<>\"]+|mailto:[^\s<>\"]+|#[A-Za-z0-9_-]{1,80})$": "a URL with https://, http:// or mailto:, or # "
    "and the name of an anchor",
    r"^[a-z0-9-]{1,40}$": "1 to 40 characters of a to z, 0 to 9 and -",
    r"^[A-Za-z0-9_+=,.@-]{1,128}$": "1 to 128 letters, digits and _ + = , . @ -",
    r"^[A-Za-z0-9_-]{1,80}$": f"1 to 80 {_NAME}",
    "^[A-Za-z0-9_-]{1,60}$": f"1 to 60 {_NAME}",
    r"^[A-Za-z]{1,3}[1-9][0-9]{0,6}:[A-Za-z]{1,3}([1-9][0-9]{0,6})?$": "a range of cells such as A1:F20 or A3:F",
    "^[a-z]{2,3}([-_][A-Za-z0-9]{2,8})*$": "a language such as de or en-GB",
    r"^[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}$": "a media type such as image/jpeg",
    "^(sha1 [A-Za-z0-9+/]{27}=|sha256 [A-Za-z0-9+/]{43}=)$": "sha1 or sha256, a space, and the base64 of the digest",
    "^[A-Z]{3}$": "a currency such as EUR",
    r"^(type|data(\.[^.]+){0,10})$": "type, data, or a value in it, such as data.status",
    r"^[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*$": "letters (A to Z), digits and _, with dots between them, such as order.paid",
    r"^(\*|[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*(\.\*)?)$": "a type such as order.paid, several such as order.*, or *",
    r"^s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9_=-][A-Za-z0-9._=-]*)*)/?$": "s3://bucket or "
    "s3://bucket/prefix",
    r"^[a-zA-Z0-9_.:@/+=-]+$": "letters (A to Z), digits and . _ : @ / + = -",
}
"""pattern -> what to send. Each pattern of a model has an entry (tests/api/test_texts.py)."""
