"""A client of resumable uploads, request by request."""

import asyncio
import base64
from typing import Any

import httpx

from tests.support.api.serving import ALICE

PATH = "/v1/uploads/resumable"
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}


def metadata(**values: str | bytes) -> str:
    """An Upload-Metadata header."""
    encoded = {name: value.encode() if isinstance(value, str) else value for name, value in values.items()}
    return ",".join(f"{name} {base64.b64encode(value).decode()}" for name, value in encoded.items())


async def create(client: httpx.AsyncClient, length: int, **about: str) -> str:
    """Begin an upload. Returns: its path."""
    headers = {**TUS, "Upload-Length": str(length)} | ({"Upload-Metadata": metadata(**about)} if about else {})
    answer = await client.post(PATH, headers=headers)
    assert answer.status_code == 201, answer.text
    location: str = answer.headers["Location"]
    return location


async def patch(client: httpx.AsyncClient, path: str, offset: int, content: Any, **headers: str) -> httpx.Response:
    return await client.patch(path, content=content, headers={**BYTES, "Upload-Offset": str(offset), **headers})


async def offset_of(client: httpx.AsyncClient, path: str) -> int:
    answer = await client.head(path, headers=TUS)
    assert answer.status_code == 200, answer.status_code
    return int(answer.headers["Upload-Offset"])


async def half_sent(
    port: int, path: str, offset: int, content: bytes, declared: int, *, key: str = ALICE
) -> asyncio.StreamWriter:
    """Send the beginning of a PATCH. Returns: the connection, which is still open."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    fields = {**BYTES, "Host": "127.0.0.1", "Upload-Offset": str(offset), "Content-Length": str(declared)}
    head = "".join(f"{name}: {value}\r\n" for name, value in {**fields, "Authorization": f"Bearer {key}"}.items())
    writer.write(f"PATCH {path} HTTP/1.1\r\n{head}\r\n".encode() + content)
    await writer.drain()
    return writer
