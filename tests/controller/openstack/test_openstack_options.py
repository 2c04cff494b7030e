"""What a cloud may be told: all that is wrong is named at once, and no secret is printed."""

from __future__ import annotations

from typing import Any

import pytest

from nfvigil.controller.plugins import open_vim
from nfvigil.controller.vims.openstack.options import checked
from nfvigil.errors import RefusedError
from nfvigil.model.secret import Secret

AUTH = {"auth_url": "https://keystone/v3", "username": "u", "password": "geheim"}


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({}, {"cloud"}),
        ({"cloud": ""}, {"cloud"}),
        ({"cloud": "a", "auth": AUTH}, {"auth"}),
        ({"auth": {"username": "u"}}, {"auth.auth_url"}),
        ({"auth": {"auth_url": 5}}, {"auth"}),
        ({"cloud": "a", "auth_type": "password"}, {"auth_type"}),
        ({"auth": AUTH, "clouds_file": "/x"}, {"clouds_file"}),
        ({"cloud": "a", "cacert": "/x", "cacert_content": "pem"}, {"cacert_content"}),
        ({"cloud": "a", "cacert": "/x", "insecure": True}, {"insecure"}),
        ({"cloud": "a", "insecure": "yes"}, {"insecure"}),
        ({"cloud": "a", "interface": "inside"}, {"interface"}),
        ({"cloud": "a", "bus": ["amqp://ok", "http://no"]}, {"bus[1]"}),
        (
            {"cloud": "a", "timeout_seconds": 0, "page_size": 0, "colour": "red"},
            {"timeout_seconds", "page_size", "colour"},
        ),
        (
            {"cloud": "a", "services_interval_seconds": 0, "heartbeat_seconds": -1},
            {"services_interval_seconds", "heartbeat_seconds"},
        ),
        ({"cloud": "a", "down_cells": "ignore"}, {"down_cells"}),
        ({"cloud": "a", "vnf_keys": "vnf", "vnfc_keys": [""]}, {"vnf_keys", "vnfc_keys"}),
    ],
)
def test_every_wrong_option_is_named(options: dict[str, Any], fields: set[str]) -> None:
    with pytest.raises(RefusedError) as refused:
        open_vim(driver="openstack", name="lab", options=options, clock=lambda: 0)

    assert {error.field for error in refused.value.errors} == fields


def test_the_defaults_are_what_the_documents_say() -> None:
    options = checked("lab", {"cloud": "admin"})

    assert (options.timeout_seconds, options.page_size) == (30.0, 1000)
    assert (options.services_interval_seconds, options.heartbeat_seconds) == (5.0, 60.0)
    assert (options.insecure, options.bus, options.down_cells) == (False, None, "refuse")
    assert options.vnf_keys == (
        ("vnf", "vnf_instance_id", "vnf_id", "vnfInstanceId"),
        ("vnfc", "vnfc_instance_id", "vnfc_id", "vnfcInstanceId"),
    )
    assert checked("lab", {"cloud": "admin", "vnf_keys": ["a"]}).vnf_keys.vnf == ("a",)


def test_no_secret_is_printed() -> None:
    options = checked("lab", {"auth": AUTH, "bus": "amqp://nova:geheim@rabbit"})

    assert "geheim" not in repr(options)
    assert options.auth["password"].reveal() == "geheim"
    assert options.auth["password"] == Secret("geheim")


@pytest.mark.parametrize(
    ("bus", "table"),
    [
        ("amqp://a", {"urls": ["amqp://a"]}),
        (["amqp://a", "amqps://b"], {"urls": ["amqp://a", "amqps://b"]}),
        ({"urls": "rabbit://a", "prefetch": 5}, {"urls": "rabbit://a", "prefetch": 5}),
    ],
)
def test_the_bus_is_handed_on_as_a_table(bus: Any, table: dict[str, Any]) -> None:
    options = checked("lab", {"cloud": "admin", "bus": bus})

    assert options.bus is not None
    assert options.bus.reveal() == table
    assert "://" not in repr(options)
