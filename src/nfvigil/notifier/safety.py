"""Where webhooks may go: what is wrong with a URL, and which addresses are never connected to.

A URL is checked when a subscription is made, so that its owner is told. The address is checked again at every
connection, on the very address connected to: a name may lead elsewhere by then.
VNF managers live on private networks, so those are allowed unless the operator says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from nfvigil.errors import FieldError, RefusedError, SettingsError

URL_LENGTH_MAX = 2048
CONTROL = "a service that NFVigil itself works with"
_PORTS = {"http": 80, "https": 443}

_NEVER: tuple[tuple[IPv4Network | IPv6Network, str], ...] = tuple(
    (ip_network(text), why)
    for text, why in (
        ("169.254.0.0/16", "link-local: cloud metadata lives there"),
        ("fe80::/10", "link-local"),
        ("fd00:ec2::254/128", "a cloud's metadata service"),
        ("100.100.100.200/32", "a cloud's metadata service"),
        ("168.63.129.16/32", "a cloud's metadata service"),
        ("0.0.0.0/8", "no address of a host"),
        ("::/128", "no address of a host"),
        ("224.0.0.0/4", "multicast"),
        ("ff00::/8", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_WRAPPINGS = tuple(
    (ip_network(text), shift)
    for text, shift in (
        ("::ffff:0:0/96", 0),  # mapped
        ("::ffff:0:0:0/96", 0),  # translated (SIIT)
        ("::/96", 0),  # compatible, long out of use
        ("64:ff9b::/96", 0),  # NAT64
        ("64:ff9b:1::/48", 0),  # NAT64 of one's own, as it is mostly used
        ("2002::/16", 80),  # 6to4
    )
)
"""IPv6 addresses that only wrap an IPv4 one, and by how many bits it lies above the lowest."""
_TEREDO = ip_network("2001::/32")
_ISATAP = (0x00005EFE, 0x02005EFE)


def _innermost(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one only wraps: otherwise ``::ffff:169.254.169.254`` would pass."""
    if isinstance(address, IPv4Address) or address.is_loopback or address.is_unspecified:
        return address
    number = int(address)
    for network, shift in _WRAPPINGS:
        if address in network:
            return IPv4Address((number >> shift) & 0xFFFFFFFF)
    if address in _TEREDO:
        return IPv4Address(~number & 0xFFFFFFFF)  # the client's, every bit turned over
    if (number >> 32) & 0xFFFFFFFF in _ISATAP:
        return IPv4Address(number & 0xFFFFFFFF)
    return address


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


class Safety:
    """The rules: link-local, metadata and what we work with ourselves (``is_control``: host or address, port) never;
    loopback only if allowed; then the operator's own networks.

    Where ``allow`` is not empty, nothing outside of it is connected to.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        allow: Sequence[str] = (),
        deny: Sequence[str] = (),
        is_control: Callable[[str, int], bool] = lambda host, port: False,
    ) -> None:
        self._allow_loopback = allow_loopback
        self._is_control = is_control
        self._allow = _networks("allow", allow)
        self._deny = _networks("deny", deny)

    def refusal(self, host: str, port: int = 0) -> str:
        """Why this address must not be connected to; "" if it may."""
        literal = _literal(host)
        if literal is None:
            return "not an address"
        address = _innermost(literal)
        for network, why in _NEVER:
            if address in network:
                return why
        if address.is_loopback and not self._allow_loopback:
            return "loopback"
        if self._is_control(str(address), port):
            return CONTROL
        if any(address in network for network in self._deny):
            return "denied by the operator"
        if self._allow and not any(address in network for network in self._allow):
            return "not in the networks that the operator allows"
        return ""

    def check_url(self, url: str) -> None:
        """Raise RefusedError with everything that is wrong with the URL, as far as that shows without a lookup."""
        errors = [FieldError("url", reason) for reason in self._faults(url)]
        if errors:
            raise RefusedError("the endpoint's URL is refused", errors)

    def _faults(self, url: str) -> list[str]:
        if len(url) > URL_LENGTH_MAX:
            return [f"longer than {URL_LENGTH_MAX} characters"]
        if any(character <= " " or character == "\x7f" or character == "\\" for character in url):
            return ["contains a space, a backslash or a control character"]
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            # What the library says repeats parts of it, and a password may be one.
            return ["cannot be read: write http(s)://host:port/path"]
        faults = []
        if parts.scheme not in ("http", "https"):
            faults.append("must begin with http:// or https://")
        if parts.username is not None or parts.password is not None:
            faults.append("must not contain a user name or password")
        if parts.fragment:
            faults.append("must not contain a fragment")
        if port == 0:
            faults.append("port 0 does not exist")
        host = parts.hostname or ""
        if not host:
            return [*faults, "has no host"]
        if _literal(host) is not None:
            reason = self.refusal(host, port or _PORTS.get(parts.scheme, 0))
            if reason:
                faults.append(f"{host} is refused: {reason}")
        elif self._is_control(host, port or _PORTS.get(parts.scheme, 0)):
            faults.append(f"{host} is refused: {CONTROL}")
        elif not self._allow_loopback and (host == "localhost" or host.endswith(".localhost")):
            faults.append(f"{host} is refused: loopback")
        else:
            faults.extend(_name_faults(host))
        return faults


def _name_faults(host: str) -> list[str]:
    try:
        host.rstrip(".").encode("idna")
    except UnicodeError:
        return [f"{host[:80]} is not a host name"]
    return []


def _networks(field: str, texts: Sequence[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    networks = []
    errors = []
    for number, text in enumerate(texts):
        try:
            networks.append(ip_network(text, strict=False))
        except ValueError as error:
            errors.append(FieldError(f"{field}[{number}]", str(error)))
    if errors:
        raise SettingsError("a webhook network is wrong", errors)
    return tuple(networks)


def check_url(url: str, allow_loopback: bool = False) -> None:
    """As ``Safety.check_url``, with no rules of the operator's."""
    Safety(allow_loopback=allow_loopback).check_url(url)
