"""A path that came from the sandbox may name anything."""

import os
from pathlib import Path

import pytest

from tasks.refusal import SandboxDeath
from tasks.sandbox_output import output_file


def test_files_of_the_folder_are_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for path in (tmp_path / "file", tmp_path / "out" / "file"):
        path.write_bytes(b"x")
        assert output_file(tmp_path, str(path)) == path


def test_anything_else_is_not(tmp_path: Path) -> None:
    folder, secret = tmp_path / "scratch", tmp_path / "secret"
    folder.mkdir()
    secret.write_text("SECRET_KEY=x")
    (folder / "link").symlink_to(secret)
    (folder / "up").symlink_to(tmp_path)
    (folder / "inner").mkdir()
    os.mkfifo(folder / "pipe")
    wrong = ("link", "up/secret", "../secret", "inner", "pipe", "missing", "zero\0", "")
    for path in (*(str(folder / name) for name in wrong), str(secret), "/proc/self/environ", "secret"):
        with pytest.raises(SandboxDeath, match="not its own") as caught:
            output_file(folder, path)
        assert caught.value.code == "crashed"
