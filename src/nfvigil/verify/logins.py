"""As whom the cloud is spoken to: the administrator of clouds.yaml, the same inside our project, and its owner."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Mapping
from typing import Any

import msgspec

from nfvigil.controller.vims.openstack.client import Client
from nfvigil.controller.vims.openstack.neutron import Neutron
from nfvigil.controller.vims.openstack.nova import Nova
from nfvigil.controller.vims.openstack.options import Options
from nfvigil.controller.vims.openstack.session import Login, Session
from nfvigil.controller.vims.openstack.transport import AiohttpTransport
from nfvigil.errors import RefusedError
from nfvigil.model.secret import Secret
from nfvigil.verify.plan import Wanted

SERVICES = ("identity", "image", "compute", "network", "alarming")


class Account:
    """One login and its calls. Close it."""

    def __init__(self, *, name: str, options: Options) -> None:
        self.options = options
        self._session = Session(name=name, options=options, clock=lambda: time.time_ns() // 1000, services=SERVICES)
        self._http = AiohttpTransport(tls=self._session.tls)
        self.client = Client(
            name=name, identity=self._session, transport=self._http, timeout_seconds=options.timeout_seconds
        )
        self.nova = Nova(client=self.client)
        self.neutron = Neutron(client=self.client)

    async def login(self) -> Login:
        return await self._session.login()

    async def close(self) -> None:
        await self._http.close()
        await self._session.close()


def administrator(wanted: Wanted) -> Account:
    options = Options(
        cloud=wanted.cloud,
        clouds_file=wanted.clouds_file,
        region=wanted.region,
        timeout_seconds=wanted.timeout_seconds,
    )
    return Account(name=wanted.cloud, options=options)


async def inside(admin: Account, project: str) -> Account:
    """The administrator again, for this project: who may name a host, and owns what it makes there."""
    login = await admin.login()
    return await _beside(admin, f"{admin.client.name} in {project}", "token", project, {"token": login.token})


async def owner(admin: Account, project: str, user: str, password: Secret) -> Account:
    given = {"user_id": Secret(user), "password": password}
    return await _beside(admin, f"{admin.client.name} as owner", "password", project, given)


async def _beside(admin: Account, name: str, auth_type: str, project: str, auth: Mapping[str, Secret]) -> Account:
    """Another account of the same cloud: same Keystone, region, interface and certificates."""
    facts = await asyncio.to_thread(_facts, admin.options)
    where = {"auth_url": Secret(facts.pop("auth_url")), "project_id": Secret(project)}
    options = Options(
        auth_type=auth_type, auth={**where, **auth}, timeout_seconds=admin.options.timeout_seconds, **facts
    )
    return Account(name=name, options=options)


def _facts(options: Options) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about parts of openstacksdk that nobody here asked for
        from openstack.config import OpenStackConfig

        config = OpenStackConfig(config_files=[options.clouds_file] if options.clouds_file else None)
        wishes: dict[str, Any] = {"region_name": options.region} if options.region else {}
        cloud = config.get_one(cloud=options.cloud, **wishes)
        verify, _ = cloud.get_requests_verify_args()
    auth_url = cloud.get_auth_args().get("auth_url")
    if not auth_url:
        raise RefusedError(f"{options.cloud} has no auth_url: other accounts cannot be used beside it")
    return {
        "auth_url": auth_url,
        "region": cloud.get_region_name() or "",
        "interface": cloud.get_interface() or "",
        "cacert": verify if isinstance(verify, str) else "",
        "insecure": verify is False,
    }


def decoded(body: bytes) -> Any:
    """An answer's JSON; the shape is looked into by whoever asked."""
    return msgspec.json.decode(body)
