"""The wiring of an OSM installation: its database, what hears the listings, what reads and writes beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from pydantic import SecretStr

from nfvigil.errors import FieldError, SettingsError
from nfvigil.model.action import ActionKind
from nfvigil.model.answers import Health
from nfvigil.model.event import Event
from nfvigil.model.reading import Reader
from nfvigil.model.times import SECOND
from nfvigil.model.vim_account import Source, VimAccount
from nfvigil.model.vnf_record import VduNews
from nfvigil.northbound.metrics import Metrics
from nfvigil.pipeline import Pipeline
from nfvigil.settings import OsmSettings, Settings
from nfvigil.vdu_news import VduTeller, standing_news, undecided_news
from nfvigil.vnf.osm.adapter import Adapter, Database, OsmStatus
from nfvigil.vnf.osm.database import OsmDatabase, places_of
from nfvigil.vnf.osm.fleet import Fleet, Followers
from nfvigil.vnf.osm.reader import OsmReader
from nfvigil.vnf.osm.survey import Survey, survey
from nfvigil.vnf.osm.worker import Worker
from nfvigil.vnf.registry import Registry

Ask = Callable[[], Awaitable[Health]]

GAUGES = {
    "osm_age_seconds": "since OSM's accounts and tasks were read",
    "osm_servers": "servers that OSM has us monitor",
    "osm_pending": "servers whose records in OSM are still to be looked at",
    "osm_writes": "updates of OSM's records",
    "osm_conflicts": "updates that missed, because somebody else was quicker",
    "osm_refused": "updates that OSM's database would not take",
    "osm_accounts_unusable": "accounts of OSM's that cannot be used",
    "osm_unavailable": "1 where OSM's database cannot be read or written",
}
SKIPPED = {"osm_skipped": "tasks and records of OSM's that are passed by"}


class Osm:
    """``database`` is None where there is no installation: then all of this does nothing."""

    def __init__(
        self, settings: OsmSettings, *, database: Database | None, common_key: str, clock: Callable[[], int]
    ) -> None:
        self.places: Sequence[str] = ()
        self._settings = settings
        self._database = database
        self._common_key = common_key
        self._clock = clock
        self._adapter: Adapter | None = None
        self._worker = Worker(name="OSM's database")
        self._reader = OsmReader(interval_seconds=settings.refresh_seconds, wake=self._wake)

    @property
    def readers(self) -> Sequence[Reader]:
        return () if self._database is None else (self._reader,)

    @property
    def beside(self) -> Mapping[str, Callable[[], Coroutine[Any, Any, None]]]:
        """What runs while we serve."""
        return {} if self._adapter is None else {"osm": self._adapter.run}

    def is_theirs(self, news: VduNews, registry: Registry) -> bool:
        """Whether a condition that stands as a fault is of OSM's: of a VNF that nobody told us of."""
        return self._database is not None and registry.get(news.project, news.vnf) is None

    def join(self, fleet: Fleet, pipeline: Pipeline, registry: Registry, *, undecided: Iterable[Event] = ()) -> None:
        """Before it is run, and before anything is decided. ``undecided`` are events of an earlier process."""
        if self._database is None:
            return
        self._adapter = Adapter(
            database=self._database,
            worker=self._worker,
            reader=self._reader,
            followers=Followers(
                fleet=fleet, given=self._settings.vims, interval_seconds=self._settings.refresh_seconds
            ),
            say=VduTeller(pipeline).say,
            is_ours=lambda server: pipeline.state.before(f"{ActionKind.SERVER_ERROR} server/{server}") is not None,
            standing=[one for one in standing_news(pipeline.state) if self.is_theirs(one, registry)],
            undecided=[one for one in undecided_news(undecided) if self.is_theirs(one, registry)],
            clock=self._clock,
            common_key=self._common_key,
            plugins=self._settings.plugin_types,
            refresh_seconds=self._settings.refresh_seconds,
        )

    def close(self) -> None:
        self._worker.close()
        if isinstance(self._database, OsmDatabase):
            self._database.close()

    def in_health(self, health: Ask) -> Ask:
        """With how it stands with OSM. That it is away is no reason not to take events in."""

        async def report() -> Health:
            found = await health()
            if self._adapter is None:
                return found
            details = {**found.details, "osm": msgspec.to_builtins(self._adapter.status())}
            return msgspec.structs.replace(found, details=details)

        return report

    def show(self, metrics: Metrics) -> None:
        if self._adapter is None:
            return
        status = self._adapter.status

        def look() -> Iterator[tuple[tuple[str, ...], dict[str, float | None]]]:
            yield (), dict(zip(GAUGES, self._values(status()), strict=True))

        def skipped() -> Iterator[tuple[tuple[str, ...], dict[str, float | None]]]:
            for reason, number in status().skipped.items():
                yield (reason,), {"osm_skipped": float(number)}

        metrics.gauges(GAUGES, (), look)
        metrics.gauges(SKIPPED, ("reason",), skipped)

    def _values(self, status: OsmStatus) -> list[float | None]:
        age = None if status.read_us is None else (self._clock() - status.read_us) / SECOND
        return [
            age,
            status.servers,
            status.pending,
            status.writes,
            status.conflicts,
            status.refused,
            len(status.troubles),
            float(bool(status.error)),
        ]

    def _wake(self) -> None:
        if self._adapter is not None:
            self._adapter.wake()


def open_osm(settings: OsmSettings, *, clock: Callable[[], int]) -> Osm:
    """Nothing is connected yet. SettingsError where something is wrong with what is given."""
    if not settings.is_used:
        return Osm(settings, database=None, common_key="", clock=clock)
    url, common_key = secrets_of(settings)
    osm = Osm(settings, database=OsmDatabase.opened(url, settings.database), common_key=common_key, clock=clock)
    osm.places = places_of(url)
    return osm


def survey_of(settings: Settings) -> Survey:
    """What would be done by these settings. It blocks, and changes nothing; clouds that were added at run time are not
    in it.
    """
    if not settings.osm.is_given:
        raise SettingsError("the settings have no OSM: [osm] url, or NFVIGIL_OSM__URL")
    url, common_key = secrets_of(settings.osm)
    database = OsmDatabase.opened(url, settings.osm.database)
    own = [
        VimAccount(name=one.name, driver=one.driver, options=one.options, source=Source.SETTINGS)
        for one in settings.vims
    ]
    try:
        return survey(
            database,
            common_key=common_key,
            plugins=settings.osm.plugin_types,
            given=settings.osm.vims,
            own=own,
        )
    finally:
        database.close()


def secrets_of(settings: OsmSettings) -> tuple[str, str]:
    """The URL and the common key, wherever they stand."""
    return (
        _secret(settings.url, settings.url_file, "osm.url_file"),
        _secret(settings.common_key, settings.common_key_file, "osm.common_key_file"),
    )


def _secret(given: SecretStr, file: Path | None, field: str) -> str:
    if file is None:
        return given.get_secret_value().strip()
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is no text"
        raise SettingsError("the settings are wrong", [FieldError(field, reason)]) from None
