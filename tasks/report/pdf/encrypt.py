"""A password on a finished PDF file."""

from pathlib import Path

import pikepdf


def lock(path: str, password: str) -> None:
    """Encrypt the file in place: AES-256, opened with `password`. Raises: OSError."""
    locked = Path(f"{path}.locked")
    with pikepdf.open(path) as pdf:
        # One password for both roles: who can open it may do with it what they like.
        pdf.save(locked, encryption=pikepdf.Encryption(owner=password, user=password, R=6))
    locked.replace(path)
