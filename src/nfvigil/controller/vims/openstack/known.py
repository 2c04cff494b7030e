"""What the last listings said, for those who ask for one thing: hosts' sizes and names, groups, flavors."""

from __future__ import annotations

from nfvigil.controller.vims.openstack.heartbeats import Heartbeats
from nfvigil.controller.vims.openstack.reading import HostFacts, Pool
from nfvigil.controller.vims.openstack.wire import Flavor
from nfvigil.model.resource import Host

ON_THE_WAY = frozenset({"BUILD", "REBUILD", "MIGRATING", "RESIZE", "REVERT_RESIZE"})
"""The states of a server that comes, or moves."""


class Known:
    """Belongs to one driver; replaced whole by each listing."""

    def __init__(self) -> None:
        self.heartbeats = Heartbeats()
        self.pool = Pool()
        self.facts: dict[str, HostFacts] = {}
        self.groups: dict[str, str] = {}
        self.flavors: dict[str, Flavor] = {}
        self.hosts: dict[str, Host] = {}
        """As they were last told of, by a listing or a change."""
        self.places: dict[str, str] = {}
        """Server -> the host that its ports are known to be on."""
