"""Which servers of VNF records are to be looked at after a listing, and which of them it lacks.

Most of a listing is as the last one was, so this works on whole sets of keys, and lets others have their turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence, Set

from nfvigil.model.reading import Reading
from nfvigil.model.resource import Kind
from nfvigil.vnf.records import PORT, SERVER, Key, Records
from nfvigil.vnf.sight import Hearing, plain_port, plain_server

VNFS_MAX = 64
"""Records that are written together; and, unless one has more by itself, so many servers:"""
SERVERS_MAX = 500
SLICE = 2_000
"""Keys after which others have their turn."""


def lost(records: Records, reading: Reading, hearing: Hearing) -> dict[str, None]:
    """The keys of what is expected and not in a listing."""
    silent = records.expected(reading.vim).keys() - hearing.digests.keys()
    return {key: None for key in sorted(silent) if not _is_listed(reading, key)}


async def fill_in(records: Records, reading: Reading, hearing: Hearing) -> None:
    """A driver without details knows status and host all the same."""
    for number, (name, server) in enumerate(reading.servers.items()):
        if records.of(name):
            hearing.is_plain = True
            hearing.put(SERVER + name, memoryview(plain_server(server)))
            for port in reading.ports_of.get(name, ()):
                hearing.put(PORT + port.id, memoryview(plain_port(port)))
        if number % SLICE == SLICE - 1:
            await asyncio.sleep(0)


async def touched(
    records: Records, held: Set[str], reading: Reading, hearing: Hearing
) -> tuple[dict[str, list[str]], dict[str, None]]:
    """The keys of ports of other words, by server; and the servers of which something is to be looked at."""
    ports: dict[str, list[str]] = {}
    servers: dict[str, None] = {}
    expected = records.expected(reading.vim)
    for number, key in enumerate(hearing.changed):
        if key.startswith(SERVER):
            servers[key.removeprefix(SERVER)] = None
        elif (port := reading.ports.get(key.removeprefix(PORT))) is not None and port.server:
            ports.setdefault(port.server, []).append(key)
            servers[port.server] = None
            servers[expected.get(key, port.server)] = None  # it has lost it, and its own words may be the same
        if number % SLICE == SLICE - 1:
            await asyncio.sleep(0)
    for number, key in enumerate(expected.keys() - hearing.digests.keys()):
        if key in reading.gone or _is_anothers(reading, key, expected[key]):
            servers[expected[key]] = None
        if number % SLICE == SLICE - 1:
            await asyncio.sleep(0)
    for server in held & reading.servers.keys():
        servers[server] = None
    return ports, servers


def _is_listed(reading: Reading, key: str) -> bool:
    kind, _, name = key.partition("/")
    return name in (reading.servers if kind == Kind.SERVER else reading.ports)


def _is_anothers(reading: Reading, key: str, server: str) -> bool:
    """A port that is there, and not at its server any more."""
    listed = reading.ports.get(key.removeprefix(PORT)) if key.startswith(PORT) else None
    return listed is not None and listed.server != server


def of_unlisted(ports: Mapping[str, Sequence[str]], reading: Reading) -> Iterator[str]:
    """Servers and ports are listed one after the other: what came between has ports and is not there yet."""
    for server, keys in ports.items():
        if server not in reading.servers:
            yield from keys


def chunks(touched: Mapping[Key, Sequence[str]]) -> list[list[Key]]:
    """Records to be written together."""
    chunks: list[list[Key]] = []
    servers = SERVERS_MAX
    for key, some in touched.items():
        if servers + len(some) > SERVERS_MAX or len(chunks[-1]) >= VNFS_MAX:
            chunks.append([])
            servers = 0
        chunks[-1].append(key)
        servers += len(some)
    return chunks
