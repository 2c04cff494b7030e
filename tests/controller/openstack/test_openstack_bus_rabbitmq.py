"""OpenStack's notifications through a real RabbitMQ, which dies, fills up and refuses as real ones do."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import aio_pika
import aiormq.exceptions
import pytest
from bus_players import Listener, bus_options, listening, make_bus, notification, server, server_update, service, until

from nfvigil.controller.vims.openstack import amqp
from nfvigil.controller.vims.openstack.bus import Patience

pytestmark = pytest.mark.anyio


async def messages_in(url: str, queue: str) -> int:
    connection = await aio_pika.connect(url)
    async with connection:
        found = await (await connection.channel()).get_queue(queue)
        return int(found.declaration_result.message_count or 0)


async def test_both_formats_and_both_services_are_heard(rabbitmq: Any) -> None:
    options = bus_options(rabbitmq.url)
    async with service(rabbitmq.url) as nova:
        await nova.exchange("nova")
        await nova.exchange("neutron")
        async with listening(make_bus(options)) as listener:
            await listener.until(lambda: listener.snapshots == 1)
            await nova.send(server_update("s-1"))
            await nova.send(
                notification("compute.instance.power_off.end", {"instance_id": "s-2"}), key="notifications.info"
            )
            await nova.send(
                notification("port.update.end", {"port": {"id": "p-1"}}), exchange="neutron", key="notifications.info"
            )
            await nova.send(
                notification(
                    "instance.reboot.error",
                    {
                        "nova_object.name": "InstanceActionPayload",
                        "nova_object.version": "1.9",
                        "nova_object.data": {"uuid": "s-3"},
                    },
                ),
                key="versioned_notifications.error",
            )
            await listener.until(lambda: len(listener.hints) == 4)

    assert sorted(hint.id for hint in listener.hints) == ["p-1", "s-1", "s-2", "s-3"]
    assert listener.snapshots == 1


async def test_what_was_sent_while_we_were_away_arrives_afterwards(rabbitmq: Any) -> None:
    options = bus_options(rabbitmq.url)
    async with service(rabbitmq.url) as nova:
        await nova.exchange("nova")
        async with listening(make_bus(options)) as before:
            await before.until(lambda: before.snapshots == 1)

        await nova.send(server_update("s-1"), server_update("s-2"))

        async with listening(make_bus(options)) as after:
            await after.until(lambda: len(after.hints) == 2)
    assert after.hints == [server("s-1"), server("s-2")]


async def test_what_was_not_handed_over_comes_again(rabbitmq: Any) -> None:
    options = bus_options(rabbitmq.url)
    async with service(rabbitmq.url) as nova:
        await nova.exchange("nova")
        async with listening(make_bus(options)) as before:
            await before.until(lambda: before.snapshots == 1)
            before.go_on.clear()
            await nova.send(server_update("s-1"))
            await before.until(lambda: before.hints == [server("s-1")])
            # It ends here, in the middle of that batch.

        async with listening(make_bus(options)) as after:
            await after.until(lambda: after.hints == [server("s-1")])


async def test_nothing_that_was_handed_over_is_kept(rabbitmq: Any) -> None:
    options = bus_options(rabbitmq.url, prefetch=50)
    bus = make_bus(options)
    async with service(rabbitmq.url) as nova:
        await nova.exchange("nova")
        async with listening(bus) as listener:
            await listener.until(lambda: listener.snapshots == 1)
            await nova.send(*(server_update(f"s-{number}") for number in range(400)))
            await listener.until(lambda: len(listener.hints) == 400)
            await nova.send(b"the last")
            await until(lambda: bus.status().received == 401)

        # The batch of the last one may not have been acknowledged; all before it were.
        assert await messages_in(rabbitmq.url, options.queue) <= 1


async def test_a_broker_that_is_killed_keeps_the_queue_and_costs_a_snapshot(rabbitmq: Any) -> None:
    options = bus_options(rabbitmq.url)
    bus = make_bus(options)
    async with listening(bus) as listener:
        async with service(rabbitmq.url) as nova:
            await nova.exchange("nova")
            await listener.until(lambda: bool(bus.status().server) and "nova" not in bus.status().unbound)
            await nova.send(server_update("s-1"))
            await listener.until(lambda: listener.hints == [server("s-1")])
            listener.go_on.clear()
            await nova.send(server_update("s-2"))
            await listener.until(lambda: listener.hints == [server("s-1"), server("s-2")])
            await nova.send(*(server_update(f"unread-{number}") for number in range(1000)))
            rabbitmq.kill()
        listener.go_on.set()
        await listener.until(lambda: bus.status().error != "")
        assert bus.status().server == ""
        snapshots = listener.snapshots

        await asyncio.to_thread(rabbitmq.start)

        # More than we had fetched: these can only have come out of the durable queue.
        await listener.until(lambda: len({hint.id for hint in listener.hints}) == 1002)
        assert listener.snapshots > snapshots
        assert bus.status().error == ""
        # The exchanges are not durable. They come with the services, and with them the last doubt.
        snapshots = listener.snapshots
        async with service(rabbitmq.url) as nova:
            await nova.exchange("nova")
            await listener.until(lambda: "nova" not in bus.status().unbound)
            assert listener.snapshots > snapshots
            await nova.send(server_update("s-3"))
            await listener.until(lambda: listener.hints[-1] == server("s-3"))


async def test_a_broker_that_is_away_at_the_start_is_waited_for(rabbitmq: Any) -> None:
    await asyncio.to_thread(rabbitmq.kill)
    bus = make_bus(bus_options(rabbitmq.url))
    async with listening(bus) as listener:
        await until(lambda: bus.status().error)
        assert f"127.0.0.1:{rabbitmq.port}" in bus.status().error
        assert await bus.check() != ""

        await asyncio.to_thread(rabbitmq.start)

        await listener.until(lambda: listener.snapshots == 1)
    assert await make_bus(bus_options(rabbitmq.url)).check() == ""


async def test_a_broker_that_lives_and_does_not_answer_is_given_up(
    rabbitmq: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CALL_SECONDS", "CONNECT_SECONDS", "CLOSE_SECONDS"):
        monkeypatch.setattr(amqp, name, 1.0)
    bus = make_bus(bus_options(rabbitmq.url))
    async with listening(bus) as listener:
        await listener.until(lambda: listener.snapshots == 1)
        rabbitmq.pause()
        try:
            await until(lambda: bus.status().error)
            assert "did not answer in time" in bus.status().error
        finally:
            rabbitmq.go_on()
        await listener.until(lambda: listener.snapshots == 2)


async def test_a_user_needs_no_more_than_our_own_names_and_reading_the_exchanges(rabbitmq: Any) -> None:
    def make_user() -> None:
        rabbitmq.control("add_user", "listener", "only")
        rabbitmq.control("set_permissions", "listener", r"^nfvigil\.", r"^nfvigil\.", r"^(nfvigil\.|nova$)")

    await asyncio.to_thread(make_user)
    bus = make_bus(bus_options(f"amqp://listener:only@127.0.0.1:{rabbitmq.port}/", length_max=100, prefetch=10))
    async with service(rabbitmq.url) as nova:
        await nova.exchange("nova")
        await nova.exchange("neutron")
        async with listening(bus) as listener:
            await listener.until(lambda: listener.snapshots == 1)
            listener.go_on.clear()
            await nova.send(*(server_update(f"s-{number}") for number in range(300)))
            listener.go_on.set()
            await listener.until(lambda: server("s-299") in listener.hints and listener.snapshots > 1)
            assert bus.status().unbound == {"neutron": "may not be read by our user"}


async def test_the_next_host_in_the_list_is_tried(rabbitmq: Any) -> None:
    bus = make_bus(bus_options(["amqp://u:p@127.0.0.1:1/", rabbitmq.url]))
    async with listening(bus) as listener:
        await listener.until(lambda: listener.snapshots == 1)
        assert bus.status().server == f"127.0.0.1:{rabbitmq.port}"


async def test_queues_of_others_keep_their_messages(rabbitmq: Any) -> None:
    async with service(rabbitmq.url) as nova:
        exchange = await nova.exchange("nova")
        ceilometers = await nova.channel.declare_queue("notifications.info", durable=False)
        await ceilometers.bind(exchange, "notifications.info")
        async with listening(make_bus(bus_options(rabbitmq.url))) as listener:
            await listener.until(lambda: listener.snapshots == 1)
            bodies = [notification("compute.instance.update", {"instance_id": f"s-{number}"}) for number in range(50)]
            await nova.send(*bodies, key="notifications.info")
            await listener.until(lambda: len(listener.hints) == 50)

        kept = [await ceilometers.get() for _ in range(50)]
        await ceilometers.delete(if_unused=False, if_empty=False)
    assert [message.body for message in kept] == bodies


async def test_an_exchange_is_never_made_for_a_service_that_wants_it_otherwise(rabbitmq: Any) -> None:
    options = bus_options(rabbitmq.url, exchanges=["cinder-durable"])
    bus = make_bus(options)
    async with listening(bus) as listener:
        await listener.until(lambda: listener.snapshots == 1)
        assert bus.status().unbound == {"cinder-durable": "does not exist"}
        async with service(rabbitmq.url) as cinder:
            await cinder.exchange("cinder-durable", durable=True)
            await listener.until(lambda: listener.snapshots == 2)
            await cinder.send(
                notification("volume.attach.end", {"volume_id": "v-1"}),
                exchange="cinder-durable",
                key="notifications.info",
            )
            await listener.until(lambda: [hint.id for hint in listener.hints] == ["v-1"])


async def test_poison_does_not_stop_the_rest(rabbitmq: Any) -> None:
    bus = make_bus(bus_options(rabbitmq.url))
    async with service(rabbitmq.url) as nova:
        exchange = await nova.exchange("nova")
        async with listening(bus) as listener:
            await listener.until(lambda: listener.snapshots == 1)
            await nova.send(b"", b"{", b"\xff\xfe", b"[" * 100_000, b'"' + b"x" * (2 << 20) + b'"')
            await exchange.publish(
                aio_pika.Message(b"{}", headers={"x": {"y": [1, "z"]}}, expiration=60), "notifications.info"
            )
            await nova.send(server_update("s-1", unique_id="twice"), server_update("s-1", unique_id="twice"))
            await listener.until(lambda: bus.status().received == 8)
    status = bus.status()
    assert listener.hints == [server("s-1")]
    assert status.refused == {"larger than 1 MiB": 1, "not JSON": 3, "not a notification": 2}
    assert (status.repeats, status.hints) == (1, 1)
    assert listener.snapshots == 1


@pytest.mark.parametrize("queue_type", ["classic", "quorum"])
async def test_a_queue_that_overflows_says_so(rabbitmq: Any, queue_type: str) -> None:
    options = bus_options(rabbitmq.url, length_max=100, prefetch=10, queue_type=queue_type)
    bus = make_bus(options)
    async with service(rabbitmq.url) as nova:
        await nova.exchange("nova")
        async with listening(bus) as listener:
            await listener.until(lambda: listener.snapshots == 1)
            listener.go_on.clear()
            await nova.send(*(server_update(f"s-{number}") for number in range(500)))

            listener.go_on.set()

            await listener.until(lambda: server("s-499") in listener.hints and listener.snapshots > 1)
            assert len(listener.hints) < 500
        assert await messages_in(rabbitmq.url, f"{options.queue}.lost") <= 1


async def test_what_was_lost_while_we_were_away_is_told_when_we_are_back(rabbitmq: Any) -> None:
    options = bus_options(rabbitmq.url, length_max=100)
    async with service(rabbitmq.url) as nova:
        await nova.exchange("nova")
        async with listening(make_bus(options)) as before:
            await before.until(lambda: before.snapshots == 1)
        await nova.send(*(server_update(f"s-{number}") for number in range(300)))

        async with listening(make_bus(options)) as after:
            await after.until(lambda: len(after.hints) == 100 and after.snapshots == 2)
    assert after.hints[0] == server("s-200")


async def test_a_queue_that_somebody_deletes_is_made_again(rabbitmq: Any) -> None:
    options = bus_options(rabbitmq.url)
    async with service(rabbitmq.url) as nova:
        await nova.exchange("nova")
        async with listening(make_bus(options)) as listener:
            await listener.until(lambda: listener.snapshots == 1)

            await nova.channel.queue_delete(options.queue)

            await listener.until(lambda: listener.snapshots == 2)
            await nova.send(server_update("s-1"))
            await listener.until(lambda: listener.hints == [server("s-1")])


async def test_it_ends_when_it_is_cancelled_whatever_it_waits_for(rabbitmq: Any) -> None:
    patience = Patience(retry_min_seconds=0.001, bind_min_seconds=0.001, bind_max_seconds=0.001)
    for number in range(60):
        bus = make_bus(bus_options(rabbitmq.url), patience=patience)
        task = asyncio.create_task(Listener(bus).run(bus.listen()))
        await until(lambda bus=bus: bus.status().server)
        await asyncio.sleep(number / 2000)  # somewhere in the middle of binding
        task.cancel()
        await asyncio.wait([task], timeout=10)
        assert task.cancelled()


async def test_new_bounds_replace_the_old_queue(rabbitmq: Any) -> None:
    old = bus_options(rabbitmq.url, length_max=200)
    new = bus_options(rabbitmq.url, length_max=300, queue=old.queue)
    async with service(rabbitmq.url) as nova:
        await nova.exchange("nova")
        async with listening(make_bus(old)) as listener:
            await listener.until(lambda: listener.snapshots == 1)
            other = make_bus(new)
            async with listening(other):
                await until(lambda: other.status().error)
                assert "in use" in other.status().error

        async with listening(make_bus(new)) as listener:
            await listener.until(lambda: listener.snapshots == 1)
            await nova.send(server_update("s-1"))
            await listener.until(lambda: listener.hints == [server("s-1")])


async def test_a_second_reader_of_our_queue_is_kept_out(rabbitmq: Any) -> None:
    options = bus_options(rabbitmq.url)
    second = make_bus(options)
    async with listening(make_bus(options)) as listener:
        await listener.until(lambda: listener.snapshots == 1)
        async with listening(second):
            await until(lambda: second.status().error)
            assert "exclusive" in second.status().error
            assert second.status().server == ""


async def test_an_unused_queue_goes_after_its_time(rabbitmq: Any) -> None:
    options = bus_options(rabbitmq.url, expires_seconds=60)
    async with listening(make_bus(options)) as listener:
        await listener.until(lambda: listener.snapshots == 1)
    connection = await aio_pika.connect(rabbitmq.url)
    async with connection:
        channel = await connection.channel()
        with pytest.raises(aiormq.exceptions.ChannelPreconditionFailed, match="x-expires"):
            await channel.declare_queue(options.queue, durable=True)


async def test_tls_is_by_our_own_ca_and_none_else(rabbitmq: Any) -> None:
    good = make_bus(bus_options(rabbitmq.tls_url, cacert=str(rabbitmq.cacert)))
    async with listening(good) as listener:
        await listener.until(lambda: listener.snapshots == 1)

    assert "CERTIFICATE_VERIFY_FAILED" in await make_bus(bus_options(rabbitmq.tls_url)).check()
    assert "No such file" in await make_bus(bus_options(rabbitmq.tls_url, cacert="/does/not/exist")).check()


async def test_passwords_are_neither_logged_nor_told(
    rabbitmq: Any, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = rabbitmq.url.replace("nfvigil:", "nfvigil:s3cret-")
    nowhere = "amqp://someone:s3cret-too@127.0.0.1:1/"
    bus = make_bus(bus_options([wrong, nowhere, wrong + "not-a-vhost"]))
    async with listening(bus):
        await until(lambda: bus.status().error)
        told = await bus.check()
    good = make_bus(bus_options(rabbitmq.url))
    async with listening(good) as listener:
        await listener.until(lambda: listener.snapshots == 1)

    said = "".join([told, bus.status().error, caplog.text, *capsys.readouterr(), repr(bus.status())])
    assert "Login was refused" in told or "ACCESS_REFUSED" in told
    for secret in ("s3cret", "p@ss:word", "p%40ss"):
        assert secret not in said


async def test_a_virtual_host_that_is_not_there_is_said(rabbitmq: Any) -> None:
    assert "virtual host" in await make_bus(bus_options(rabbitmq.url + "nowhere")).check()
