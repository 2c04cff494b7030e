"""OpenStack's Redfish emulator as a process of its own, over TLS."""

from __future__ import annotations

import base64
import ipaddress
import json
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bcrypt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fencing_players import free_port

PASSWORD = "c0rrect-Horse;9"
SYSTEMS = ("27946b59-9e44-4fa7-8e91-f3527a1ef094", "b1d7a1f0-3f0a-4d0a-8d0e-0c2f4c7a9e11")

EMULATOR = """
import random
random.randint = lambda low, high: 0  # its systems take up to eleven seconds otherwise
from sushy_tools.emulator.main import main
main()
"""


@dataclass(frozen=True)
class RedfishBmc:
    """A running emulator, over TLS, with a user fence."""

    url: str
    cacert: str

    def ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """As the test itself, beside the fence."""
        request = urllib.request.Request(self.url + path, json.dumps(body).encode() if body else None)
        request.add_header("Content-Type", "application/json")
        request.add_header("Authorization", "Basic " + _basic("fence", PASSWORD))
        context = ssl.create_default_context(cafile=self.cacert)
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            text = answer.read()
        found: dict[str, Any] = json.loads(text) if text else {}
        return found

    def state(self, system: str = SYSTEMS[0]) -> str:
        return str(self.ask(f"/redfish/v1/Systems/{system}")["PowerState"])

    def reset(self, how: str, system: str = SYSTEMS[0]) -> None:
        self.ask(f"/redfish/v1/Systems/{system}/Actions/ComputerSystem.Reset", {"ResetType": how})
        self.state(system)  # it takes effect when somebody looks


def _basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bmc")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(secret)
    return folder / "cert.pem", folder / "key.pem"


def emulator(folder: Path, tls: tuple[Path, Path], systems: tuple[str, ...]) -> Iterator[RedfishBmc]:
    digest = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (folder / "users").write_text(f"fence:{digest}\n")
    fakes = [{"uuid": one, "name": one[:4], "power_state": "On", "nics": []} for one in systems]
    (folder / "config.py").write_text(
        f"SUSHY_EMULATOR_FAKE_SYSTEMS = {fakes!r}\n"
        f"SUSHY_EMULATOR_STATE_DIR = {str(folder)!r}\n"
        f"SUSHY_EMULATOR_AUTH_FILE = {str(folder / 'users')!r}\n"
    )
    port = free_port()
    command = [sys.executable, "-c", EMULATOR, "--fake", "--config", str(folder / "config.py")]
    command += ["-i", "127.0.0.1", "-p", str(port)]
    command += ["--ssl-certificate", str(tls[0]), "--ssl-key", str(tls[1])]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    bmc = RedfishBmc(f"https://127.0.0.1:{port}", str(tls[0]))
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                bmc.ask("/redfish/v1/Systems")
                break
            except (urllib.error.URLError, OSError):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.05)
        yield bmc
    finally:
        process.terminate()
        process.wait(20)
