"""From news of alarms to numbered notifications, and from each of those to its deliveries.

Nothing in here does I/O. What it remembers is the last number of each subscription and which open alarms each
was told of: who heard of an alarm hears how it ends, even if its filter would no longer let it through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from nfvigil.model.alarm import Alarm, VimState
from nfvigil.model.happening import Happening
from nfvigil.model.ids import stable_id
from nfvigil.model.notification import Delivery, Notification, occasion_of
from nfvigil.model.resource import BROKEN
from nfvigil.model.subscription import Mode, Subscription
from nfvigil.model.verdict import News
from nfvigil.notifier.channel import Channel
from nfvigil.notifier.matcher import Matcher

ALARMS_MAX = 500
"""Alarms in one notification; more make several."""

ORDER = (News.RAISED, News.CHANGED, News.CONFIRMED, News.CLEARED, News.ACTION)

_TAKES: dict[Mode, frozenset[News]] = {
    Mode.RAISED: frozenset({News.RAISED, News.CHANGED, News.CLEARED}),
    Mode.CONFIRMED: frozenset({News.CHANGED, News.CONFIRMED, News.CLEARED}),
    Mode.BOTH: frozenset(ORDER),
}
_FOLLOWS: dict[Mode, frozenset[News]] = {
    Mode.RAISED: frozenset({News.CHANGED, News.CLEARED}),
    Mode.CONFIRMED: frozenset({News.CHANGED, News.CLEARED}),
    Mode.BOTH: frozenset({News.CHANGED, News.CONFIRMED, News.CLEARED}),
}
"""What those who were told of an alarm hear whatever their filter says: creation is filtered, never resolution."""


def _asks_for(subscription: Subscription, news: News, alarm: Alarm) -> bool:
    occasions = subscription.filter.occasions
    return occasions is None or occasion_of(news, alarm) in occasions


def _takes(subscription: Subscription, news: News, alarm: Alarm) -> bool:
    if subscription.mode is Mode.CONFIRMED and news is not News.CONFIRMED and alarm.vim_state is VimState.PENDING:
        return False  # It has not heard of the alarm yet, so there is nothing to follow up.
    return news in _TAKES[subscription.mode] and _wants(subscription, news)


def _wants(subscription: Subscription, news: News) -> bool:
    wanted = subscription.filter.news
    return not wanted or news in wanted


def _is_late(subscription: Subscription, news: News) -> bool:
    """For one that wants to hear of an alarm once, when it is raised, a change may be what lets it through: something
    that was expected has happened.
    """
    return news is News.CHANGED and News.RAISED in subscription.filter.news


class Composer:
    """Composes notifications. ``seqs`` holds each subscription's last number, as read from the store at start.

    The numbers only move forward: if the rows cannot be written, the very same rows are to be written later.
    """

    def __init__(
        self,
        *,
        matcher: Matcher,
        seqs: dict[str, int],
        channels: Mapping[str, Channel],
        is_kept_down: Callable[[Alarm], bool] = lambda _alarm: False,
    ) -> None:
        """``is_kept_down`` says whether another alarm than this one keeps its resource from working."""
        self._matcher = matcher
        self._is_kept_down = is_kept_down
        self._seqs = seqs
        self._per_alarm = frozenset(name for name, channel in channels.items() if channel.per_alarm)
        self._told: dict[str, tuple[str, ...]] = {}

    def remember(self, alarms: Iterable[Alarm]) -> None:
        """Take the open alarms of an earlier run as told to all who may have heard of them.

        It was not written down who did; a clear too many is harmless, one too few is not.
        """
        for alarm in alarms:
            told = tuple(
                subscription.id
                for subscription in self._matcher.match_for_good(alarm)
                if not (subscription.mode is Mode.CONFIRMED and alarm.vim_state is VimState.PENDING)
            )
            if told and alarm.is_open:
                self._told[alarm.id] = told

    def inform(self, subscription: Subscription, alarms: Iterable[Alarm]) -> None:
        """It was given these when it was made: it hears how they end."""
        for alarm in alarms:
            self._tell(alarm, [subscription.id])

    def forget(self, subscription_id: str) -> None:
        """The subscription is gone: its number need not be kept."""
        self._seqs.pop(subscription_id, None)

    def number(self, subscription_id: str) -> int:
        """The subscription's next number. Whoever takes it writes a notification under it."""
        self._seqs[subscription_id] = seq = self._seqs.get(subscription_id, 0) + 1
        return seq

    def compose(
        self, news: Sequence[tuple[News, Alarm]], event_id: int, now_us: int
    ) -> tuple[list[Notification], list[Delivery]]:
        """One notification per subscription and kind of news, with the deliveries that bring it there."""
        heard: dict[News, dict[str, tuple[Subscription, list[Alarm]]]] = {kind: {} for kind in ORDER}
        for kind, alarm in news:
            of_kind = heard[kind]
            for subscription in self._hearers(kind, alarm):
                entry = of_kind.get(subscription.id)
                if entry is None:
                    entry = of_kind[subscription.id] = (subscription, [])
                entry[1].append(alarm)
        notifications: list[Notification] = []
        deliveries: list[Delivery] = []
        for kind, of_kind in heard.items():
            for subscription, alarms in of_kind.values():
                self._write(subscription, kind, alarms, event_id, now_us, notifications, deliveries)
        return notifications, deliveries

    def compose_happening(
        self, happening: Happening, event_id: int, now_us: int
    ) -> tuple[list[Notification], list[Delivery]]:
        """Something happened that is no alarm: for those who asked for its type."""
        notifications: list[Notification] = []
        deliveries: list[Delivery] = []
        told = {"event_type": happening.type, "payload": happening.payload}
        for subscription in self._matcher.match_event(happening.type, happening.project, happening.vim):
            self._write(subscription, News.EVENT, (), event_id, now_us, notifications, deliveries, told)
        return notifications, deliveries

    def compose_single(
        self, subscription: Subscription, news: News, alarms: Sequence[Alarm], now_us: int
    ) -> tuple[list[Notification], list[Delivery]]:
        """A heartbeat, a test, or the summary of what is open: news that no event causes.

        It is one notification, or several where a summary has more alarms than one may carry.
        """
        notifications: list[Notification] = []
        deliveries: list[Delivery] = []
        self._write(subscription, news, alarms, 0, now_us, notifications, deliveries)
        if news is News.SUMMARY:
            self.inform(subscription, alarms)
        return notifications, deliveries

    def _hearers(self, news: News, alarm: Alarm) -> list[Subscription]:
        if news is News.ACTION:
            hearers = self._matcher.match_resource(alarm)
            return [s for s in hearers if _asks_for(s, news, alarm) and _wants(s, news)]
        return [
            s for s in self._followers(news, alarm) if _asks_for(s, news, alarm) and not self._is_early(s, news, alarm)
        ]

    def _is_early(self, subscription: Subscription, news: News, alarm: Alarm) -> bool:
        """What would be taken for "well again" too soon."""
        is_well = news is News.CLEARED or alarm.resource_state not in BROKEN
        return is_well and subscription.filter.only_last_clear and self._is_kept_down(alarm)

    def _followers(self, news: News, alarm: Alarm) -> list[Subscription]:
        told = self._told.get(alarm.id, ())
        hearers = [
            one
            for one in self._matcher.match(alarm)
            if _takes(one, news, alarm) or (_is_late(one, news) and one.id not in told)
        ]
        if told and news is not News.RAISED:
            found = {subscription.id for subscription in hearers}
            for subscription_id in told:
                known = self._matcher.get(subscription_id)
                if known is None or subscription_id in found or news not in _FOLLOWS[known.mode]:
                    continue
                # What is another's by now is not for those who once heard of it.
                if known.project in ("", alarm.project) and _wants(known, news):
                    hearers.append(known)
        if news is News.CLEARED:
            self._told.pop(alarm.id, None)
        elif hearers:
            self._tell(alarm, [subscription.id for subscription in hearers])
        return hearers

    def _tell(self, alarm: Alarm, subscription_ids: list[str]) -> None:
        told = self._told.get(alarm.id, ())
        fresh = [subscription_id for subscription_id in subscription_ids if subscription_id not in told]
        if fresh:
            self._told[alarm.id] = (*told, *fresh)

    def _write(
        self,
        subscription: Subscription,
        news: News,
        alarms: Sequence[Alarm],
        event_id: int,
        now_us: int,
        notifications: list[Notification],
        deliveries: list[Delivery],
        event: dict[str, Any] | None = None,
    ) -> None:
        for start in range(0, max(1, len(alarms)), ALARMS_MAX):
            portion = tuple(alarms[start : start + ALARMS_MAX])
            seq = self.number(subscription.id)
            notification = Notification(
                id=stable_id(subscription.id, seq),
                subscription=subscription.id,
                seq=seq,
                news=news,
                created_us=now_us,
                event_id=event_id,
                alarms=portion,
                event=event,
            )
            notifications.append(notification)
            for endpoint in subscription.endpoints:
                parts = max(1, len(portion)) if endpoint.format in self._per_alarm else 1
                deliveries.extend(
                    Delivery(
                        id=stable_id(notification.id, endpoint.id, part),
                        notification=notification.id,
                        subscription=subscription.id,
                        endpoint=endpoint.id,
                        seq=seq,
                        part=part,
                    )
                    for part in range(parts)
                )
