"""``nfvigil ves collect`` and ``ves send-test``: trying out a collector, and an agent."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result
from ves_players import SCHEMAS, schemas
from ves_tls import Authority, Pair

from nfvigil.cli.main import app
from nfvigil.cli.ves_sending import hint, refusal, text_of
from nfvigil.cli.ves_testing import Domain, events_for
from nfvigil.model.ves_bodies import VesVersion, event_of
from nfvigil.ves.player import Collector, Tls


def run(*args: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["ves", *args], input=stdin)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as found:
        yield found


# send-test


def test_a_raise_and_its_clear_are_sent_and_what_was_answered_is_said(collector: Collector) -> None:
    done = run("send-test", collector.url("v5"))

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == (
        "202: Fault_MultiCloud_VMFailure taken as v5\n202: Fault_MultiCloud_VMFailureCleared taken as v5\n"
    )
    raised, cleared = collector.events
    assert raised["commonEventHeader"]["sourceName"] == "nfvigil-test"
    assert raised["commonEventHeader"]["eventId"] == cleared["commonEventHeader"]["eventId"]
    assert collector.alarms() == {}


@pytest.mark.parametrize(("domain", "number"), [("fault", 2), ("heartbeat", 1), ("measurement", 1)])
def test_each_domain_can_be_sent_in_one_batch(collector: Collector, domain: str, number: int) -> None:
    done = run("send-test", collector.url(prefix="/ves"), "--domain", domain, "--batch", "--vim", "cloud-1")

    assert done.exit_code == 0, done.output
    assert [one.path for one in collector.received] == ["/ves/eventListener/v7/eventBatch"]
    assert len(collector.events) == number
    assert {one["commonEventHeader"]["reportingEntityName"] for one in collector.events} == {"cloud-1"}


@pytest.mark.parametrize("domain", Domain)
def test_what_is_sent_is_valid_in_every_version(domain: Domain) -> None:
    for version, names in SCHEMAS.items():
        for event in events_for(domain, "cloud-1"):
            for name in names:
                assert schemas(name).error({"event": event_of(event, version)}, VesVersion(version)) == ""


def test_user_and_password_are_sent_and_a_wrong_one_is_said(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    with Collector(username="ves", password="s3cret") as collector:
        good = run("send-test", collector.url(), "--username", "ves", "--password-file", str(tmp_path / "password"))
        bad = run("send-test", collector.url(), "--username", "ves", "--password-file", "-", stdin="x")

    assert good.exit_code == 0, good.output
    assert bad.exit_code == 5
    assert "error: the collector does not let us in; check --username and --password-file (401: POL2000" in bad.stderr


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (503, 3, "the collector cannot take it now (503: SVC1000 the collector was told to fail)"),
        (429, 3, "the collector cannot take it now (429: "),
        (413, 1, "the collector refuses it (413: "),
        (302, 1, "the collector sends us elsewhere, which we do not follow (302: "),
        (403, 5, "the collector does not let us in"),
        (404, 4, "the collector has nothing at this path (404: "),
    ],
)
def test_what_a_collector_answers_is_put_into_words(collector: Collector, status: int, code: int, says: str) -> None:
    collector.fail(status)

    done = run("send-test", collector.url())

    assert done.exit_code == code
    assert f"error: {says}" in done.stderr


def test_a_collector_that_is_away_is_said() -> None:
    done = run("send-test", "http://127.0.0.1:1/eventListener/v7")

    assert done.exit_code == 3
    assert "error: the collector does not answer: " in done.stderr


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["http://c/eventListener/v1"], "endpoint: the event listener's version must be v5 or v7, not 'v1'"),
        (["http://c/eventListener/v7/topic", "--batch"], "an endpoint with a topic takes no batches"),
        (["http://c/eventListener/v7", "--key", "x"], "a key goes with a certificate: name it by --cert"),
        (["https://c/eventListener/v7", "--cacert", "/nowhere"], "the certificates cannot be read"),
        (["http://c/eventListener/v7", "--password-file", "/nowhere"], "/nowhere cannot be read"),
    ],
)
def test_what_cannot_be_sent_is_said(args: list[str], says: str) -> None:
    done = run("send-test", *args)

    assert done.exit_code == 1
    assert says in done.stderr


def test_what_a_collector_says_is_read_in_onaps_words_and_in_any_other() -> None:
    error = {"messageId": "SVC0002", "text": "Invalid %1 in %2", "variables": ["value", "sequence"]}

    assert text_of(json.dumps({"requestError": {"ServiceException": error}}).encode()) == (
        "SVC0002 Invalid value in sequence"
    )
    assert text_of(json.dumps({"requestError": {"ServiceException": {"text": "No"}}}).encode()) == "No"
    assert text_of(b"<html>busy</html>") == "<html>busy</html>"
    assert text_of(b'{"requestError": []}') == '{"requestError": []}'
    assert str(refusal(400, b"")) == "the collector refuses it (400: it does not say why)"


def test_what_is_wrong_with_tls_is_guessed_or_only_said() -> None:
    assert hint(ssl.SSLEOFError(8, "EOF")).endswith("does it want a certificate of ours?")
    assert hint(ssl.SSLError(1, "something else")) == "TLS failed"


class Certificates:
    """Of the collector, of an agent, and of somebody else."""

    def __init__(self, directory: Path) -> None:
        ours, theirs = Authority(directory, "authority"), Authority(directory, "other-authority")
        self.ca = ours.ca
        self.collector: Pair = ours.pair("collector")
        self.agent: Pair = ours.pair("agent")
        self.stranger: Pair = theirs.pair("stranger")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def test_tls_with_a_private_authority_and_a_client_certificate(certificates: Certificates) -> None:
    tls = Tls(*certificates.collector, certificates.ca)
    with Collector(tls=tls) as collector:
        trusting = ("send-test", collector.url(), "--cacert", certificates.ca)
        known = run(*trusting, "--cert", certificates.agent.cert, "--key", certificates.agent.key)
        nobody = run(*trusting)
        stranger = run(*trusting, "--cert", certificates.stranger.cert, "--key", certificates.stranger.key)
        doubting = run("send-test", collector.url())

    assert known.exit_code == 0, known.output
    assert len(collector.events) == 2
    assert nobody.exit_code == stranger.exit_code == doubting.exit_code == 1
    assert "the collector wants a certificate of ours: name it by --cert and --key" in nobody.stderr
    assert "the collector does not believe our certificate" in stranger.stderr
    assert "the collector's certificate is not believed: " in doubting.stderr
    assert "; name its authority by --cacert" in doubting.stderr


def test_tls_for_everybody(certificates: Certificates) -> None:
    with Collector(tls=Tls(*certificates.collector)) as collector:
        done = run("send-test", collector.url(), "--cacert", certificates.ca)

    assert done.exit_code == 0, done.output


def test_tls_where_none_is_spoken_is_said(collector: Collector) -> None:
    done = run("send-test", collector.url().replace("http://", "https://"))

    assert done.exit_code == 1
    assert "the collector does not speak TLS there: is it http://?" in done.stderr


# collect


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def collecting(send: Callable[[int], object], *args: str) -> Result:
    """Run it, and send to it once it listens."""
    port = free_port()
    results: list[Result] = []
    ready = threading.Event()

    def sending() -> None:
        while not ready.is_set():
            try:
                socket.create_connection(("127.0.0.1", port), timeout=10).close()
            except OSError:
                ready.wait(0.02)
            else:
                break
        send(port)

    thread = threading.Thread(target=sending)
    thread.start()
    try:
        results.append(run("collect", "--port", str(port), "--seconds", "30", *args))
    finally:
        ready.set()
        thread.join(30)
    return results[0]


def test_a_collector_shows_a_line_for_each_event(certificates: Certificates, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    login = ("--username", "ves", "--password-file", str(tmp_path / "password"))
    ours = ("--cacert", certificates.ca, "--cert", certificates.agent.cert, "--key", certificates.agent.key)

    def send(port: int) -> None:
        run_in_thread("send-test", f"https://127.0.0.1:{port}/eventListener/v7", *ours)
        run_in_thread("send-test", f"https://127.0.0.1:{port}/eventListener/v7", *login, *ours)
        run_in_thread("send-test", f"https://127.0.0.1:{port}/eventListener/v5", *login, *ours, "--batch")

    tls = ("--cert", certificates.collector.cert, "--key", certificates.collector.key, "--client-ca", certificates.ca)
    done = collecting(send, "--count", "4", *login, *tls)

    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith("listening at https://127.0.0.1:")
    assert "  401  /eventListener/v7: the user or the password is wrong" in lines[1]
    assert "  v7  fault  CRITICAL  nfvigil-test  Fault_MultiCloud_VMFailure  #0  " in lines[2]
    assert "  v7  fault  NORMAL  nfvigil-test  Fault_MultiCloud_VMFailureCleared  #1  " in lines[3]
    assert "  v5 batch  fault  CRITICAL  " in lines[4]


def run_in_thread(*args: str) -> None:
    """A second runner would take the first one's streams away."""
    from nfvigil.cli.ves_sending import Login, Sender
    from nfvigil.client.connection import Trust
    from nfvigil.errors import NfvigilError
    from nfvigil.model.ves_bodies import batch_body, batch_url, single_body, version_of

    url = args[1]
    options = dict(zip(args[2::2], args[3::2], strict=False))
    login = Login(options.get("--username", ""), "s3cret" if "--username" in options else "")
    pair = (options["--cert"], options["--key"]) if "--cert" in options else None
    sender = Sender(
        login=login, trust=Trust(verify=options.get("--cacert", True), certificate=pair), timeout_seconds=10
    )
    events = events_for(Domain.FAULT, "cloud-1")
    try:
        if "--batch" in args:
            sender.send(batch_url(url), batch_body(events, version_of(url)))
        else:
            for event in events:
                sender.send(url, single_body(event, version_of(url)))
    except NfvigilError:
        pass


