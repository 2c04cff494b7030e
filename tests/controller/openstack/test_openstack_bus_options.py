"""What may be said of a cloud's message bus, and how wrong words are refused."""

from __future__ import annotations

from typing import Any

import pytest

from nfvigil.controller.vims.openstack.bus_options import BusOptions, checked_bus
from nfvigil.errors import RefusedError

URL = "amqp://nova:s3cret@rabbit-1:5672/"


def checked(**options: Any) -> BusOptions:
    return checked_bus(vim="east one", node="node.1", options={"urls": URL} | options)


def refused(**options: Any) -> dict[str, str]:
    with pytest.raises(RefusedError) as caught:
        checked_bus(vim="east", node="node-1", options=options)
    assert "s3cret" not in str(caught.value)
    return {error.field: error.reason for error in caught.value.errors}


def test_a_url_is_enough() -> None:
    options = checked()

    assert options.queue == "nfvigil.east_one.node_1"
    assert options.exchanges == ("nova", "neutron", "cinder")
    assert options.topics == ("notifications", "versioned_notifications")
    assert (options.prefetch, options.expires_seconds, options.length_max) == (500, 86_400, 100_000)
    assert [str(address) for address in options.addresses] == ["rabbit-1:5672"]


def test_everything_may_be_said() -> None:
    options = checked(
        urls=["amqps://u:p@a/", "amqps://u:p@b:1/v"],
        queue="mine",
        exchanges=["openstack", "openstack"],
        topics=["nfvigil_notifications"],
        cacert="/etc/ca.pem",
        queue_type="quorum",
        prefetch=10,
        expires_seconds=3600,
        length_max=1000,
        bytes_max=1 << 20,
    )

    assert options.exchanges == ("openstack",)
    assert options.topics == ("nfvigil_notifications",)
    assert (options.queue, options.queue_type, options.cacert) == ("mine", "quorum", "/etc/ca.pem")


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("amqp://u:p@host/", ["host:5672"]),
        ("amqps://u:p@host", ["host:5671"]),
        ("amqp://u:p@[::1]:1/", ["[::1]:1"]),
        ("rabbit://u:p@a:5672,u:p@b:5673/", ["a:5672", "b:5673"]),
        ("rabbit://u:p@a,b/", ["a:5672", "b:5672"]),
    ],
)
def test_hosts_are_found_in_urls_of_both_kinds(url: str, where: list[str]) -> None:
    assert [str(address) for address in checked(urls=url).addresses] == where


@pytest.mark.parametrize(
    ("url", "user", "password", "path"),
    [
        ("rabbit://u:p@a:1/", "u", "p", "/"),
        ("rabbit://u:p@a:1", "u", "p", "/"),
        ("rabbit://u:p@a:1//", "u", "p", "//"),
        ("amqp://u:p@a:1/%2F", "u", "p", "/%2F"),
        ("amqp://u:p@a:1/nova", "u", "p", "/nova"),
        ("amqp://u%40x:p%2Fq%2C%3A@a:1/", "u@x", "p/q,:", "/"),
    ],
)
def test_user_password_and_virtual_host_are_kept(url: str, user: str, password: str, path: str) -> None:
    (address,) = checked(urls=url).addresses

    assert (address.url.scheme, address.url.user, address.url.password) == ("amqp", user, password)
    assert address.url.raw_path == path


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({}, {"urls"}),
        ({"urls": []}, {"urls"}),
        ({"urls": 5}, {"urls"}),
        ({"urls": "http://u:s3cret@h/"}, {"urls"}),
        ({"urls": "u:s3cret@h"}, {"urls"}),
        ({"urls": [URL, "amqp://h/"]}, {"urls[1]"}),
        ({"urls": "amqp://u@h/"}, {"urls"}),
        ({"urls": "amqp://u:s3cret@/"}, {"urls"}),
        ({"urls": "amqp://u:s3cret@h:port/"}, {"urls"}),
        ({"urls": "amqp://u:s3cret@h:99999/"}, {"urls"}),
        ({"urls": "amqp://u:s3cret@h/?no_verify_ssl=1"}, {"urls"}),
        ({"urls": "amqp://u:s3cret@h/#x"}, {"urls"}),
        ({"urls": URL, "exchanges": []}, {"exchanges"}),
        ({"urls": URL, "topics": ["a*"]}, {"topics"}),
        ({"urls": URL, "queue": "has space"}, {"queue"}),
        ({"urls": URL, "prefetch": 0}, {"prefetch"}),
        ({"urls": URL, "expires_seconds": 1}, {"expires_seconds"}),
        ({"urls": URL, "length_max": 1}, {"length_max"}),
        ({"urls": URL, "queue_type": "stream"}, {"queue_type"}),
        ({"urls": URL, "cacert": "/ca.pem"}, {"cacert"}),
        ({"urls": URL, "exchange": "nova"}, {"exchange"}),
        ({"urls": "http://s3cret/", "prefetch": "x", "other": 1}, {"urls", "prefetch", "other"}),
    ],
)
def test_every_wrong_option_is_named_and_no_password_told(options: dict[str, Any], fields: set[str]) -> None:
    assert refused(**options).keys() == fields


def test_options_do_not_print_the_password() -> None:
    options = checked(urls="amqp://nova:s3%2Fcret@h/")

    assert "cret" not in repr(options)
    assert options.addresses[0].without_secrets("s3/cret and s3%2Fcret, s3/cre") == "*** and ***, s3/cre"
