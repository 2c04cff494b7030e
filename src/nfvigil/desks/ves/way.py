"""How events of the VES agent come to their collector: as notifications of a subscription of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from nfvigil.errors import FieldError, RefusedError
from nfvigil.model.ids import stable_id
from nfvigil.model.notification import Delivery, Notification
from nfvigil.model.secret_fields import HIDDEN
from nfvigil.model.subscription import AuthKind, Endpoint, EndpointAuth, EndpointTls, Subscription
from nfvigil.model.verdict import News
from nfvigil.model.ves import VesConfig, VesEvent, VesSubscription
from nfvigil.model.ves_bodies import batch_url, batches, version_of

OWNER = "ves"
FORMAT = "ves"
EVENT_TYPE = "ves"
ROOT = "vesagent_config.ves_subscription"
SECRETS = ("password", "client_key")


class Told(NamedTuple):
    notifications: tuple[Notification, ...] = ()
    deliveries: tuple[Delivery, ...] = ()

    @property
    def items(self) -> list[tuple[Notification, Delivery]]:
        return list(zip(self.notifications, self.deliveries, strict=True))


def subscription_of(config: VesConfig, created_us: int, before: Subscription | None = None) -> Subscription:
    """One that was removed and comes back is another: its numbers begin anew, and so must its messages' ids."""
    collector = config.ves_subscription
    subscription_id = before.id if before is not None else stable_id("ves", config.vim, created_us)
    return Subscription(
        id=subscription_id,
        name=f"VES {config.vim}",
        endpoints=(
            Endpoint(
                id=stable_id(subscription_id, "endpoint"),
                url=collector.endpoint,
                format=FORMAT,
                auth=_auth(collector),
                tls=tls_of(collector),
            ),
        ),
        paused=before.paused if before is not None else False,
        created_us=before.created_us if before is not None else created_us,
        created_by=config.changed_by,
        owner=OWNER,
        extra={"vim": config.vim},
    )


def _auth(collector: VesSubscription) -> EndpointAuth | None:
    if not collector.username:
        return None
    return EndpointAuth(kind=AuthKind.BASIC, user=collector.username, secret=collector.password)


def tls_of(collector: VesSubscription) -> EndpointTls | None:
    if not (collector.ca or collector.client_cert):
        return None
    return EndpointTls(ca=collector.ca, certificate=collector.client_cert, key=collector.client_key)


def bare(config: VesConfig) -> VesConfig:
    """As it may be shown and kept readable."""
    return replace(config, ves_subscription=replace(config.ves_subscription, password="", client_key=""))


def whole(config: VesConfig, subscription: Subscription) -> VesConfig:
    """With the secrets that its subscription keeps."""
    (endpoint,) = subscription.endpoints
    collector = replace(
        config.ves_subscription,
        password=endpoint.auth.secret if endpoint.auth is not None else "",
        client_key=endpoint.tls.key if endpoint.tls is not None else "",
    )
    return replace(config, ves_subscription=collector)


def with_kept(document: Any, before: VesConfig | None) -> Any:
    """``***`` in the place of a secret leaves it as it was, as long as it goes where it went before."""
    root = document.get("vesagent_config") if isinstance(document, dict) else None
    given = root.get("ves_subscription") if isinstance(root, dict) else None
    if not isinstance(root, dict) or not isinstance(given, dict):
        return document
    left = [name for name in SECRETS if given.get(name) == HIDDEN]
    if not left:
        return document
    errors = []
    kept = {}
    for name in left:
        secret = getattr(before.ves_subscription, name) if before is not None else ""
        if before is None or not secret:
            errors.append(
                FieldError(f"{ROOT}.{name}", f"{HIDDEN} stands for a secret that is not kept: give it itself")
            )
        elif _origin(given.get("endpoint")) != _origin(before.ves_subscription.endpoint):
            errors.append(FieldError(f"{ROOT}.{name}", "must be given again, as it would go to another address"))
        else:
            kept[name] = secret
    if errors:
        raise RefusedError("the configuration of the VES agent is wrong", errors)
    return {**document, "vesagent_config": {**root, "ves_subscription": {**given, **kept}}}


def _origin(url: object) -> tuple[str, str]:
    try:
        parts = urlsplit(str(url))
    except ValueError:
        return "", str(url)
    return parts.scheme, parts.netloc


def told(events: Sequence[VesEvent], subscription: Subscription, *, number: Callable[[str], int], now_us: int) -> Told:
    """As few notifications as the collector can take them in, in the events' order."""
    (endpoint,) = subscription.endpoints
    most = {} if batch_url(endpoint.url) else {"events_max": 1}
    notifications = []
    deliveries = []
    for some in batches(events, version_of(endpoint.url), **most):
        seq = number(subscription.id)
        notification = Notification(
            id=stable_id(subscription.id, seq),
            subscription=subscription.id,
            seq=seq,
            news=News.EVENT,
            created_us=now_us,
            # Not yet as a version of the event listener has it: which one that is may change until it is sent.
            event={
                "event_type": EVENT_TYPE,
                "payload": {"domain": some[0].domain, "events": msgspec.to_builtins(some)},
            },
        )
        notifications.append(notification)
        deliveries.append(
            Delivery(
                id=stable_id(notification.id, endpoint.id, 0),
                notification=notification.id,
                subscription=subscription.id,
                endpoint=endpoint.id,
                seq=seq,
            )
        )
    return Told(tuple(notifications), tuple(deliveries))


def domain_of(notification: Notification) -> str:
    """What a notification of ours tells; "" for another's."""
    event = notification.event
    if event is None or event["event_type"] != EVENT_TYPE:
        return ""
    return str(event["payload"]["domain"])
