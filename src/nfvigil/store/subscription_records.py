"""Subscriptions. What their endpoints keep secret is taken out of the record and lies beside it, encrypted."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import msgspec
from sqlalchemy import delete, select, tuple_

from nfvigil.errors import NotFoundError, UnavailableError
from nfvigil.model.secret_fields import hidden
from nfvigil.model.subscription import Endpoint, Subscription
from nfvigil.sealing.box import LockedError
from nfvigil.sealing.keys import NoKeyError
from nfvigil.store import rows
from nfvigil.store.access import in_scope
from nfvigil.store.ops import Conflict, Execute, Insert
from nfvigil.store.reading import page_limit
from nfvigil.store.schema import IS_PENDING, deliveries, notifications, subscriptions
from nfvigil.store.sealed_records import Sealed, SealedRecords

DELETE_BATCH = 500
SECRETS = ("secret", "token", "auth", "tls")
"""The fields of an endpoint that are nobody's to read."""
_NONE = b""

_COLUMNS = (subscriptions.c.body, subscriptions.c.secrets)


class SubscriptionRecords(SealedRecords):
    async def subscriptions(
        self, project: str | None = None, *, marker: str | None = None, limit: int | None = None
    ) -> list[Subscription]:
        """Subscriptions by id, all of them or a page behind the id ``marker``."""
        statement = select(*_COLUMNS).where(*in_scope(subscriptions.c.project, project))
        if marker is not None:
            statement = statement.where(subscriptions.c.id > marker)
        statement = statement.order_by(subscriptions.c.id)
        if limit is not None:
            statement = statement.limit(page_limit(limit))
        return [self._whole(*row) for row in await self._reader.rows(statement)]

    async def subscription(self, subscription_id: str, project: str | None = None) -> Subscription | None:
        found = await self._reader.rows(
            select(*_COLUMNS).where(subscriptions.c.id == subscription_id, *in_scope(subscriptions.c.project, project))
        )
        return self._whole(*found[0]) if found else None

    async def put_subscription(self, subscription: Subscription) -> None:
        """NoKeyError where an endpoint has a secret, and there is nothing to encrypt it with."""
        await self._writer.write([await self._row(subscription)])

    async def change_subscription(self, subscription: Subscription, gone: Iterable[str]) -> None:
        """Keep what it has become, and drop what waits for the endpoints ``gone``: both or neither."""
        dropped = delete(deliveries).where(
            deliveries.c.subscription == subscription.id, deliveries.c.endpoint.in_(sorted(gone)), IS_PENDING
        )
        await self._writer.write([await self._row(subscription), Execute(statement=dropped)])

    async def _row(self, subscription: Subscription) -> Insert:
        secrets, plain, data = secrets_of(subscription), without_secrets(subscription), _NONE
        if secrets:
            try:
                data = await self._seal(owner_of(subscription.id), secrets)
            except NoKeyError:
                if any(of_one.keys() != {"url"} for of_one in secrets.values()):
                    raise
                plain = subscription  # Such addresses were taken without a key before: that they work counts more.
        row = (subscription.id, subscription.project, subscription.created_us, rows.encode(plain), data)
        # Secrets that we could not read are still there for whoever finds the key.
        keep = ("secrets",) if any(endpoint.locked for endpoint in subscription.endpoints) else ()
        return Insert(table=subscriptions, rows=[row], conflict=Conflict.REPLACE, keep=keep)

    async def seal_old_subscriptions(self) -> int:
        """Encrypt what an older version kept readable; how many. What there is no key for stays as it is."""
        if self._keys is None:
            return 0
        statement = select(subscriptions.c.body).where(subscriptions.c.secrets.is_(None))
        count = 0
        for body in await self._reader.values(statement):
            subscription = rows.to_subscription(body)
            with suppress(NoKeyError):
                await self.put_subscription(subscription)
                count += bool(secrets_of(subscription))
        return count

    async def delete_subscription(self, subscription_id: str) -> None:
        """Remove it with all that was ever to be sent for it. What a failure leaves of that, ``purge`` removes."""
        result = await self._writer.write(
            [Execute(statement=delete(subscriptions).where(subscriptions.c.id == subscription_id))]
        )
        if not result[0].count:
            raise NotFoundError(f"there is no subscription {subscription_id}")
        with suppress(UnavailableError):  # It is gone, whatever becomes of these.
            await self.delete_rows_of(subscription_id)

    async def delete_rows_of(self, subscription_id: str) -> int:
        """Remove the notifications and deliveries of a subscription that is gone; returns how many."""
        total = 0
        for table in (deliveries, notifications):
            key = tuple(table.primary_key.columns)
            some = select(*key).where(table.c.subscription == subscription_id).limit(DELETE_BATCH)
            count = DELETE_BATCH
            while count >= DELETE_BATCH:
                statement = delete(table).where(tuple_(*key).in_(some))
                count = (await self._writer.write([Execute(statement=statement)]))[0].count
                total += count
        return total

    def _whole(self, body: bytes, data: bytes | None) -> Subscription:
        """With its secrets again; endpoints of which they cannot be had are locked."""
        subscription = rows.to_subscription(body)
        if not data:
            return subscription
        try:
            secrets = self._unseal(Sealed(owner_of(subscription.id), bytes(data)))
        except LockedError:
            return with_secrets(subscription, None)
        return with_secrets(subscription, secrets)


def owner_of(subscription_id: str) -> str:
    """Whose secrets they are, for the seal."""
    return f"subscription/{subscription_id}"


def secrets_of(subscription: Subscription) -> dict[str, dict[str, Any]]:
    """What endpoints keep secret, by endpoint and field; only those that have something."""
    found = {}
    for endpoint in subscription.endpoints:
        of_one = {field: getattr(endpoint, field) for field in SECRETS if getattr(endpoint, field)}
        if hidden(endpoint.url) != endpoint.url:
            of_one["url"] = endpoint.url  # with a token in it
        if of_one:
            found[endpoint.id] = msgspec.to_builtins(of_one)
    return found


def without_secrets(subscription: Subscription) -> Subscription:
    """As it is kept readable: which secrets there are stays to be seen."""
    found = secrets_of(subscription)
    return msgspec.structs.replace(
        subscription,
        endpoints=tuple(
            msgspec.structs.replace(
                endpoint,
                locked=False,
                kept=endpoint.kept if endpoint.locked else tuple(found.get(endpoint.id, ())),
                url=hidden(endpoint.url),
                **{field: defaults[field] for field in SECRETS},
            )
            for endpoint in subscription.endpoints
        ),
    )


defaults: dict[str, Any] = {
    field.name: field.default for field in msgspec.structs.fields(Endpoint) if field.name in SECRETS
}


def with_secrets(subscription: Subscription, secrets: dict[str, dict[str, Any]] | None) -> Subscription:
    """``secrets`` is None where they cannot be had."""

    def whole(endpoint: Endpoint) -> Endpoint:
        if not endpoint.kept:
            return endpoint
        if secrets is None or endpoint.id not in secrets:
            return msgspec.structs.replace(endpoint, locked=True)
        plain = msgspec.to_builtins(endpoint) | secrets[endpoint.id] | {"kept": ()}
        return msgspec.convert(plain, Endpoint)

    return msgspec.structs.replace(subscription, endpoints=tuple(map(whole, subscription.endpoints)))
