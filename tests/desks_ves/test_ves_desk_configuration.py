"""Where the VES agent's configurations come from, whom they may name, how they are kept, and when they go."""

from __future__ import annotations

import pytest
from ves_desk_players import (
    ALL_OF_EPC,
    HOSTS,
    URL,
    VIM,
    Shelf,
    World,
    document,
    replace,
    server,
    told,
)

from nfvigil.errors import ConflictError, FieldError, NotFoundError, RefusedError, UnavailableError
from nfvigil.model.subscription import EndpointTls
from nfvigil.notifier.memory import MemoryPoster
from nfvigil.notifier.safety import Safety
from nfvigil.ves.config import read_config

pytestmark = pytest.mark.anyio

MME = server("mme")
SGW = server("sgw")


async def test_a_collectors_address_must_not_be_what_we_work_with() -> None:
    world = World(safety=Safety(is_control=lambda host, port: (host, port) == ("192.0.2.7", 8080)))
    world.know(MME)
    async with world.running():
        with pytest.raises(RefusedError) as caught:
            await world.desk.put(VIM, document(ALL_OF_EPC), by="me")

    assert [one.field for one in caught.value.errors] == ["vesagent_config.ves_subscription.endpoint"]


async def test_the_password_is_sent_and_never_shown_and_stays_where_it_is_not_given_anew() -> None:
    world = World()
    world.know(MME)
    login = {"username": "agent", "password": "s3cret"}
    async with world.running():
        made = await world.desk.put(VIM, document(ALL_OF_EPC, collector=login), by="me")
        kept = await world.desk.put(VIM, document(ALL_OF_EPC, collector=login | {"password": "***"}), by="me")
        await world.read(replace(MME, status="ERROR"))
        await world.delivered(1)
        moved = login | {"password": "***", "endpoint": "http://192.0.2.8/eventListener/v7"}
        with pytest.raises(RefusedError, match="another address"):
            await world.desk.put(VIM, document(ALL_OF_EPC, collector=moved), by="me")

    assert isinstance(world.poster, MemoryPoster)
    assert world.poster.posted[0].headers["Authorization"] == "Basic YWdlbnQ6czNjcmV0"
    assert "s3cret" not in f"{made}{kept}{world.shelf.records}"
    assert made.has_password
    assert kept.has_password


async def test_a_certificate_that_the_library_does_not_take_is_refused_by_its_field(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(_tls: EndpointTls) -> None:
        raise RefusedError("the TLS settings are wrong", [FieldError("key", "is too short")])

    monkeypatch.setattr("nfvigil.desks.ves.desk.context_of", refused)
    monkeypatch.setattr("nfvigil.ves.config.credential_errors", lambda _subscription: ())
    world = World()
    world.know(MME)
    ours = {"endpoint": "https://192.0.2.7/eventListener/v7", "client_cert": "a", "client_key": "b"}
    async with world.running():
        with pytest.raises(RefusedError) as caught:
            await world.desk.put(VIM, document(ALL_OF_EPC, collector=ours), by="me")

    assert [one.field for one in caught.value.errors] == ["vesagent_config.ves_subscription.client_key"]


async def test_stars_stand_for_nothing_where_there_is_nothing() -> None:
    world = World()
    world.know(MME)
    async with world.running():
        with pytest.raises(RefusedError, match="not kept"):
            await world.desk.put(VIM, document(ALL_OF_EPC, collector={"username": "agent", "password": "***"}), by="me")


async def test_a_configuration_that_somebody_else_has_changed_meanwhile_is_not_written_over() -> None:
    world = World()
    world.know(MME)
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC), by="me")
        seen = world.desk.config(VIM)
        await world.desk.put(VIM, document(HOSTS), by="you")

        with pytest.raises(ConflictError):
            await world.desk.put(VIM, document(ALL_OF_EPC), by="me", was=seen)


async def test_before_its_cloud_was_read_nobody_knows_what_can_be_told() -> None:
    world = World()
    world.taken_us = {VIM: None}
    async with world.running():
        with pytest.raises(UnavailableError, match="not been read yet"):
            await world.desk.put(VIM, document(ALL_OF_EPC), by="me")
        with pytest.raises(ConflictError, match="not watched"):
            await world.desk.put("other", document(ALL_OF_EPC), by="me")
        with pytest.raises(NotFoundError):
            await world.desk.put("nowhere", document(ALL_OF_EPC), by="me")


async def test_a_vim_is_found_by_the_settings_names_by_its_own_or_by_the_regions() -> None:
    world = World(regions={"CloudOwner_RegionOne": VIM})
    find = world.desk.vim_of

    assert find("CloudOwner_RegionOne", "RegionOne") == VIM
    assert find("lab") == VIM
    assert find("CloudOwner_Other", "Other") == "other"
    with pytest.raises(NotFoundError, match="no VIM for 'nobody_knows'"):
        find("nobody_knows", "knows")


