"""The real servers that tests run against, besides Valkey (`tools.servers`): Redis' Sentinel, and S3."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import httpx

from tools.servers import REDIS_SERVER, ServerProcess


class SentinelServer(ServerProcess):
    """One of Redis' sentinels. It watches a primary, of which it says that it is down after a second.

    primary: the port of the primary.
    quorum: how many sentinels must say so.
    """

    name = "pressroom"

    def __init__(self, primary: int, quorum: int) -> None:
        super().__init__()
        self._primary, self._quorum = primary, quorum

    def command(self) -> list[str]:
        assert REDIS_SERVER is not None
        settings = self.folder / "sentinel.conf"
        settings.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
            f"sentinel monitor {self.name} 127.0.0.1 {self._primary} {self._quorum}\n"
            f"sentinel down-after-milliseconds {self.name} 1000\n"
            f"sentinel failover-timeout {self.name} 6000\n"
        )
        return [REDIS_SERVER, str(settings), "--sentinel"]


class S3Server(ServerProcess):
    """An S3 server with one empty bucket, `bucket`.

    url: its endpoint. environment: the `AWS_*` variables of a client that may use it.
    """

    bucket = "pressroom"
    environment: Mapping[str, str] = {
        "AWS_ACCESS_KEY_ID": "pressroom-tests",
        "AWS_SECRET_ACCESS_KEY": "pressroom-tests-secret",
        "AWS_REGION": "us-east-1",
    }

    stderr = subprocess.DEVNULL

    def __init__(self) -> None:
        super().__init__()
        self.url = f"http://127.0.0.1:{self.port}"

    def make_bucket(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        super().__enter__()
        self.make_bucket()
        return self


class MotoServer(S3Server):
    """moto: S3's semantics, ranges and stored headers included; it verifies no signature."""

    def command(self) -> list[str]:
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]

    def make_bucket(self) -> None:
        httpx.put(f"{self.url}/{self.bucket}").raise_for_status()


class RcloneServer(S3Server):
    """`rclone serve s3`: verifies signatures and keeps objects as files; it answers a Range with status 200."""

    def command(self) -> list[str]:
        keys = f"{self.environment['AWS_ACCESS_KEY_ID']},{self.environment['AWS_SECRET_ACCESS_KEY']}"
        rclone = str(Path(sys.executable).with_name("rclone"))
        address = f"127.0.0.1:{self.port}"
        return [rclone, "serve", "s3", "--config=", f"--auth-key={keys}", f"--addr={address}", str(self.folder)]

    def make_bucket(self) -> None:
        (self.folder / self.bucket).mkdir()
