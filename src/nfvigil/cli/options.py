"""The options that commands share, and the service that they are meant for."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nfvigil.cli.output import Form
from nfvigil.errors import RefusedError

if TYPE_CHECKING:
    from nfvigil.client.access import Access

URL = "http://127.0.0.1:12345"
SHORT = 8
"""How much of an id is shown in tables."""

EPILOG = "--url, --token-file and --timeout may stand anywhere on the line: 'nfvigil --help' says what they are."

FormOption = Annotated[Form, typer.Option("--format", "-f", help="A table to read; JSON, YAML or CSV for programs.")]
LimitOption = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=1, help="At most this many; all if left out.")
]
SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Then or later: 10m, 2h, 1d ago, or 2026-01-31T12:00:00Z.")
]
UntilOption = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before then, written as --since.")]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="FILE", help="Settings of the service, in TOML.")
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="sqlite:///PATH or postgresql://USER@HOST:PORT/NAME. A password belongs into the environment "
        "(NFVIGIL_DATABASE_URL) or the file of settings: others see what stands on a command line.",
    ),
]


@dataclass(frozen=True, slots=True)
class Service:
    """Which service is meant, and as whom we speak to it."""

    url: str
    token_file: Path | None
    timeout_seconds: float

    def access(self) -> Access:
        """By the file if one is named, else by the environment."""
        from nfvigil.client.access import Token, TokenFile  # who only asks for help does not wait for it

        if self.token_file is not None:
            return TokenFile(self.token_file)
        return Token(os.environ.get("NFVIGIL_TOKEN", "").strip())

    def token(self) -> str:
        """The token itself, for who hands it on; "" if there is none."""
        from nfvigil.client.access import TOKEN_HEADER

        return self.access().headers(b"").get(TOKEN_HEADER, "")


def read_file(path: Path) -> str:
    """The text of a file, or of standard input for ``-``."""
    try:
        if str(path) == "-":
            return typer.get_text_stream("stdin").read()
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedError(f"{path} cannot be read: {error}") from error


def read_json(path: Path) -> Any:
    try:
        return json.loads(read_file(path))
    except ValueError as error:
        raise RefusedError(f"{path} is not JSON: {error}") from error
