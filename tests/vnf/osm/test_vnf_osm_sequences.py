"""Random sequences of what happens in a cloud, in its listings, in OSM and to us: records end up as the cloud is."""

from __future__ import annotations

import os
from random import Random
from typing import Any

import mongomock
import pytest
from osm_players import ACCOUNT, KEY, Cloud, port_words, record, server_words, vdur

from nfvigil.vnf.osm.database import OsmDatabase
from nfvigil.vnf.osm.reader import OsmReader
from nfvigil.vnf.osm.records import Work, planned
from nfvigil.vnf.osm.tasks import Target

SEQUENCES = int(os.environ.get("NFVIGIL_TEST_OSM_SEQUENCES", "40"))
STEPS = 25
SERVERS = [f"s-{number}" for number in range(4)]
STATUSES = ("ACTIVE", "SHUTOFF", "ERROR", "PAUSED", "BUILD", "RESIZE")


class Play:
    """Two records of two servers each."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.database: Any = mongomock.MongoClient()["osm"]
        self.adapter = OsmDatabase(self.database)
        self.cloud = Cloud()
        self.targets = []
        for place, server in enumerate(SERVERS):
            self.cloud.put(server)
            self.targets.append(
                Target(ACCOUNT, server, f"v-{place // 2}", place % 2, KEY, (f"p-{server}",), float(place))
            )
        for vnfr in ("v-0", "v-1"):
            mine = [vdur(target.server) for target in self.targets if target.vnfr == vnfr]
            self.database["vnfrs"].insert_one(record(*mine) | {"_id": vnfr})
        self.proven: set[str] = set()
        """Servers that did not exist when a listing was made that was believed of them."""
        self.restart()

    def restart(self) -> None:
        self.reader = OsmReader(interval_seconds=1, wake=lambda: None)
        self.reader.monitor({self.cloud.vim: self.targets})

    # What may happen

    def change(self) -> None:
        server = self.chance.choice(SERVERS)
        if server in self.cloud.servers:
            field, values = self.chance.choice(
                [("status", STATUSES), ("name", ("a", "b")), ("OS-EXT-SRV-ATTR:host", ("compute-1", "compute-2"))]
            )
            self.cloud.servers[server] |= {field: self.chance.choice(values)}

    def delete(self) -> None:
        self.cloud.servers.pop(self.chance.choice(SERVERS), None)

    def come_back(self) -> None:
        server = self.chance.choice(SERVERS)
        self.cloud.servers.setdefault(server, server_words(server))

    def change_port(self) -> None:
        server = self.chance.choice(SERVERS)
        address = f"192.0.2.{self.chance.randrange(1, 9)}"
        self.cloud.ports[f"p-{server}"] = port_words(
            f"p-{server}",
            self.chance.choice([server, server, server, "another"]),
            fixed_ips=[{"ip_address": address}],
            status=self.chance.choice(["ACTIVE", "ACTIVE", "DOWN"]),
        )

    def delete_port(self) -> None:
        self.cloud.ports.pop(f"p-{self.chance.choice(SERVERS)}", None)

    def fall_silent(self) -> None:
        """Some are neither listed nor known to be gone."""
        keys = [f"{kind}{server}" for server in SERVERS for kind in ("server/", "port/p-")]
        self.cloud.silent = set(self.chance.sample(keys, 3))

    def speak(self) -> None:
        self.cloud.silent = set()

    def osm_writes(self) -> None:
        """It says so in the task."""
        place = self.chance.randrange(len(SERVERS))
        target = self.targets[place]
        self.database["vnfrs"].update_one(
            {"_id": target.vnfr}, {"$set": {f"vdur.{target.number}.status": "STALE", "nsState": "SCALING"}}
        )
        self.targets[place] = target._replace(modified=target.modified + 1)
        self.reader.monitor({self.cloud.vim: self.targets})

    def list(self) -> None:
        self.proven |= {
            server
            for server in SERVERS
            if server not in self.cloud.servers and f"server/{server}" not in self.cloud.silent
        }
        self.cloud.listed(self.reader)

    def write(self, *, disturbed: bool = True) -> None:
        """One round of the adapter's. Somebody may be quicker, or the database be away."""
        works = self.reader.works(50)
        by_record: dict[str, list[Work]] = {}
        for work in works:
            by_record.setdefault(work.target.vnfr, []).append(work)
        documents = self.adapter.records(list(by_record))
        plans = [planned(vnfr, documents[vnfr], mine) for vnfr, mine in by_record.items()]
        if disturbed and self.chance.random() < 0.3:
            self.osm_writes()
        for plan in plans:
            if disturbed and self.chance.random() < 0.2:
                continue
            if not plan.sets or self.adapter.change(plan.filter, plan.sets):
                for result in plan.results:
                    self.reader.settled(result.work, result.ports)
        self.no_false_deletion()

    # What must be so

    def info(self, target: Target) -> Any:
        document = self.database["vnfrs"].find_one({"_id": target.vnfr})
        return document, document["vdur"][target.number], document["vdur"][target.number]["vim_info"][KEY]

    def no_false_deletion(self) -> None:
        for target in self.targets:
            _, _, info = self.info(target)
            assert info["vim_status"] != "DELETED" or target.server in self.proven

    def as_the_cloud_is(self) -> None:
        for target in self.targets:
            document, unit, info = self.info(target)
            server = self.cloud.servers.get(target.server)
            if server is None:
                assert (info["vim_status"], unit["status"], info["interfaces"]) == ("DELETED", "DELETED", None)
                continue
            assert (info["vim_status"], unit["status"]) == (server["status"], server["status"])
            assert (info["vim_name"], unit["name"]) == (server["name"], server["name"])
            assert info["vim_id"] == target.server
            self.interface_as_the_cloud_is(target, info, unit, server)
            assert document["vdur"][target.number]["_id"] == f"vdur-{target.server}"

    def interface_as_the_cloud_is(self, target: Target, info: Any, unit: Any, server: Any) -> None:
        port = self.cloud.ports.get(f"p-{target.server}")
        (found,) = info["interfaces"]
        message = info["vim_message"] or ""
        if port is None or port["device_id"] != target.server:
            assert f"Interface p-{target.server} deleted externally." in message
        elif port["status"] == "DOWN":
            assert f"Interface p-{target.server} status: DOWN" in message
        else:
            assert "Interface" not in message
            address = port["fixed_ips"][0]["ip_address"]
            assert found["ip_address"] == address == unit["interfaces"][0]["ip-address"]
            assert found["compute_node"] == server["OS-EXT-SRV-ATTR:host"]


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_one_period_after_the_last_change_the_records_are_as_the_cloud_is(seed: int) -> None:
    play = Play(seed)
    events = [
        *(play.change, play.delete, play.come_back, play.change_port, play.delete_port),
        *(play.fall_silent, play.speak, play.osm_writes, play.restart),
        *(play.list, play.list, play.list, play.write, play.write, play.write),
    ]
    for _ in range(STEPS):
        play.chance.choice(events)()

    play.speak()
    play.osm_writes()
    play.list()
    play.write(disturbed=False)

    assert play.reader.pending == 0
    play.as_the_cloud_is()
    play.list()
    assert play.reader.pending == 0
