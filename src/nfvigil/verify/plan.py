"""What a verification is asked for, and what it takes: the host, the image, the flavor. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from nfvigil.errors import FieldError, NotFoundError, RefusedError
from nfvigil.model.subscription import Mode

PREFIX = "nfvigil-verify-"
"""Whatever is made is named so, followed by the run."""

SERVERS_MAX = 200
SIZES_MAX = 20
ROUNDS_MAX = 100
RUN_MAX_SECONDS = 2 * 3600.0
"""A run that takes longer is ended, so that others may take what an older one left for left behind."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """``url`` is that of an NFVigil that runs already; "" for one of our own."""

    cloud: str
    clouds_file: str = ""
    region: str = ""
    sizes: tuple[int, ...] = (1,)
    """How many servers are on the host, one run each, in rising order."""
    rounds: int = 1
    """Of each size."""
    host: str = ""
    allow_shared_host: bool = False
    flavor: str = ""
    image: str = ""
    limit_seconds: float = 1.0
    mode: Mode = Mode.BOTH
    inject: str = ""
    """A command that makes the host fail, where we do not play the monitor ourselves; ``{host}`` is its name."""
    restore: str = ""
    url: str = ""
    token: str = ""
    bus: tuple[str, ...] = ()
    wait_seconds: float = 120.0
    """For each step."""
    timeout_seconds: float = 30.0
    """For each answer."""
    keep: bool = False

    @property
    def is_simulated(self) -> bool:
        return not self.inject


class HostSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A host that may be the one. ``foreign`` counts the servers there that are not ours."""

    name: str
    zone: str = ""
    is_up: bool = True
    is_enabled: bool = True
    forced_down: bool = False
    memory_mb: int = 0
    foreign: int | None = None
    """None where nobody has looked yet."""

    @property
    def is_well(self) -> bool:
        return self.is_up and self.is_enabled and not self.forced_down

    def ills(self) -> str:
        """What keeps it from being used, in words."""
        words = [
            "" if self.is_up else "its nova-compute is down",
            "" if self.is_enabled else "its nova-compute is disabled",
            "it is forced down" if self.forced_down else "",
        ]
        return ", ".join(word for word in words if word)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What one run makes, and where."""

    run: str
    host: HostSeen
    image: str
    image_name: str
    flavor: str
    flavor_name: str
    wanted: Wanted

    @property
    def name(self) -> str:
        return PREFIX + self.run

    def lines(self) -> list[str]:
        """For people, before anything is done."""
        wanted = self.wanted
        sizes = ", ".join(map(str, wanted.sizes))
        how = (
            "we play the monitor" if wanted.is_simulated else f"by {wanted.inject.replace('{host}', self.host.name)!r}"
        )
        whom = wanted.url or "one of our own, in a process that ends with this command"
        others = f", with {self.host.foreign} servers of others on it" if self.host.foreign else ""
        return [
            f"cloud {wanted.cloud}: host {self.host.name} ({self.host.memory_mb} MB){others}",
            f"projects {self.name} and {self.name}-other, user {self.name} with role member",
            f"network {self.name} with a subnet; quota for {wanted.sizes[-1]} servers",
            f"{wanted.sizes[-1]} servers on {self.host.name}: image {self.image_name}, flavor {self.flavor_name}",
            f"NFVigil: {whom}; two subscriptions ({wanted.mode.value})",
            f"a fault of {self.host.name}, {how}: with {sizes} servers, {wanted.rounds} times each",
            f"limit: owners know within {wanted.limit_seconds:g} s",
        ]


def sizes_of(text: str) -> tuple[int, ...]:
    """``1,10,25`` in rising order, each once."""
    try:
        found = sorted({int(part) for part in text.split(",") if part.strip()})
    except ValueError:
        found = []
    if not found or found[0] < 1 or found[-1] > SERVERS_MAX or len(found) > SIZES_MAX:
        reason = f"must be such as 1,10,25: up to {SIZES_MAX} numbers from 1 to {SERVERS_MAX}"
        raise RefusedError("the verification is asked for wrongly", [FieldError("servers", reason)])
    return tuple(found)


def check(wanted: Wanted) -> None:
    """RefusedError names everything that contradicts itself."""
    errors = []
    if wanted.inject and not wanted.restore:
        errors.append(FieldError("restore", "is needed with inject: what makes the host fail must be undone"))
    if wanted.restore and not wanted.inject:
        errors.append(FieldError("restore", "belongs to inject"))
    for field, command in (("inject", wanted.inject), ("restore", wanted.restore)):
        if command and "{host}" not in command:
            errors.append(FieldError(field, "names no {host}"))
    if wanted.bus and wanted.url:
        errors.append(FieldError("bus", "is for an NFVigil of our own: leave it out, or url"))
    if errors:
        raise RefusedError("the verification is asked for wrongly", errors)


def choose_host(hosts: Sequence[HostSeen], wanted: Wanted) -> HostSeen:
    """The named one if it will do; else the one with the most room on which nobody else has a server."""
    if wanted.host:
        return _named_host(hosts, wanted)
    free = [host for host in hosts if host.is_well and host.foreign == 0]
    if not free:
        raise RefusedError(
            "no host is up, enabled and without servers of others",
            [FieldError("host", "name one with --host; with --allow-shared-host others' servers suffer the fault too")],
        )
    return min(free, key=lambda host: (-host.memory_mb, host.name))


def _named_host(hosts: Sequence[HostSeen], wanted: Wanted) -> HostSeen:
    found = next((host for host in hosts if host.name == wanted.host), None)
    if found is None:
        known = ", ".join(sorted(host.name for host in hosts)[:20]) or "none"
        raise NotFoundError(f"Nova knows no compute host {wanted.host}", [FieldError("host", f"there are {known}")])
    if not found.is_well:
        raise RefusedError(f"the host {found.name} cannot be used", [FieldError("host", found.ills())])
    if found.foreign and not wanted.allow_shared_host:
        reason = f"{found.foreign} servers of others are on it, and would be set to error with ours"
        raise RefusedError(
            f"the host {found.name} is not free",
            [FieldError("host", f"{reason}: name another, or --allow-shared-host if they may suffer")],
        )
    return found


def choose_image(images: Sequence[dict[str, Any]], wanted: str) -> dict[str, Any]:
    """By name or id; else the smallest that every project may use."""
    active = [image for image in images if image.get("status") == "active"]
    if wanted:
        for image in active:
            if wanted in (image.get("id"), image.get("name")):
                return image
        raise NotFoundError(f"there is no active image {wanted}", [FieldError("image", "name another")])
    public = [image for image in active if image.get("visibility") == "public" and not image.get("os_hidden")]
    if not public:
        raise NotFoundError("there is no public image", [FieldError("image", "name one with --image")])
    return min(public, key=lambda image: (image.get("size") or 0, str(image.get("id"))))


def choose_flavor(flavors: Sequence[dict[str, Any]], wanted: str, image: dict[str, Any]) -> dict[str, Any]:
    """By name or id; else the smallest that the image fits in, better one that asks for nothing special."""
    if wanted:
        for flavor in flavors:
            if wanted in (flavor.get("id"), flavor.get("name")):
                return flavor
        raise NotFoundError(f"there is no flavor {wanted}", [FieldError("flavor", "name another")])
    fitting = [
        flavor
        for flavor in flavors
        if flavor.get("ram", 0) >= (image.get("min_ram") or 0) and flavor.get("disk", 0) >= (image.get("min_disk") or 0)
    ]
    if not fitting:
        raise NotFoundError("no flavor is large enough for the image", [FieldError("flavor", "name one with --flavor")])

    def cost(flavor: dict[str, Any]) -> tuple[Any, ...]:
        # Many clouds allow a flavor without a disk for servers from volumes only.
        sizes = (flavor.get("ram", 0), flavor.get("disk", 0), flavor.get("vcpus", 0))
        return bool(flavor.get("extra_specs")), not flavor.get("disk"), *sizes, str(flavor.get("id"))

    return min(fitting, key=cost)
