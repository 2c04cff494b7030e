"""What snmptrapd hands over, and what becomes of it while the service is there, away, or says no."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_service import FakeService, run

from nfvigil.cli.spool import Spool, SpoolFullError
from nfvigil.cli.traps import ADDRESS, read_trap

LINK_DOWN = """leaf-1.example.net
UDP: [192.0.2.7]:45123->[192.0.2.1]:162
.1.3.6.1.2.1.1.3.0 0:0:00:01.00
.1.3.6.1.6.3.1.1.4.1.0 .1.3.6.1.6.3.1.1.5.3
.1.3.6.1.2.1.2.2.1.1.3 3
"""
TAKEN = {"events": [{"state": "accepted", "id": "1"}]}
AWAY = "http://127.0.0.1:1"


def sent(service: FakeService) -> list[str]:
    return [json.loads(body)["host"] for _, _, body in service.asked]


def named(host: str) -> str:
    return LINK_DOWN.replace("leaf-1.example.net", host)


def test_a_trap_as_snmptrapd_writes_it() -> None:
    assert read_trap(LINK_DOWN) == {
        "host": "leaf-1.example.net",
        "address": "192.0.2.7",
        "varbinds": [
            [".1.3.6.1.2.1.1.3.0", "0:0:00:01.00"],
            [".1.3.6.1.6.3.1.1.4.1.0", ".1.3.6.1.6.3.1.1.5.3"],
            [".1.3.6.1.2.1.2.2.1.1.3", "3"],
        ],
    }


def test_names_texts_of_several_lines_and_senders_without_a_name() -> None:
    text = '<UNKNOWN>\nUDP/IPv6: [2001:db8::7]:1\nSNMPv2-MIB::snmpTrapOID.0 IF-MIB::linkDown\niso.3.6.1.1 "a\nb"\nx.y\n'

    assert read_trap(text) == {
        "host": "",
        "address": "2001:db8::7",
        "varbinds": [["SNMPv2-MIB::snmpTrapOID.0", "IF-MIB::linkDown"], ["iso.3.6.1.1", '"a\nb"\nx.y']],
    }


@pytest.mark.parametrize("text", ["", "\n", "a", "a\nb", "\0\n\0\n\0", "a\nb\n.1.3"])
def test_what_is_no_trap_is_passed_on_for_the_service_to_refuse(text: str) -> None:
    assert set(read_trap(text)) == {"host", "address", "varbinds"}


def test_a_trap_is_sent_with_an_id_and_a_time(service: FakeService, tmp_path: Path) -> None:
    service.says("POST", ADDRESS, TAKEN)

    done = run(service, "trap-handler", "--spool", str(tmp_path / "spool"), stdin=LINK_DOWN, NFVIGIL_TOKEN="nfv_x")

    assert (done.exit_code, done.output) == (0, "")
    body = json.loads(service.asked[0][2])
    assert len(body["id"]) == 36
    assert body["time"].endswith("+00:00")
    assert service.tokens == ["nfv_x"]
    assert list((tmp_path / "spool").glob("*.json")) == []


def test_without_a_spool_it_is_sent_or_lost_and_that_is_said(service: FakeService) -> None:
    service.says("POST", ADDRESS, TAKEN)

    assert run(service, "trap-handler", stdin=LINK_DOWN).exit_code == 0
    assert run(service, "trap-handler", "--url", AWAY, stdin=LINK_DOWN).exit_code == 3


def test_traps_wait_in_order_while_the_service_is_away(service: FakeService, tmp_path: Path) -> None:
    spool = ("--spool", str(tmp_path))
    for host in ("a", "b"):
        done = run(service, "trap-handler", *spool, "--url", AWAY, stdin=named(host))
        assert (done.exit_code, "traps wait" in done.output) == (0, True)
    for _ in range(3):
        service.says("POST", ADDRESS, TAKEN)

    run(service, "trap-handler", *spool, stdin=named("c"))

    assert sent(service) == ["a", "b", "c"]
    assert Spool(tmp_path).waiting() == []


def test_what_waits_is_sent_without_a_new_trap(service: FakeService, tmp_path: Path) -> None:
    run(service, "trap-handler", "--spool", str(tmp_path), "--url", AWAY, stdin=named("a"))
    service.says("POST", ADDRESS, TAKEN)

    assert run(service, "trap-handler", "--spool", str(tmp_path), "--flush").exit_code == 0
    assert sent(service) == ["a"]
    assert run(service, "trap-handler", "--flush").exit_code == 2


@pytest.mark.parametrize(("status", "code"), [(401, 5), (403, 5), (404, 4), (503, 0), (500, 1)])
def test_a_trap_is_kept_when_it_is_not_the_traps_fault(
    service: FakeService, tmp_path: Path, status: int, code: int
) -> None:
    service.says("POST", ADDRESS, {"detail": "no"}, status)

    assert run(service, "trap-handler", "--spool", str(tmp_path), stdin=LINK_DOWN).exit_code == code
    assert len(Spool(tmp_path).waiting()) == 1


def test_a_trap_that_is_refused_does_not_hold_up_the_next_one(service: FakeService, tmp_path: Path) -> None:
    run(service, "trap-handler", "--spool", str(tmp_path), "--url", AWAY, stdin=named("bad"))
    service.says("POST", ADDRESS, {"detail": "the trap is wrong"}, 400)
    service.says("POST", ADDRESS, TAKEN)

    done = run(service, "trap-handler", "--spool", str(tmp_path), stdin=named("good"))

    assert (done.exit_code, "the trap is wrong" in done.output) == (1, True)
    assert sent(service) == ["bad", "good"]
    assert Spool(tmp_path).waiting() == []


def test_while_another_handler_sends_a_trap_is_left_to_it(service: FakeService, tmp_path: Path) -> None:
    with Spool(tmp_path).alone() as alone:
        assert alone
        done = run(service, "trap-handler", "--spool", str(tmp_path), stdin=LINK_DOWN)

    assert (done.exit_code, service.asked, len(Spool(tmp_path).waiting())) == (0, [], 1)


def test_a_spool_has_a_bound_in_number_and_in_size(tmp_path: Path) -> None:
    by_number = Spool(tmp_path / "number", files_max=2)
    by_number.put(b"1")
    by_number.put(b"2")
    with pytest.raises(SpoolFullError, match="2 messages wait"):
        by_number.put(b"3")
    with pytest.raises(SpoolFullError):
        Spool(tmp_path / "size", bytes_max=3).put(b"1234")


def test_a_spool_is_for_our_eyes_only_and_one_that_cannot_be_written_is_said(
    service: FakeService, tmp_path: Path
) -> None:
    path = Spool(tmp_path / "spool").put(b"x")
    (tmp_path / "file").write_text("")
    service.says("POST", ADDRESS, TAKEN)

    done = run(service, "trap-handler", "--spool", str(tmp_path / "file"), stdin=LINK_DOWN)

    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert (done.exit_code, "cannot be kept" in done.output) == (3, True)
    assert sent(service) == ["leaf-1.example.net"], "and is sent all the same"


def test_a_spool_that_is_full_is_sent_before_the_next_trap_is_kept(
    service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Spool.__init__, "__kwdefaults__", {"files_max": 2, "bytes_max": 1 << 20})
    spool = ("--spool", str(tmp_path))
    for host in ("a", "b", "too-many"):
        done = run(service, "trap-handler", *spool, "--url", AWAY, stdin=named(host))
    assert (done.exit_code, "is full" in done.output) == (1, True)
    for _ in range(3):
        service.says("POST", ADDRESS, TAKEN)

    done = run(service, "trap-handler", *spool, stdin=named("c"))

    assert (done.exit_code, sent(service), Spool(tmp_path).waiting()) == (0, ["a", "b", "c"], [])


def test_what_cannot_be_read_in_the_spool_holds_up_no_trap(service: FakeService, tmp_path: Path) -> None:
    (tmp_path / "00000000000000000001-1.json").mkdir()
    service.says("POST", ADDRESS, TAKEN)

    done = run(service, "trap-handler", "--spool", str(tmp_path), stdin=named("good"))

    assert (done.exit_code, "cannot be read" in done.output) == (1, True)
    assert sent(service) == ["good"]
