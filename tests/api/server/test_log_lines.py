"""The lines of the web server, and of libraries, have the form of ours."""

import json
import logging
import logging.config
import sys
from pathlib import Path

import pytest

from tasks.settings import Settings
from tasks.telemetry.logs import LibraryHandler, server_logging
from tests.support.api.web_process import web_process
from tools.servers import Valkey


def test_every_line_of_all_processes_is_json(valkey: Valkey, tmp_path: Path) -> None:
    environment = {"WEB_CONCURRENCY": "2", "LOG_LEVEL": "info", "LOG_FORMAT": "json"}
    with web_process(valkey.url, "memory://", environment, lines=tmp_path / "log"):
        pass
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert all({"timestamp", "level", "event"} <= line.keys() for line in lines)
    servers = [line["message"] for line in lines if line["event"] == "library.log"]
    assert any("Started parent process" in message for message in servers)
    assert sum("Application startup complete" in message for message in servers) == 2


def test_an_exception_is_logged_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    handler = LibraryHandler(text=False)
    try:
        int("with user data")
    except ValueError:
        handler.emit(logging.LogRecord("asyncio", logging.ERROR, __file__, 1, "Task %s", ("failed",), sys.exc_info()))
    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["logger"], line["message"]) == ("error", "asyncio", "Task failed")
    assert "builtins.ValueError" in line["exception"]
    assert "user data" not in str(line)


def test_for_a_terminal_they_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    LibraryHandler(text=True).emit(logging.LogRecord("uvicorn", logging.INFO, "", 1, "Started", (), None))
    assert "library.log" in capsys.readouterr().err


def test_the_level_is_that_of_the_settings() -> None:
    for level in ("debug", "info", "warning", "error"):
        made = server_logging(Settings(_env_file=None, log_level=level))
        assert made["loggers"]["uvicorn"]["level"] == level.upper()
        logging.config.DictConfigurator(made)
