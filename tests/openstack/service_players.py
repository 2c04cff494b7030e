"""The real service beside the lab: ``nfvigil serve --config`` with the lab as its cloud, killed and started at will."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import aio_pika
from openstack_players import Client, Lab

sys.path.append(str(Path(__file__).parents[1] / "service"))

from service_api import Api
from service_consumer import Arrival, Consumer, faults_in, news_of
from service_process import Service, wait_until

__all__ = ["Api", "Arrival", "Consumer", "LabService", "MakeLabService", "faults_in", "news_of", "wait_until"]

HEARTBEAT_SECONDS = 20
"""The lab's Nova believes a report for so long."""
NFVIGIL = [sys.executable, "-m", "nfvigil.cli.main"]

Change = Callable[[dict[str, Any]], None]


class LabService(Service):
    """A service whose one VIM, ``lab``, is the lab. It hears of changes by the bus: everything is listed at the start
    only, and where something asks for it.
    """

    def __init__(
        self,
        *,
        directory: Path,
        lab: Lab,
        options: Mapping[str, Any] | None = None,
        bus: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(directory=directory)
        self.lab = lab
        self.queue = f"nfvigil.test.{uuid.uuid4().hex[:12]}"
        given = {
            "cloud": "admin",
            "clouds_file": str(lab.clouds_yaml),
            "heartbeat_seconds": HEARTBEAT_SECONDS,
            "services_interval_seconds": 2,
            "bus": {"urls": lab.amqp_url, "queue": self.queue, **(bus or {})},
            **(options or {}),
        }
        self.settings = {
            "port": self.port,
            "dev": True,
            "database_url": f"sqlite:///{self.database}",
            "vims": [{"name": "lab", "driver": "openstack", "interval_seconds": 600, "options": given}],
            "brakes": {"paths": {"ping": ["ping*"], "bmc": ["bmc*"]}, "host_every_seconds": 0, "settle_seconds": 1},
            **(settings or {}),
        }
        self.config = directory / "nfvigil.toml"

    def start(self, *, is_awaited: bool = True) -> LabService:
        assert self.pid is None, "it runs already"
        self.write_config()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*NFVIGIL, "serve", "--config", str(self.config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.pid = self._process.pid
        self.starts += 1
        if is_awaited:
            self.wait_ready()
        return self

    def write_config(self) -> None:
        self.config.touch(mode=0o600)
        self.config.write_text("".join(f"{name} = {toml(value)}\n" for name, value in self.settings.items()))

    def close(self) -> None:
        super().close()
        asyncio.run(self._delete_queue())

    async def _delete_queue(self) -> None:
        with suppress(Exception):  # the lab's RabbitMQ forgets everything with its end, too
            connection = await aio_pika.connect(self.lab.amqp_url, timeout=10)
            async with connection:
                channel = await connection.channel()
                for queue in (self.queue, f"{self.queue}.lost"):
                    await channel.queue_delete(queue)

    # What people and monitors do

    def command(self, *arguments: str, token: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """What somebody types after ``nfvigil``."""
        environ = {**os.environ, "NFVIGIL_URL": f"http://127.0.0.1:{self.port}", "COLUMNS": "160"}
        if token:
            environ["NFVIGIL_TOKEN"] = token
        done = subprocess.run([*NFVIGIL, *arguments], env=environ, text=True, capture_output=True, timeout=60)
        assert not check or done.returncode == 0, f"nfvigil {' '.join(arguments)}: {done.stderr}{done.stdout}"
        return done

    def token(self, role: str, project: str = "") -> str:
        self.write_config()
        arguments = ["token", "create", "--role", role, "--config", str(self.config), "--name", f"{role}-of-the-test"]
        return self.command(*arguments, *(["--project", project] if project else [])).stdout.strip()

    def api_of(self, token: str) -> Api:
        return Api(port=self.port, token=token)

    def down(self, host: str, *monitors: str, kind: str = "compute.host.down") -> None:
        self._say(host, monitors, kind, "down")

    def up(self, host: str, *monitors: str, kind: str = "compute.host.down") -> None:
        self._say(host, monitors, kind, "up")

    def _say(self, host: str, monitors: tuple[str, ...], kind: str, status: str) -> None:
        for monitor in monitors or ("ping-1",):
            body = {"type": kind, "resource": f"host/{host}", "status": status, "monitor": monitor}
            self.api.close()  # what was idle for seconds the service may have closed
            self.api.post("/v1/events", body)

    def instruct(self, api: Api, action: str, target: str, **params: Any) -> str:
        """The id of the instruction."""
        body = {"action": action, "target": target, "params": params}
        return str(api.post("/v1/instructions", body, expect=202)["id"])

    # What is so now

    def record(self, key: str) -> dict[str, Any] | None:
        """What the map has of it."""
        answer = self.api.ask("GET", f"/v1/resources/{key}")
        assert answer.status in (200, 404), answer.body
        return dict(answer.json()["record"]) if answer.status == 200 else None

    def wait_record(self, key: str, is_so: Callable[[dict[str, Any]], Any], what: str, seconds: float = 30.0) -> Any:
        def check() -> Any:
            record = self.record(key)
            return record if record is not None and is_so(record) else None

        return wait_until(check, f"{key}: {what}; it is {self.record(key)}", seconds)

    def instruction(self, instruction_id: str, seconds: float = 60.0) -> dict[str, Any]:
        """As the administrator sees it, once it is over."""

        def over() -> Any:
            found = self.api.get(f"/v1/instructions/{instruction_id}")
            return found if found["state"] in ("done", "skipped", "failed") else None

        return dict(wait_until(over, f"instruction {instruction_id}: {self.log}", seconds, pause=0.1))

    def actions(self, kind: str = "") -> list[dict[str, Any]]:
        return [one for one in self.api.all("/v1/actions") if not kind or one["kind"] == kind]

    def wait_states(self, seconds: float = 60.0) -> None:
        """Until every state is set or restored; what is done once may still be held."""

        def over() -> bool:
            states = [one["state"] for one in self.actions() if one["before"] is not None]
            return bool(states) and not {"planned", "running"} & set(states)

        wait_until(over, f"states set: {self.log}", seconds, pause=0.1)

    def open_alarms(self, fault_type: str) -> list[dict[str, Any]]:
        return [one for one in self.api.all("/v1/alarms") if one["fault_type"] == fault_type]


MakeLabService = Callable[..., LabService]


def toml(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name} = {toml(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)  # texts, numbers and booleans are the same there


@contextmanager
def several(client: Client, number: int, name: str, *, host: str) -> Iterator[list[dict[str, Any]]]:
    """Servers that boot side by side, and go together."""
    made = [client.make_server(f"{name}-{count}", host=host) for count in range(number)]
    try:
        yield [client.wait_for_boot(one) for one in made]
    finally:
        for one in made:
            client.delete_server(one)


def seconds_since(begun: float) -> float:
    return time.monotonic() - begun
