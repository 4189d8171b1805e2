"""No outbound request goes to the installation's own servers, whatever networks are allowed."""

from ipaddress import ip_address
from pathlib import Path

import pytest
from pydantic import SecretStr

from tasks.outbound.open import open_outbound
from tasks.outbound.own_services import own_services
from tasks.outbound.protocol import OutboundError, OutboundRequest
from tasks.settings import Settings
from tests.support.receivers import Receiver

SETTINGS = Settings.model_validate(
    {
        "redis_url": "redis://user:secret@redis.internal:6380/0",
        "storage_endpoint": "http://minio.internal:9001",
        "storage_public_endpoint": "https://files.example.com:9443",
        "public_url": "https://pressroom.example.com:8443",
        "public_files_url": "https://pictures.example.com:8444",
        "port": 8100,
        "outbound_networks": "127.0.0.0/8,::1/128",
        "outbound_http": True,
    }
)


@pytest.mark.parametrize(
    ("address", "port", "is_own"),
    [
        *((address, port, True) for address in ("127.0.0.1", "127.9.9.9", "::1", "0.0.0.0") for port in (6380, 9001)),
        *((address, port, True) for address in ("::ffff:127.0.0.1", "64:ff9b::7f00:1") for port in (8100, 8443)),
        ("127.0.0.1", 9000, False),
        ("10.0.0.5", 6380, True),  # Redis may have any private address
        ("10.0.0.5", 9001, False),
        ("93.184.215.14", 6380, False),
    ],
)
def test_on_this_machine_the_port_decides(address: str, port: int, is_own: bool) -> None:
    assert own_services(SETTINGS).has_address(ip_address(address), port) is is_own


def test_a_name_or_address_that_the_settings_name_is_known_by_it() -> None:
    sentinels = SETTINGS.model_copy(update={"redis_url": SecretStr("redis+sentinel://10.0.0.1,b:2/main")})
    own = own_services(sentinels)
    assert own.has("10.0.0.1", 26379)
    assert own.has("B", 2)
    assert own.has("minio.internal", 9001)
    assert not own.has("minio.internal", 9000)
    assert own.has("files.example.com", 9443)
    assert own.has("pictures.example.com", 8444)
    assert own_services(SETTINGS.model_copy(update={"redis_url": SecretStr("unix:///x")})).has("localhost", 8100)


async def test_no_connection_is_opened_to_them(tmp_path: Path) -> None:
    open_to_all = SETTINGS.model_copy(update={"redis_url": SecretStr("redis://localhost:1/0")})
    client = open_outbound(open_to_all)
    async with Receiver() as receiver:
        url = f"http://127.0.0.1:{receiver.port}/"
        assert (await client.post(OutboundRequest(url, b"{}", {}))).status == 200
        await client.close()
        client = open_outbound(open_to_all.model_copy(update={"port": receiver.port}))
        for request in (client.post(OutboundRequest(url, b"{}", {})), client.fetch(url, tmp_path / "it", max_bytes=10)):
            with pytest.raises(OutboundError) as refused:
                await request
            assert refused.value.code == "address_refused"
        await client.close()
        assert len(receiver.requests) == 1
