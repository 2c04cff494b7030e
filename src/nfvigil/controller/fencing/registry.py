"""Who fences which host: read from a file, every error with its line.

    # Options that hold for all entries of this driver.
    defaults: {driver: redfish, username: fence, password_file: /etc/nfvigil/bmc-password}
    fences:
      compute-1: {address: "https://10.0.0.11"}
      "compute-1[0-9]": {address: "https://bmc-{host}"}
      compute-9: {driver: manual}
      compute-20:
        - {vim: east, address: "https://10.0.1.20"}
        - {vim: west, address: "https://10.0.2.20"}

Fencing the wrong host is worse than fencing none. So whatever could mean two things is refused: two globs that match,
two hosts behind one BMC's system, a glob that names the same BMC for all of its hosts.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import yaml

from nfvigil.controller.fencing.fence import FENCES, Fence, FenceDriver
from nfvigil.entry_points import entry_points
from nfvigil.errors import FieldError, NotFoundError, RefusedError
from nfvigil.model.secret import Secret
from nfvigil.yaml_nodes import NodeReader, compose, is_a, line_of

SIZE_MAX = 4 << 20
_VALUE_MAX = 1024
_CLOSING_MAX = 100
_NO_CLOCK: Callable[[], int] = lambda: 0  # noqa: E731 - a check needs none


@dataclass(frozen=True, kw_only=True)
class Entry:
    name: str
    """A host's name, or a glob."""
    vim: str
    """The only cloud that it is for; "" is every one."""
    driver: str
    options: Mapping[str, Any]
    line: int

    @property
    def is_glob(self) -> bool:
        return any(letter in self.name for letter in "*?[")

    def fits(self, vim: str, host: str) -> bool:
        if self.vim not in ("", vim):
            return False
        # Names of hosts are the same in capitals and without.
        name = self.name.lower()
        return fnmatchcase(host.lower(), name) if self.is_glob else name == host.lower()

    def filled(self, host: str) -> dict[str, Any]:
        """The options of one host."""
        return {
            name: value.replace("{host}", host) if isinstance(value, str) else value
            for name, value in self.options.items()
        }