async def test_events_call_the_cloud_as_onap_does() -> None:
    world = World(regions={"CloudOwner_RegionOne": VIM})
    world.know(MME)
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC), by="me")
        await world.read(replace(MME, status="ERROR"))
        await world.delivered(1)

    assert world.sent[0]["commonEventHeader"]["reportingEntityName"] == "CloudOwner_RegionOne"


async def test_when_the_vim_goes_everything_goes_with_it() -> None:
    world = World(stored={VIM: document(ALL_OF_EPC)})
    world.know(MME)
    async with world.running():
        await world.desk.put(VIM, None, by="me")
        await world.read(replace(MME, status="ERROR"))
        await world.desk.forget(VIM)
        await world.desk.forget("other")

    assert (world.shelf.records, world.shelf.states, world.shelf.subscriptions) == ({}, {}, {})


async def test_what_a_start_finds_of_a_vim_that_is_there_no_more_is_removed() -> None:
    shelf = Shelf()
    first = World(shelf)
    first.know(MME)
    async with first.running():
        await first.desk.put(VIM, document(ALL_OF_EPC), by="me")
    second = World(shelf, vims=["other"])

    assert await second.book.load(second.vims) == [VIM]
    assert shelf.records == {}


async def test_the_settings_configuration_is_put_in_force_with_the_first_listing_that_anything_can_be_built_from() -> (
    None
):
    stored = document({"domain": "fault", "type": "vm", "source": "mme"})
    world = World(stored={VIM: stored}, wanted={VIM: read_config(VIM, stored, by="settings")})
    async with world.running():
        await world.read(SGW)
        assert await world.desk.show(VIM) is None

        await world.read(SGW, replace(MME, status="ERROR"))
        await world.delivered(1)
        detail = await world.desk.show(VIM)

    assert detail is not None
    assert (detail.config.changed_by, detail.config.changed_us) == ("settings", world.us)
    assert world.refreshed == [VIM], "from now on as often as it says"


async def test_a_settings_configuration_that_was_taken_away_comes_back_when_it_is_asked_for_and_not_by_itself() -> None:
    stored = document(ALL_OF_EPC)
    wanted = {VIM: read_config(VIM, stored, by="settings")}
    shelf = Shelf()
    first = World(shelf, stored={VIM: stored}, wanted=wanted)
    async with first.running():
        await first.read(MME)
        assert await first.desk.remove(VIM)
        await first.read(MME)
        assert await first.desk.show(VIM) is None
    second = World(shelf, stored={VIM: stored}, wanted=wanted)
    second.know(MME)
    async with second.running():
        await second.read(MME)
        assert await second.desk.show(VIM) is None

        assert await second.desk.put(VIM, None, by="me")

    assert shelf.records[VIM].config is not None


async def test_a_test_goes_past_what_waits_and_needs_a_configuration() -> None:
    world = World()
    world.know(MME)
    async with world.running():
        with pytest.raises(NotFoundError):
            await world.desk.test(VIM)
        await world.desk.put(VIM, document(ALL_OF_EPC), by="me")

        found = await world.desk.test(VIM)

    assert found.ok
    assert [(endpoint.url, vim, seconds) for endpoint, vim, seconds in world.tested] == [(URL, VIM, 10)]


@pytest.mark.parametrize(
    ("entry", "is_away"),
    [({"tenant": "epc"}, "keystone"), ({"source": "mme"}, "server")],
    ids=["its tenant's name", "its server"],
)
async def test_what_is_asked_for_again_while_it_cannot_be_found_is_not_cleared(
    entry: dict[str, str], is_away: str
) -> None:
    shelf = Shelf()
    asked = document({"domain": "fault", "type": "vm"} | entry)
    first = World(shelf)
    first.know(MME)
    async with first.running():
        await first.desk.put(VIM, asked, by="me")
        await first.read(replace(MME, status="ERROR"))
        await first.delivered(1)
        await first.dispatcher.flush()
    second = World(shelf)
    second.us = first.us
    second.cloud_is_away = is_away == "keystone"
    second.know(*([SGW] if is_away == "server" else [MME, SGW]))
    async with second.running():
        made = await second.desk.put(VIM, asked, by="me")
        await second.read(SGW, MME)
        await second.delivered(1)

    assert [one.field.rpartition(".")[2] for one in made.refusals] == list(entry)
    assert [told(one)[1:] for one in second.sent][-1] == ("NORMAL", 1), "the one that stood, when it was well"


async def test_another_rule_does_not_wait_until_its_backlog_is_due() -> None:
    world = World()
    world.know(MME)
    daily = {"poll_interval_default": 86_400}
    async with world.running():
        await world.desk.put(VIM, document(ALL_OF_EPC, **daily), by="me")
        await world.read(replace(MME, status="SHUTOFF"))
        assert world.sent == []
        await world.desk.put(VIM, document(ALL_OF_EPC, faults=["SHUTOFF"], **daily), by="me")
        await world.read(replace(MME, status="SHUTOFF"))
        await world.delivered(1)

    assert [told(one)[1:] for one in world.sent] == [("CRITICAL", 0)]
