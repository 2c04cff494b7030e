"""What the OpenStack client asks a plugin for. Imported at every start of ``openstack``: nothing heavy in here."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nfvigil.client import Client

API_NAME = "nfv"
API_VERSION_OPTION = "os_nfv_api_version"
API_VERSIONS = ("1",)
DEFAULT_API_VERSION = "1"


def build_option_parser(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument(
        "--os-nfv-api-version",
        metavar="<version>",
        default=os.environ.get("OS_NFV_API_VERSION", DEFAULT_API_VERSION),
        help=f"NFVigil's API version, default={DEFAULT_API_VERSION} (Env: OS_NFV_API_VERSION)",
    )
    parser.add_argument(
        "--os-nfv-endpoint",
        metavar="<url>",
        default=os.environ.get("OS_NFV_ENDPOINT", ""),
        help="Where NFVigil listens, if not where the catalogue says (Env: OS_NFV_ENDPOINT)",
    )
    return parser


def make_client(instance: Any) -> Client:
    """For the client manager, which does it once, when the first command needs it."""
    from keystoneauth1.exceptions import CatalogException

    from nfvigil.client import SERVICE_TYPE, Client, from_environment
    from nfvigil.errors import FieldError, RefusedError

    url = instance.get_configuration().get("nfv_endpoint")
    if not url:
        try:
            url = instance.get_endpoint_for_service_type(
                SERVICE_TYPE, region_name=instance.region_name, interface=instance.interface
            )
        except CatalogException:
            url = None
    if not url:
        reason = f"the catalogue has no {SERVICE_TYPE}: name it with --os-nfv-endpoint or OS_NFV_ENDPOINT"
        raise RefusedError("nobody says where NFVigil is", [FieldError("endpoint", reason)])
    return Client.of_session(instance.session, url=url, otherwise=from_environment())
