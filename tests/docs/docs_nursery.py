"""Runs the documents' ``nfvigil`` commands out of one process that has imported everything: it saves most of the time.

What it starts are processes of their own, with the caller's arguments, directory, environment and files; they run the
command line's ``main`` and nothing else. ``SHIM`` stands in the path for ``nfvigil`` and hands over what it was given.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import sys
import tempfile
import threading
from typing import Any

SHIM = """\
import json, os, socket, sys
nursery = socket.socket(socket.AF_UNIX)
nursery.connect(os.environ["DOCS_NURSERY"])
order = {"argv": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ)}
socket.send_fds(nursery, [json.dumps(order).encode() + b"\\n"], [0, 1, 2])
sys.exit(int(nursery.makefile().read() or 70))
"""


def serve_one(caller: socket.socket) -> None:
    """In a process of its own: become the command, wait for it, tell how it ended."""
    data, files, _, _ = socket.recv_fds(caller, 65536, 3)
    while not data.endswith(b"\n"):
        data += caller.recv(65536)
    order = json.loads(data)
    pid = os.fork()
    if pid == 0:
        caller.close()
        os._exit(become(order, files))
    for file in files:
        os.close(file)
    # Who asked may be ended by a signal: then so is what it asked for.
    if os.fork() == 0:
        with contextlib.suppress(OSError):
            caller.recv(1)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(OSError):
        caller.sendall(str(os.waitstatus_to_exitcode(status)).encode())
        caller.shutdown(socket.SHUT_RDWR)


def become(order: dict[str, Any], files: list[int]) -> int:
    from nfvigil.cli.main import main

    for target, file in enumerate(files):
        os.dup2(file, target)
    # Those that we had know too much: whether they are files, and where in them they are.
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115 - they live as long as we do
    os.chdir(str(order["cwd"]))
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv = ["nfvigil", *order["argv"]]
    code: object = None
    try:
        main()
    except SystemExit as end:
        code = end.code
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else int(code is not None)


async def warm_up() -> None:
    """Put a service together once: half of a start is what libraries read and build at their first use."""
    from nfvigil.app import open_service
    from nfvigil.settings import load

    with tempfile.TemporaryDirectory() as directory:
        async with open_service(load(None, {"dev": True, "database_url": f"sqlite:///{directory}/warm.db"})):
            pass


def main(path: str) -> None:
    import uvloop

    import nfvigil.client  # noqa: F401 - so that nobody has to import it again
    from nfvigil.cli.main import command

    command()
    uvloop.run(warm_up())
    assert threading.active_count() == 1, f"not to be forked: {threading.enumerate()}"
    gc.collect()
    gc.freeze()  # a collection would copy every page of what all share
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen(16)
        while True:
            caller, _ = door.accept()
            if os.fork() == 0:
                door.close()
                serve_one(caller)
                os._exit(0)
            caller.close()
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass  # those that have ended meanwhile


if __name__ == "__main__":
    main(sys.argv[1])
