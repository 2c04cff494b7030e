"""The driver ``osm``: reads a cloud by one of OSM's own connectors, and never changes anything in it.

A connector is a class behind an entry point ``rovim_<type>`` of the group ``osm_rovim.plugins``. What is asked of it is
what OSM's monitor asks: ``get_monitoring_data()``, which returns all servers and ``{"ports": [...]}``, or raises.
It blocks, so it is called in a thread, one call at a time; what it returns is believed whole or not at all.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Self

import msgspec

from nfvigil.controller.plugins import Points
from nfvigil.controller.vims.openstack.reading import Pool, port_of, server_of
from nfvigil.controller.vims.openstack.wire import WirePort, WireServer
from nfvigil.errors import FieldError, NotFoundError, RefusedError, VimUnavailableError
from nfvigil.model.action import Action, Outcome
from nfvigil.model.answers import CheckItem
from nfvigil.model.reading import Details
from nfvigil.model.resource import CloudRecord, Kind, MapChange, Port, Server, Snapshot, split_key
from nfvigil.model.secret_fields import scrubbed, secret_values

GROUP = "osm_rovim.plugins"
FRONT = "rovim_"
HOST_FIELDS = ("OS-EXT-SRV-ATTR:host", "binding:host_id")
"""Only administrators are told these, and an account of OSM's need not be one."""
CONNECTOR_FIELDS = {
    "vim_tenant_id": "tenant_id",
    "vim_tenant_name": "tenant_name",
    "vim_url": "url",
    "vim_user": "user",
    "vim_password": "passwd",
}
"""An account's, and what a connector's constructor calls it."""

_Text = Annotated[str, msgspec.Meta(min_length=1)]


