"""Tokens of a running service, made as its operator makes them."""

from __future__ import annotations

import subprocess
import sys

from service_process import Service


def token_of(service: Service, role: str) -> str:
    command = [sys.executable, "-m", "nfvigil.cli.main", "token", "create", "--role", role]
    command += ["--database", f"sqlite:///{service.database}"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
