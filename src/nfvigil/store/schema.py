"""The tables: what is kept, under which key, and which questions an index answers.

The hot tables (events, decisions, alarms, actions, notifications, deliveries) have few indices, as each one costs on
every write. A record itself stands in ``body`` as JSON; the columns beside it are what is asked for. Deliveries are
many and small and have columns only.

What dirties many pages makes a commit slow, and keys without an order (our ids) dirty a page a row. So rows that are
written together stand together: actions by their event, an alarm's history by the event that raised it, deliveries by
their subscription, and none has an index by its id, for whoever holds such a record also knows the rest of the key.

Indices over part of a table (what is open, unfinished, pending) stay small however old the database grows; a query
uses one only if it holds the very same condition, so the conditions are named here.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    literal_column,
    text,
)

REVISIONS: tuple[str, ...] = tuple(f"{number:04d}" for number in range(1, 13))
"""Every revision of the schema that this version knows, oldest first. The last one is what it works with."""

metadata = MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"},
)

Big = BigInteger().with_variant(Integer, "sqlite")
"""A whole number of 64 bits. SQLite's INTEGER is that, and as primary key it is the row's own place in the table."""


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _big(name: str) -> Column[int]:
    return Column(name, Big, nullable=False)


def _big_or_null(name: str) -> Column[int]:
    return Column(name, Big, nullable=True)


def _body() -> Column[bytes]:
    return Column("body", LargeBinary, nullable=False)


events = Table(
    "events",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=False),
    _big("received_us"),
    _text("type"),
    _text("resource"),
    _body(),
)

IS_HA_NOTIFICATION = events.c.type == literal_column("'masakari.notification'")
Index("events_ha_notifications", events.c.id, sqlite_where=IS_HA_NOTIFICATION, postgresql_where=IS_HA_NOTIFICATION)

decisions = Table(
    "decisions",
    metadata,
    Column("event_id", Big, primary_key=True, autoincrement=False),
    _big("decided_us"),
    _big("told_with"),  # The event under whose number its notifications are.
    _body(),
)

alarms = Table(
    "alarms",
    metadata,
    Column("id", Text, primary_key=True),
    _big("change"),  # Rises with every change of any alarm: a reader asks for what is new since the last one it saw.
    _text("project"),
    _text("audience"),
    _text("resource"),
    _text("fault_type"),
    Column("severity_rank", Integer, nullable=False),
    _text("state"),
    _big("raised_us"),
    _big_or_null("changed_us"),
    _big_or_null("cleared_us"),  # Never null where the state is cleared: null means open.
    _text("root"),
    _text("parent"),
    _big("event_id"),
    _text("fault"),
    _big_or_null("acked_us"),
    Column("vnf", Text, nullable=False, server_default=text("''")),
    _body(),
    _big("event_us"),
    _text("probable_cause"),
    _text("news"),  # What happened to it last: for those who follow.
    Column("worst_rank", Integer, nullable=False),  # Of its life: who was told of it when it was worse hears the rest.
    Column("least_rank", Integer, nullable=False),
)
IS_OF_VNF = alarms.c.vnf != literal_column("''")
IS_OPEN = alarms.c.cleared_us.is_(None)
Index("alarms_by_change", alarms.c.change)
Index("alarms_by_event", alarms.c.event_id)
Index("alarms_by_time", alarms.c.raised_us, alarms.c.id)
Index("alarms_by_project", alarms.c.project, alarms.c.raised_us, alarms.c.id)
Index("alarms_by_resource", alarms.c.resource, alarms.c.raised_us, alarms.c.id)
Index("alarms_open", alarms.c.raised_us, alarms.c.id, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN)
Index(
    "alarms_open_by_project",
    alarms.c.project,
    alarms.c.raised_us,
    alarms.c.id,
    sqlite_where=IS_OPEN,
    postgresql_where=IS_OPEN,
)

Index("alarms_of_vnfs", alarms.c.raised_us, alarms.c.id, sqlite_where=IS_OF_VNF, postgresql_where=IS_OF_VNF)
Index(
    "alarms_of_vnfs_by_project",
    alarms.c.project,
    alarms.c.raised_us,
    alarms.c.id,
    sqlite_where=IS_OF_VNF,
    postgresql_where=IS_OF_VNF,
)
Index(
    "alarms_by_vnf", alarms.c.vnf, alarms.c.raised_us, alarms.c.id, sqlite_where=IS_OF_VNF, postgresql_where=IS_OF_VNF
)

history = Table(
    "history",
    metadata,
    _big("raised_by"),  # The event that raised the alarm.
    _text("alarm_id"),
    _big("at_us"),
    Column("position", Integer, nullable=False),  # In the change that it came with.
    _text("what"),
    _body(),
    PrimaryKeyConstraint("raised_by", "alarm_id", "at_us", "position", "what"),
    sqlite_with_rowid=False,
)

faults = Table(
    "faults",
    metadata,
    Column("id", Text, primary_key=True),
    _text("type"),
    _text("resource"),
    _big("event_id"),
    _big("raised_us"),
    _big_or_null("cleared_us"),
    _body(),
)
IS_STANDING = faults.c.cleared_us.is_(None)
Index("faults_by_time", faults.c.raised_us, faults.c.id)
Index("faults_standing", faults.c.raised_us, faults.c.id, sqlite_where=IS_STANDING, postgresql_where=IS_STANDING)

memory = Table("memory", metadata, Column("key", Text, primary_key=True), _body())

actions = Table(
    "actions",
    metadata,
    _big("event_id"),
    _text("id"),
    Column("position", Integer, nullable=False),  # In the change that it came with.
    _text("alarm_id"),
    _text("project"),
    _text("kind"),
    _text("state"),
    _big_or_null("ended_us"),  # Never null where the action is over: null means unfinished.
    _text("leased_by"),
    _body(),
    PrimaryKeyConstraint("event_id", "id"),
    sqlite_with_rowid=False,
)
IS_UNFINISHED = actions.c.ended_us.is_(None)
Index(
    "actions_unfinished",
    actions.c.event_id,
    actions.c.position,
    actions.c.id,
    sqlite_where=IS_UNFINISHED,
    postgresql_where=IS_UNFINISHED,
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", Text, primary_key=True),
    _text("project"),
    _big("created_us"),
    _body(),
    Column("secrets", LargeBinary, nullable=True),  # Sealed, or empty; null: an older version's, still in the body.
)
Index("subscriptions_by_project", subscriptions.c.project, subscriptions.c.id)

notifications = Table(
    "notifications",
    metadata,
    _text("subscription"),
    _big("seq"),
    _text("id"),
    _text("news"),
    _big("event_id"),
    _big("created_us"),
    _body(),
    PrimaryKeyConstraint("subscription", "seq"),
)
Index("notifications_by_event", notifications.c.event_id)
Index("notifications_by_time", notifications.c.created_us, notifications.c.subscription, notifications.c.seq)

deliveries = Table(
    "deliveries",
    metadata,
    _text("subscription"),
    _big("seq"),
    Column("part", Integer, nullable=False),
    _text("endpoint"),
    _text("id"),
    _text("notification"),
    _text("state"),
    Column("attempts", Integer, nullable=False),
    _big("next_us"),
    _big_or_null("first_sent_us"),
    _big_or_null("delivered_us"),
    Column("status", Integer, nullable=False),
    _text("error"),
    _text("leased_by"),
    PrimaryKeyConstraint("subscription", "seq", "part", "endpoint"),
    sqlite_with_rowid=False,
)
IS_PENDING = deliveries.c.state == literal_column("'pending'")
IS_DEAD = deliveries.c.state == literal_column("'dead'")
Index(
    "deliveries_pending",
    deliveries.c.endpoint,
    deliveries.c.seq,
    deliveries.c.part,
    sqlite_where=IS_PENDING,
    postgresql_where=IS_PENDING,
)
Index(
    "deliveries_dead",
    deliveries.c.subscription,
    deliveries.c.seq,
    deliveries.c.part,
    deliveries.c.endpoint,
    sqlite_where=IS_DEAD,
    postgresql_where=IS_DEAD,
)

policies = Table(
    "policies",
    metadata,
    _text("name"),
    Column("version", Integer, nullable=False),
    _text("text"),
    _text("note"),
    _big("created_us"),
    _text("created_by"),
    _big_or_null("activated_us"),  # Null where it is not the active one.
    PrimaryKeyConstraint("name", "version"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("hash", Text, nullable=False, unique=True),
    _text("name"),
    Column("project", Text, nullable=True),
    _text("role"),
    _big("created_us"),
    _big_or_null("expires_us"),
    _big_or_null("revoked_us"),
)

monitor_keys = Table(
    "monitor_keys",
    metadata,
    Column("id", Text, primary_key=True),
    _text("name"),
    Column("key", LargeBinary, nullable=False),  # Sealed.
    _big("created_us"),
    _text("created_by"),
    _big_or_null("expires_us"),
    _big_or_null("revoked_us"),
)

vims = Table(
    "vims",
    metadata,
    Column("name", Text, primary_key=True),
    _big("changed_us"),
    _body(),
    Column("options", LargeBinary, nullable=False),  # Sealed: the secrets are in them.
)

configuration = Table(
    "configuration",
    metadata,
    Column("name", Text, primary_key=True),
    _big("changed_us"),
    _body(),
)

vnfs = Table(
    "vnfs",
    metadata,
    _text("project"),
    _text("id"),
    _big("changed_us"),
    _body(),
    PrimaryKeyConstraint("project", "id"),
)

cursors = Table("cursors", metadata, Column("name", Text, primary_key=True), _big("value"))
DECIDED = "decided"
"""The last event that is decided."""
ALARM_CHANGE = "alarm_change"
"""The number of the last change of an alarm."""
AUDIT_KEPT = "audit_kept"
"""The first line of the audit log that may not be removed: a trigger in the database looks at it."""

nodes = Table("nodes", metadata, Column("node", Text, primary_key=True), _big("leased_until_us"))
"""A node's lease covers all rows that carry its name, so that renewing it is one row however many there are."""

audit = Table(
    "audit",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    _big("at_us"),
    _text("who"),
    _text("what"),
    _text("target"),
    _text("text"),
    _text("who_id"),
    _text("project"),
    _text("role"),
    _text("via"),
    _text("rule"),
    _text("method"),
    _text("outcome"),
    _text("address"),
    _text("request"),
    _text("hash"),
    Column("status", Integer, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Big, primary_key=True, autoincrement=True),
    _text("name"),
    _text("generation"),
    Column("key", LargeBinary, nullable=False),
    _big("began_change"),
    _big("began_us"),
)
"""The starts of the service on this database, and the generation of its alarms that each belongs to: by them a place
in the order of changes is known again. ``key`` closes such a place to its holder."""

forgotten = Table(
    "forgotten",
    metadata,
    Column("project", Text, primary_key=True),
    _big("change"),
)
"""The highest change of an alarm that was purged, by project: who stands before it may have missed how it ended."""

requests = Table(
    "requests",
    metadata,
    Column("key", Text, primary_key=True),
    _text("content"),
    _big("begun_us"),
    Column("status", Integer, nullable=True),  # Null until it was answered.
    Column("answer", LargeBinary, nullable=False),
)
Index("requests_by_time", requests.c.begun_us)
