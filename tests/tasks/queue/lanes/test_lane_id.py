"""A lane's name is text in Redis; Python and Lua read the same from it."""

import pytest
from arq.connections import ArqRedis
from redis.commands.core import AsyncScript

from tasks.queue.lanes.lane_id import LaneId
from tasks.queue.script import read

LANES = {
    "owner:alice": LaneId("owner", "alice"),
    "endpoint:4bf92f3577b34da6a3ce929d0e0e4736": LaneId("endpoint", "4bf92f3577b34da6a3ce929d0e0e4736"),
    "test:4bf92f3577b34da6a3ce929d0e0e4736": LaneId("test", "4bf92f3577b34da6a3ce929d0e0e4736"),
    "host:alice:example.com": LaneId("host", "alice", "example.com"),
    "host:alice:::1": LaneId("host", "alice", "::1"),
}


@pytest.mark.parametrize(("text", "lane"), LANES.items(), ids=list(LANES))
async def test_python_and_lua_agree(redis: ArqRedis, text: str, lane: LaneId) -> None:
    assert str(lane) == text
    assert LaneId.parse(text) == lane
    lua = read("parts/lane_ids") + "return { parse_lane(ARGV[1]) }"
    assert await AsyncScript(redis, lua)(args=[text]) == [lane.kind.encode(), lane.subject.encode()]


async def test_lua_names_the_lane_of_an_owner_as_python_does(redis: ArqRedis) -> None:
    lua = read("parts/lane_ids") + "return owner_lane(ARGV[1])"
    assert await AsyncScript(redis, lua)(args=["alice"]) == str(LaneId("owner", "alice")).encode()


@pytest.mark.parametrize("text", ["", "lane", "neighbour:alice"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the name of a lane"):
        LaneId.parse(text)
