"""Whether a subscription can be served at all: said when it is made, not when its first alarm fails to arrive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.subscription import AuthKind, Endpoint, EndpointAuth, Filter, Subscription
from nfvigil.notifier.channel import Channel, ChoosyChannel
from nfvigil.notifier.heartbeat import INTERVAL_MIN_SECONDS
from nfvigil.notifier.safety import Safety

ENDPOINTS_MAX = 16
LIST_MAX = 1000
TEXT_MAX = 1024
HEARTBEAT_MAX_SECONDS = 86400.0


def check_subscription(subscription: Subscription, *, channels: Mapping[str, Channel], safety: Safety) -> None:
    """Raise RefusedError with everything that is wrong with it."""
    errors: list[FieldError] = []
    if not subscription.endpoints:
        errors.append(FieldError("endpoints", "at least one is needed"))
    if len(subscription.endpoints) > ENDPOINTS_MAX:
        errors.append(FieldError("endpoints", f"more than {ENDPOINTS_MAX}"))
    if len({endpoint.id for endpoint in subscription.endpoints}) < len(subscription.endpoints):
        errors.append(FieldError("endpoints", "two have the same id"))
    for number, endpoint in enumerate(subscription.endpoints[:ENDPOINTS_MAX]):
        errors.extend(
            FieldError(f"endpoints[{number}].{field}", reason)
            for field, reason in _endpoint_faults(endpoint, channels, safety)
        )
    errors.extend(FieldError(f"filter.{field}", reason) for field, reason in _filter_faults(subscription.filter))
    beat = subscription.heartbeat_seconds
    if beat and not INTERVAL_MIN_SECONDS <= beat <= HEARTBEAT_MAX_SECONDS:
        limits = f"{INTERVAL_MIN_SECONDS:g} to {HEARTBEAT_MAX_SECONDS:g}"
        errors.append(FieldError("heartbeat_seconds", f"must be 0 (none) or {limits}"))
    if len(subscription.name) > TEXT_MAX:
        errors.append(FieldError("name", f"longer than {TEXT_MAX} characters"))
    if errors:
        raise RefusedError("the subscription is refused", errors)


def _endpoint_faults(endpoint: Endpoint, channels: Mapping[str, Channel], safety: Safety) -> Iterator[tuple[str, str]]:
    try:
        safety.check_url(endpoint.url)
    except RefusedError as refusal:
        for error in refusal.errors:
            yield "url", error.reason
    channel: object = channels.get(endpoint.format)
    if channel is None:
        yield "format", f"{endpoint.format[:80]!r} is not known; known are {', '.join(sorted(channels))}"
    elif isinstance(channel, ChoosyChannel):
        reason = channel.refusal(endpoint)
        if reason:
            yield "secret", reason
    if endpoint.auth is not None:
        yield from _auth_faults(endpoint.auth, safety)
    if len(endpoint.token) > TEXT_MAX or not (endpoint.token.isascii() and endpoint.token.isprintable()):
        yield "token", f"must be at most {TEXT_MAX} printable ASCII characters"
    if len(endpoint.secret) > TEXT_MAX:
        yield "secret", f"longer than {TEXT_MAX} characters"


def _auth_faults(auth: EndpointAuth, safety: Safety) -> Iterator[tuple[str, str]]:
    for field, text in (("auth.user", auth.user), ("auth.secret", auth.secret)):
        if len(text) > TEXT_MAX or not text.isprintable():
            yield field, f"must be at most {TEXT_MAX} printable characters"
    if auth.kind is AuthKind.BASIC and ":" in auth.user:
        yield "auth.user", "must not contain a colon"
    if auth.kind is AuthKind.BEARER and not auth.secret.isascii():
        yield "auth.secret", "must be ASCII"
    if auth.kind is AuthKind.CLIENT_CREDENTIALS:
        try:
            safety.check_url(auth.token_url)
        except RefusedError as refusal:
            for error in refusal.errors:
                yield "auth.token_url", error.reason


def _filter_faults(wanted: Filter) -> Iterator[tuple[str, str]]:
    for field, texts in (
        ("resource_ids", wanted.resource_ids),
        ("fault_types", wanted.fault_types),
        ("probable_causes", wanted.probable_causes),
        ("vnfs", wanted.vnfs),
    ):
        if len(texts) > LIST_MAX:
            yield field, f"more than {LIST_MAX}"
        for number, text in enumerate(texts[:LIST_MAX]):
            if not text or len(text) > TEXT_MAX:
                yield f"{field}[{number}]", f"must have 1 to {TEXT_MAX} characters"
            elif field == "fault_types" and text.count("*") > 8:
                yield f"{field}[{number}]", "more than 8 stars"