def test_a_collector_writes_json_for_programs_and_says_the_rest_beside_it() -> None:
    def send(port: int) -> None:
        run_in_thread("send-test", f"http://127.0.0.1:{port}/eventListener/v1/x")
        run_in_thread("send-test", f"http://127.0.0.1:{port}/eventListener/v7")

    done = collecting(send, "--json", "--count", "2")

    assert done.exit_code == 0
    assert done.stderr.startswith("listening at http://127.0.0.1:")
    told: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["status"], len(one["events"])) for one in told] == [(202, 1), (202, 1)]
    assert told[0]["at"].endswith("Z")


def test_a_collector_ends_after_so_long() -> None:
    done = run("collect", "--port", "0", "--seconds", "0")

    assert done.exit_code == 0


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--host", "192.0.2.1"], "error: the collector cannot listen: "),
        (["--cert", "x"], "error: TLS needs a certificate and its key"),
        (["--cert", "/nowhere", "--key", "/nowhere"], "error: the collector cannot listen: "),
        (["--schema", "/nowhere"], "/nowhere is no schema of VES events"),
    ],
)
def test_a_collector_that_cannot_be_is_said(args: list[str], says: str) -> None:
    done = run("collect", "--port", "0", *args)

    assert done.exit_code == 1
    assert says in done.stderr