class Fences:
    """Opens each host's fence when it is first asked for, and keeps it."""

    def __init__(
        self, *, entries: tuple[Entry, ...], drivers: Mapping[str, FenceDriver], clock: Callable[[], int], source: str
    ) -> None:
        self._entries = entries
        self._drivers = drivers
        self._clock = clock
        self._source = source
        self._open: dict[tuple[str, str], Fence] = {}
        self._switches: dict[tuple[Any, ...], tuple[str, str]] = {}
        """Whose switch each is that is open."""

    def fence_for(self, vim: str, host: str, *, own_only: bool = False) -> Fence:
        """NotFoundError where the file names nobody for it; RefusedError where it is not clear, or cannot be used.

        ``own_only``: another VIM may have a host of this name, so that only entries count that name the VIM.
        """
        key = (vim, host.lower())
        if key not in self._open:
            entry = self._entry(vim, host, own_only)
            options = entry.filled(_checked(host))
            switch = _switch(entry, options)
            if switch and self._switches.setdefault(switch, key) != key:
                other = self._switches[switch]
                reason = f"is the switch of {other[1]} in {other[0]} already; if these are two hosts, say vim"
                raise self._refused(host, [FieldError("address", reason, entry.line)])
            try:
                self._open[key] = self._drivers[entry.driver].from_options(host, options, self._clock)
            except RefusedError as error:
                self._switches.pop(switch, None)
                found = error.errors or (FieldError("", error.message),)
                raise self._refused(host, [FieldError(one.field, one.reason, entry.line) for one in found]) from error
        return self._open[key]

    def places(self) -> list[str]:
        """The addresses of the switches, as far as the file or a host that was asked for names them."""
        found = [entry.options.get("address") for entry in self._entries]
        found += [switch[1] for switch in self._switches]
        return [one for one in found if isinstance(one, str) and "{" not in one]

    async def close(self) -> None:
        fences = list(self._open.values())
        self._open.clear()
        self._switches.clear()
        places = asyncio.Semaphore(_CLOSING_MAX)

        async def end(fence: Fence) -> None:
            async with places:
                await fence.close()

        # One that fails does not keep the others open.
        for result in await asyncio.gather(*map(end, fences), return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    def _entry(self, vim: str, host: str, own_only: bool) -> Entry:
        fitting = [entry for entry in self._entries if entry.fits(vim, host) and (entry.vim or not own_only)]
        exact = [entry for entry in fitting if not entry.is_glob]
        if exact:
            return exact[0]
        if not fitting:
            which = f" with vim: {vim}, which its host_suffix asks for" if own_only else ""
            raise NotFoundError(f"{self._source} names no fence for {host} in {vim}{which}")
        if len(fitting) > 1:
            reason = "several entries match: " + ", ".join(f"{one.name} (line {one.line})" for one in fitting)
            raise self._refused(host, [FieldError("", reason, fitting[0].line)])
        return fitting[0]

    def _refused(self, host: str, errors: list[FieldError]) -> RefusedError:
        return RefusedError(f"{self._source} does not say how {host} is fenced", errors)


def read_fences(
    text: str | bytes,
    *,
    clock: Callable[[], int],
    source: str = "fences",
    drivers: Mapping[str, FenceDriver] | None = None,
) -> Fences:
    """Read a file of fences; SettingsError has everything that is wrong with it. ``drivers`` are wired by hand,
    beside those of the entry points.
    """
    reader = _Reader(dict(drivers or {}))
    entries = reader.read(compose(text, source=source, what="file of fences", size_max=SIZE_MAX))
    reader.raise_errors(source)
    return Fences(entries=entries, drivers=reader.drivers, clock=clock, source=source)


class _Reader(NodeReader):
    def __init__(self, drivers: dict[str, FenceDriver]) -> None:
        super().__init__()
        self.drivers = drivers
        self._points = entry_points(group=FENCES)
        self._switches: dict[tuple[Any, ...], Entry] = {}
        self._names: dict[str, str] = {}

    def read(self, root: yaml.Node | None) -> tuple[Entry, ...]:
        if root is None:
            return ()
        sections = {name: node for name, _, node in self._items(root, "", ("defaults", "fences"))}
        defaults: dict[str, Any] = {}
        lines: dict[str, int] = {}
        if "defaults" in sections:
            defaults, lines = self._options(sections["defaults"], "defaults")
            if defaults and "driver" not in defaults:
                self._wrong(sections["defaults"], "defaults", "needs driver: options of one mean nothing to another")
        entries = []
        if "fences" in sections:
            for name, key, node in self._named_items(sections["fences"], "fences"):
                if self._names.setdefault(name.lower(), name) != name:
                    self._wrong(key, f"fences.{name}", "differs from another name only in its capitals")
                found = [
                    self._entry(name, item, path, line_of(key), (defaults, lines))
                    for path, item in self._alternatives(node, f"fences.{name}")
                ]
                mine = [entry for entry in found if entry is not None]
                if len({entry.vim for entry in mine}) < len(mine):
                    self._wrong(key, f"fences.{name}", "has several entries for one vim")
                entries += mine
        return tuple(entries)

    def _alternatives(self, node: yaml.Node, path: str) -> Iterator[tuple[str, yaml.Node]]:
        """A host's entry, or a list of them for hosts of that name in several clouds."""
        if isinstance(node, yaml.SequenceNode):
            yield from ((f"{path}[{index}]", item) for index, item in enumerate(node.value))
        else:
            yield path, node

    def _entry(
        self, name: str, node: yaml.Node, path: str, line: int, given: tuple[dict[str, Any], dict[str, int]]
    ) -> Entry | None:
        own, lines = self._options(node, path)
        defaults, default_lines = given
        driver = own.get("driver") or defaults.get("driver")
        if driver is None:
            self._wrong(node, path, "needs driver, here or in defaults")
            return None
        if driver == defaults.get("driver"):
            own, lines = {**defaults, **own}, {**default_lines, **lines}
        options = {key: value for key, value in own.items() if value is not None and key not in ("driver", "vim")}
        vim = own.get("vim") or ""
        entry = Entry(name=name, vim=str(vim), driver=str(driver), options=options, line=lines.get("address", line))
        if self._has_driver(entry, path, lines.get("driver", line)):
            self._check_switch(entry, path)
            self._check_options(entry, path, lines)
        return entry

    def _has_driver(self, entry: Entry, path: str, line: int) -> bool:
        if entry.driver in self.drivers:
            return True
        if entry.driver not in self._points.names:
            known = ", ".join(sorted({*self.drivers, *self._points.names}))
            self.errors.append(FieldError(f"{path}.driver", f"{entry.driver!r} is none of: {known}", line))
            return False
        self.drivers[entry.driver] = self._points[entry.driver].load()
        return True

    def _check_switch(self, entry: Entry, path: str) -> None:
        """A BMC that is copied from the line above would prove that the wrong host is off."""
        if entry.is_glob:
            switch = _switch(entry, entry.options)
            if switch and not any("{host}" in str(value) for value in switch):
                reason = "is the same for all hosts that match: {host} is missing"
                self.errors.append(FieldError(f"{path}.address", reason, entry.line))
            return
        switch = _switch(entry, entry.filled(entry.name))
        other = self._switches.setdefault(switch, entry)
        if switch and other is not entry:
            reason = f"is the switch of {other.name} (line {other.line}) already"
            self.errors.append(FieldError(f"{path}.address", reason, entry.line))

    def _check_options(self, entry: Entry, path: str, lines: Mapping[str, int]) -> None:
        """What the driver says. Of a glob only what does not hang on the host's name, which is not known yet."""
        host = "any-host" if entry.is_glob else entry.name
        try:
            self.drivers[entry.driver].from_options(host, entry.filled(host), _NO_CLOCK)
        except RefusedError as error:
            for one in error.errors or [FieldError("", error.message)]:
                if entry.is_glob and "{host}" in str(entry.options.get(one.field, "")):
                    continue
                where = f"{path}.{one.field}" if one.field else path
                self.errors.append(FieldError(where, one.reason, lines.get(one.field, entry.line)))

    def _options(self, node: yaml.Node, path: str) -> tuple[dict[str, Any], dict[str, int]]:
        """Each option's value and line. Nothing (``cacert:``) takes a default away."""
        values, lines = {}, {}
        for name, key, value in self._pairs(node, path):
            lines[name] = line_of(key)
            values[name] = self._value(name, value, f"{path}.{name}")
        return values, lines

    def _value(self, name: str, node: yaml.Node, path: str) -> Any:
        """A text, number or truth. What is wrong is told without the value: it may be a password."""
        if not isinstance(node, yaml.ScalarNode) or len(node.value) > _VALUE_MAX:
            self._wrong(node, path, f"must be one value of at most {_VALUE_MAX} characters")
            return None
        text: str = node.value
        if is_a(node, "null"):
            return None
        if is_a(node, "str"):
            return Secret(text) if name == "password" else text
        if name in ("password", "driver", "vim"):
            self._wrong(node, path, "must be text; write it in quotes")
            return None
        if is_a(node, "bool"):
            return text.lower() in ("true", "yes", "on")
        for tag, read in (("int", int), ("float", float)):
            if is_a(node, tag) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
                return read(text)
        self._wrong(node, path, "must be text, a plain number, or true or false; write text in quotes")
        return None


def _switch(entry: Entry, options: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells one switch from another, or () where the driver has no addresses."""
    address = options.get("address")
    if not isinstance(address, str):
        return ()
    return (entry.driver, address.lower().rstrip("/"), options.get("port"), options.get("system"))


def _checked(host: str) -> str:
    """The name goes into addresses and paths of files: it may not lead elsewhere."""
    if not re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,253}[A-Za-z0-9_])?", host) or ".." in host:
        raise RefusedError(f"{host!r} is no name of a host that a fence could be found by")
    return host
