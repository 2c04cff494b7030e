"""What tests of the OpenStack driver share."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _tool() -> ModuleType:
    path = Path(__file__).resolve().parents[3] / "tools" / "rabbitmq.py"
    spec = importlib.util.spec_from_file_location("nfvigil_tools_rabbitmq", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def rabbitmq_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One for all tests of this process; a test that kills it starts it again."""
    tool = _tool()
    try:
        tool.find_program()
    except tool.RabbitmqUnavailableError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("tls")
    certificates(folder)
    settings = {
        "listeners.ssl.1": "127.0.0.1:TLS_PORT",
        "ssl_options.cacertfile": str(folder / "ca.pem"),
        "ssl_options.certfile": str(folder / "server.pem"),
        "ssl_options.keyfile": str(folder / "server.key"),
    }
    with tool.running(settings) as broker:
        broker.cacert = folder / "ca.pem"
        yield broker


@pytest.fixture
def rabbitmq(rabbitmq_server: Any) -> Any:
    if rabbitmq_server.pid is None:
        rabbitmq_server.start()
    return rabbitmq_server


def certificates(folder: Path) -> None:
    """A CA, and a certificate of its own for localhost."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = datetime.datetime.now(datetime.UTC)

    def certificate(name: str, key: Any, issuer: str, signer: Any, *, is_ca: bool) -> bytes:
        built = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(signer, hashes.SHA256())
        )
        return built.public_bytes(serialization.Encoding.PEM)

    ca, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    (folder / "ca.pem").write_bytes(certificate("test CA", ca, "test CA", ca, is_ca=True))
    (folder / "server.pem").write_bytes(certificate("localhost", key, "test CA", ca, is_ca=False))
    (folder / "server.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
