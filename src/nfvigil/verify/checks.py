"""What must be so before, during and after the fault: each a line, good or not, with what was seen. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from nfvigil.model.subscription import Mode
from nfvigil.verify.seen import Seen
from nfvigil.verify.told import News, counts

BEFORE, DURING, AFTER, AT_THE_END = "before", "during", "after", "end"
SHOWN_MAX = 5


class Check(msgspec.Struct, frozen=True, kw_only=True):
    when: str
    what: str
    is_ok: bool
    seen: str
    is_skipped: bool = False
    """It cannot be looked at on this cloud; that is no failure."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds since the event was sent, or the command to inject was started; None where it never came."""

    accepted_s: float | None = None
    raised_s: float | None = None
    confirmed_s: float | None = None
    cleared_s: float | None = None
    """Since the clear was sent."""


def before(seen: Seen, size: int) -> list[Check]:
    is_up = seen.service_state == "up" and not seen.forced_down
    return [
        _check(BEFORE, "the host is up", is_up, _service(seen)),
        _states(
            BEFORE, f"all {size} servers are ACTIVE", [each.status for each in seen.servers.values()], "ACTIVE", size
        ),
    ]


def limit(figures: Figures, mode: Mode, limit_s: float) -> list[Check]:
    """Of the news that owners hear first in this mode."""
    kind, took = ("confirmed", figures.confirmed_s) if mode is Mode.CONFIRMED else ("raised", figures.raised_s)
    seen = "it never came" if took is None else f"{took:.3f} s"
    return [_check(DURING, f"owners know within {limit_s:g} s ({kind})", took is not None and took <= limit_s, seen)]


def during(seen: Seen, size: int) -> list[Check]:
    servers = list(seen.servers.values())
    is_down = seen.forced_down and seen.service_state == "down"
    return [
        _check(DURING, "the host's service is forced down and down", is_down, _service(seen)),
        _states(DURING, "the servers are in ERROR", [each.status for each in servers], "ERROR", size),
        _states(
            DURING, "host_status is DOWN for the administrator", [each.host_status for each in servers], "DOWN", size
        ),
        _owners(seen, size),
        _ports_down(seen, size),
        _alarms(seen, size),
    ]


def told(news: Sequence[News], others: Sequence[News], servers: frozenset[str], mode: Mode) -> list[Check]:
    kinds = [kind for kind in ("raised", "confirmed") if mode is Mode.BOTH or mode.value == kind]
    return [
        *[_told_once(DURING, news, kind, servers) for kind in kinds],
        _check(DURING, "another project was told nothing", not others, f"{len(others)} messages"),
    ]


def after(
    seen: Seen, ports_before: Mapping[str, str] | None, news: Sequence[News], others: Sequence[News],
    servers: frozenset[str],
) -> list[Check]:  # fmt: skip
    is_up = seen.service_state == "up" and not seen.forced_down
    size = len(servers)
    return [
        _check(AFTER, "the host is no longer forced down, and up", is_up, _service(seen)),
        _states(AFTER, "the servers are ACTIVE again", [each.status for each in seen.servers.values()], "ACTIVE", size),
        _ports_as_before(seen, ports_before),
        _check(AFTER, "no alarm is open", not seen.alarms, f"{len(seen.alarms)} open"),
        _told_once(AFTER, news, "cleared", servers),
        _check(AFTER, "another project was told nothing", not others, f"{len(others)} messages"),
    ]


def at_the_end(wrong: Iterable[str], kept: str) -> list[Check]:
    found = [each for each in wrong if each]
    text = f"kept on purpose: {kept}" if kept else "nothing is left"
    return [_check(AT_THE_END, "the cloud is as it was", not found, "; ".join(found) or text)]


def _check(when: str, what: str, is_ok: bool, seen: str) -> Check:
    return Check(when=when, what=what, is_ok=is_ok, seen=seen)


def _service(seen: Seen) -> str:
    return f"state {seen.service_state or 'unknown'}, {'' if seen.forced_down else 'not '}forced down"


def _states(when: str, what: str, states: Sequence[str], wanted: str, size: int) -> Check:
    found = Counter(state or "(not shown)" for state in states)
    return _check(when, what, len(states) == size and found[wanted] == size, _counted(found))


def _counted(found: Counter[str]) -> str:
    return ", ".join(f"{number} {word}" for word, number in found.most_common(SHOWN_MAX)) or "none"


def _owners(seen: Seen, size: int) -> Check:
    what = "host_status is DOWN for the owner"
    states = [each.owner_host_status for each in seen.servers.values()]
    if not any(states):
        text = "this cloud does not show host_status to owners"
        return Check(when=DURING, what=what, is_ok=True, seen=text, is_skipped=True)
    return _states(DURING, what, [state or "" for state in states], "DOWN", size)


def _ports_down(seen: Seen, size: int) -> Check:
    what = "data_plane_status of the ports is DOWN"
    if seen.ports is None:
        text = "Neutron has no extension data-plane-status"
        return Check(when=DURING, what=what, is_ok=True, seen=text, is_skipped=True)
    return _states(DURING, what, list(seen.ports.values()), "DOWN", max(size, len(seen.ports)))


def _ports_as_before(seen: Seen, ports_before: Mapping[str, str] | None) -> Check:
    what = "data_plane_status of the ports is as it was"
    if seen.ports is None or ports_before is None:
        text = "Neutron has no extension data-plane-status"
        return Check(when=AFTER, what=what, is_ok=True, seen=text, is_skipped=True)
    found = Counter(
        _port_word(ports_before.get(port), now)
        for port, now in (dict.fromkeys(ports_before, "gone") | dict(seen.ports)).items()
    )
    return _check(AFTER, what, all(word.startswith("as it was") for word in found), _counted(found))


def _port_word(was: str | None, now: str) -> str:
    if was == now:
        return f"as it was ({now or 'not set'})"
    if was == "" and now == "ACTIVE":
        # Many a Neutron cannot unset what was set once; ACTIVE means the same.
        return "as it was (ACTIVE for not set)"
    return f"{now or 'not set'} instead of {'no port' if was is None else was or 'not set'}"


def _alarms(seen: Seen, size: int) -> Check:
    states = {}
    for alarm in seen.alarms:
        kind, _, server = alarm.resource.partition("/")
        if kind == "server" and server in seen.servers:
            states[server] = alarm.vim_state
    return _states(DURING, "NFVigil's alarms agree with the cloud", list(states.values()), "consistent", size)


def _told_once(when: str, news: Iterable[News], kind: str, servers: frozenset[str]) -> Check:
    found = counts(news, kind)
    once = sum(found[server] == 1 for server in servers)
    strange = len(set(found) - servers)
    often = sum(number > 1 for server, number in found.items() if server in servers)
    missing = len(servers) - once - often
    words = [f"{once} of {len(servers)} once"]
    words += [
        f"{number} {word}"
        for number, word in ((missing, "not at all"), (often, "more than once"), (strange, "not theirs"))
        if number
    ]
    is_ok = once == len(servers) and not strange
    return _check(when, f"owners were told of exactly their servers, once: {kind}", is_ok, ", ".join(words))


def settled(seen: Seen, ports_before: Mapping[str, str] | None, size: int) -> bool:
    """Whether the cloud is as it was before the fault."""
    states = [*before(seen, size), _ports_as_before(seen, ports_before)]
    return all(check.is_ok for check in states) and not seen.alarms
