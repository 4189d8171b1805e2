"""A name server on loopback that says what a test tells it to: real packets, one answer after the other.

async with NameServer() as names:
    names.say("example.com", ["93.184.216.34"], ["127.0.0.1"])  # the first look-up, and all that follow
    ... Resolver(nameservers=(names.address,), …)
"""

import asyncio
import struct
from collections import Counter
from ipaddress import ip_address
from types import TracebackType
from typing import Self

A, CNAME, SOA, AAAA = 1, 5, 6, 28
NO_SUCH_NAME, REFUSED = 3, 5
Sender = tuple[str, int]


class NameServer(asyncio.DatagramProtocol):
    """Nothing that it says may be kept: every look-up asks anew.

    address: `127.0.0.1:port`, once the block has begun. asked: each question, as name and type, as they came.
    """

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[tuple[str, int]] = []
        self.delay_s = 0.0
        self._lists: dict[str, tuple[list[str], ...]] = {}
        self._codes: dict[str, int] = {}
        self._turns: Counter[tuple[str, int]] = Counter()
        self._timers: set[asyncio.TimerHandle] = set()

    def say(self, name: str, *lists: list[str]) -> None:
        """A list of addresses for each look-up; the last holds on. A name among them is an alias, and what follows it
        is the alias's."""
        self._lists[name] = lists

    def fail(self, name: str, code: int = NO_SUCH_NAME) -> None:
        self._codes[name] = code

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._transport.get_extra_info("sockname"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for timer in self._timers:
            timer.cancel()
        self._transport.close()

    def datagram_received(self, data: bytes, sender: Sender) -> None:
        name, kind, question = _question(data)
        self.asked.append((name, kind))
        if name not in self._lists and name not in self._codes:
            return  # never an answer
        answer = self._answer(data[:2], name, kind, question)
        timer = asyncio.get_running_loop().call_later(self.delay_s, self._transport.sendto, answer, sender)
        self._timers.add(timer)

    def _answer(self, query_id: bytes, name: str, kind: int, question: bytes) -> bytes:
        code = self._codes.get(name, 0)
        lists = self._lists.get(name, ([],))
        chosen = lists[min(self._turns[name, kind], len(lists) - 1)]
        self._turns[name, kind] += 1
        records, owner = [], name
        for item in chosen:
            try:
                address = ip_address(item)
            except ValueError:
                records.append(_record(owner, CNAME, _name(item)))
                owner = item
            else:
                if kind == (A if address.version == 4 else AAAA):
                    records.append(_record(owner, kind, address.packed))
        # An answer without records may be kept for as long as its SOA says: not at all.
        authority = [] if records else [_record(name, SOA, b"\0\0" + struct.pack("!IIIII", 1, 0, 0, 0, 0))]
        head = query_id + struct.pack("!HHHHH", 0x8180 | code, 1, len(records), len(authority), 0)
        return b"".join([head, question, *records, *authority])


def _question(data: bytes) -> tuple[str, int, bytes]:
    labels, place = [], 12
    while length := data[place]:
        labels.append(data[place + 1 : place + 1 + length].decode())
        place += length + 1
    return ".".join(labels).lower(), struct.unpack("!H", data[place + 1 : place + 3])[0], data[12 : place + 5]


def _name(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def _record(owner: str, kind: int, data: bytes) -> bytes:
    return _name(owner) + struct.pack("!HHIH", kind, 1, 0, len(data)) + data