class _Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account as OSM has it, with its secrets in the clear."""

    type: _Text
    id: str = ""
    name: str = ""
    vim_url: _Text
    vim_user: str | None = None
    vim_password: str | None = None
    vim_tenant_id: str | None = None
    vim_tenant_name: str | None = None
    config: dict[str, Any] = {}


class _Listing(msgspec.Struct, frozen=True):
    taken_us: int
    servers: dict[str, tuple[Server, bytes]]
    ports: dict[str, tuple[Port, bytes]]


class OsmPluginVim:
    """``points`` are the entry points that there are."""

    def __init__(self, *, name: str, options: _Options, clock: Callable[[], int], points: Points) -> None:
        self._name = name
        self._options = options
        self._secrets = secret_values(msgspec.structs.asdict(options))
        self._clock = clock
        self._points = points
        self._connector: Any = None
        self._folder: Path | None = None
        self._is_called = False
        """The connector has not come back yet."""
        self._lock = asyncio.Lock()
        self._asked = 0
        self._answered = 0
        self._last: _Listing | None = None

    @classmethod
    def from_options(
        cls,
        name: str,
        options: Mapping[str, Any],
        clock: Callable[[], int],
        points: Points | None = None,
    ) -> Self:
        """RefusedError names what is wrong."""
        found: Points = entry_points(group=GROUP) if points is None else points
        try:
            given = msgspec.convert(dict(options), _Options)
        except msgspec.ValidationError as error:
            raise RefusedError(f"the options of {name} are wrong", [FieldError("", str(error))]) from None
        if f"{FRONT}{given.type}" not in found.names:
            reason = f"there is no connector {FRONT}{given.type} among the entry points {GROUP}"
            raise RefusedError(f"the options of {name} are wrong", [FieldError("type", reason)])
        return cls(name=name, options=given, clock=clock, points=found)

    @property
    def name(self) -> str:
        return self._name

    async def snapshot(self) -> Snapshot:
        listing = await self._fresh()
        return Snapshot(
            vim=self._name,
            taken_us=listing.taken_us,
            servers=tuple(server for server, _ in listing.servers.values()),
            ports=tuple(port for port, _ in listing.ports.values()),
        )

    async def detailed_snapshot(self, details: Details) -> Snapshot:
        snapshot = await self.snapshot()
        listing = self._last
        assert listing is not None
        for server, body in listing.servers.values():
            if details.wants(server.id):
                details.put(f"{Kind.SERVER}/{server.id}", memoryview(body))
        for port, body in listing.ports.values():
            if port.server and details.wants(port.server):
                details.put(f"{Kind.PORT}/{port.id}", memoryview(body))
        return snapshot

    async def changes(self) -> AsyncIterator[MapChange | None]:
        """A connector tells none."""
        await asyncio.Event().wait()
        yield None

    async def perform(self, action: Action) -> Outcome:
        raise RefusedError(f"{self._name} is read by OSM's connector {self._point}: nothing is done to it")

    async def show(self, key: str) -> dict[str, Any]:
        _, body = await self._one(key)
        found: dict[str, Any] = msgspec.json.decode(body)
        return found

    async def read(self, key: str) -> CloudRecord:
        """A connector cannot be asked for one thing: a listing that was begun after the question answers it."""
        record, _ = await self._one(key)
        return record

    async def check(self) -> Sequence[CheckItem]:
        try:
            listing = await self._fresh()
        except VimUnavailableError as error:
            return [CheckItem(what="listing", ok=False, detail=str(error), advice="see the connector's own log")]
        return [
            CheckItem(what="listing", ok=True, detail=f"{len(listing.servers)} servers, {len(listing.ports)} ports")
        ]

    def describe(self) -> Mapping[str, Any]:
        return {"connector": self._point, "account": self._options.name}

    def places(self) -> Sequence[str]:
        return [self._options.vim_url]

    async def close(self) -> None:
        """A call that is under way is not waited for."""
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
            self._folder = None

    @property
    def _point(self) -> str:
        return f"{FRONT}{self._options.type}"

    async def _one(self, key: str) -> tuple[Server | Port, bytes]:
        kind, name = split_key(key)
        if kind not in (Kind.SERVER, Kind.PORT):
            raise RefusedError(f"OSM's connectors tell nothing of a {kind}")
        listing = await self._fresh()
        found: Mapping[str, tuple[Server | Port, bytes]]
        found = listing.servers if kind == Kind.SERVER else listing.ports
        if name not in found:
            raise NotFoundError(f"{self._name} has no {key}")
        return found[name]

    async def _fresh(self) -> _Listing:
        """A listing that was begun after now; those who ask meanwhile share the next one."""
        self._asked += 1
        mine = self._asked
        async with self._lock:
            if self._last is not None and self._answered >= mine:
                return self._last
            all_that_ask = self._asked
            self._last = await self._list()
            self._answered = all_that_ask
            return self._last

    async def _list(self) -> _Listing:
        taken_us = self._clock()
        servers, ports = await self._in_thread(self._ask)
        pool = Pool()
        try:
            return _Listing(
                taken_us,
                _by_id(_read(servers, WireServer), lambda wire: self._server(wire, pool)),
                _by_id(_read(ports, WirePort), lambda wire: port_of(wire, vim=self._name, pool=pool)),
            )
        except (msgspec.MsgspecError, TypeError, ValueError, AttributeError) as error:
            raise self._away(f"says of {self._name} what is not understood: {error}") from error

    def _away(self, text: str) -> VimUnavailableError:
        """A connector may have the account's password in its words, and they go into the log and into alarms."""
        said: str = scrubbed(f"OSM's connector {self._point} {text}", self._secrets)
        return VimUnavailableError(said[:500])

    def _server(self, wire: WireServer, pool: Pool) -> Server:
        return server_of(wire, vim=self._name, pool=pool, groups={}, flavors={})

    async def _in_thread(self, call: Callable[[], tuple[list[Any], list[Any]]]) -> tuple[list[Any], list[Any]]:
        """A thread that nobody waits for at the end: a connector may never come back."""
        if self._is_called:
            raise VimUnavailableError(f"OSM's connector {self._point} has not come back from the call before")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[list[Any], list[Any]]] = loop.create_future()

        def give(result: tuple[list[Any], list[Any]] | None, error: BaseException | None) -> None:
            if answer.done():
                return
            if result is None:
                answer.set_exception(self._away(f"failed: {type(error).__name__}: {error}"))
            else:
                answer.set_result(result)

        def work() -> None:
            result, problem = None, None
            try:
                result = call()
            except BaseException as error:  # whatever it is, somebody waits to hear of it
                problem = error
            self._is_called = False
            try:
                loop.call_soon_threadsafe(give, result, problem)
            except RuntimeError:
                return  # the loop has ended

        self._is_called = True
        threading.Thread(target=work, name=f"osm {self._name}", daemon=True).start()
        return await answer

    # In the thread

    def _ask(self) -> tuple[list[Any], list[Any]]:
        if self._connector is None:
            self._connector = self._made()
        servers, ports = self._connector.get_monitoring_data()
        return list(servers), list(ports["ports"])

    def _made(self) -> Any:
        options = self._options
        config = dict(options.config)
        if content := config.pop("ca_cert_content", None):
            config["ca_cert"] = str(self._written(str(content)))
        given = {theirs: getattr(options, ours) for ours, theirs in CONNECTOR_FIELDS.items()}
        return self._points[self._point].load()(
            uuid=options.id, name=options.name, url_admin=None, config=config, persistent_info={}, **given
        )

    def _written(self, content: str) -> Path:
        """Connectors take a certificate as a file: in a folder and a file of our own user's only."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="nfvigil-osm-"))
        path = self._folder / "ca_cert"
        path.touch(mode=0o600)
        path.write_text(content, encoding="utf-8")
        return path


def _read(found: Iterable[Any], kind: Any) -> list[tuple[Any, bytes]]:
    """Servers are objects with ``to_dict``, ports are mappings."""
    decoder = msgspec.json.Decoder(kind)
    read = []
    for one in found:
        words = dict(one) if isinstance(one, Mapping) else dict(one.to_dict())
        body = msgspec.json.encode(words, enc_hook=str)
        known = msgspec.json.encode({**dict.fromkeys(HOST_FIELDS), **words}, enc_hook=str)
        read.append((decoder.decode(known), body))
    return read


def _by_id(found: Iterable[tuple[Any, bytes]], record_of: Callable[[Any], Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for wire, body in found:
        if wire.id in result:
            raise ValueError(f"{wire.id} is in it twice")
        result[wire.id] = (record_of(wire), body)
    return result
