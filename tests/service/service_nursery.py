"""Starts services out of a process that has imported everything already: a start takes a tenth of a second, not two.

What it starts are processes like any other: they run ``serve`` and nothing else, and can be killed. Orders come in as
JSON lines, answers go out as JSON lines:

    {"start": <settings>, "log": <path>, "file_size_max": <bytes or null>}  ->  {"pid": 4711}
    {"wait": 4711}                                                          ->  {"status": -9}
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
import threading
import traceback
from contextlib import suppress
from typing import Any

import uvloop

from nfvigil.app import open_service, serve
from nfvigil.errors import NfvigilError
from nfvigil.settings import load


def become_service(order: dict[str, Any]) -> int:
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    if order.get("file_size_max"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_size_max"], resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # A write beyond it fails, as on a full disk.
    try:
        return serve(load(None, order["start"]))
    except NfvigilError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2
    except BaseException:
        traceback.print_exc()
        return 1


async def warm_up() -> None:
    """Put a service together once: half of a start is what libraries read and build at their first use."""
    with tempfile.TemporaryDirectory() as directory:
        async with open_service(load(None, {"dev": True, "database_url": f"sqlite:///{directory}/warm.db"})):
            pass


def main() -> None:
    uvloop.run(warm_up())
    assert threading.active_count() == 1, f"not to be forked: {threading.enumerate()}"
    children: set[int] = set()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if "start" in order:
            pid = os.fork()
            if pid == 0:
                os._exit(become_service(order))
            children.add(pid)
            print(json.dumps({"pid": pid}), flush=True)
        else:
            _, status = os.waitpid(order["wait"], 0)
            children.discard(order["wait"])
            print(json.dumps({"status": os.waitstatus_to_exitcode(status)}), flush=True)
    for pid in children:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
