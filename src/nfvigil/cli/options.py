"""Options that many commands share: where the service is, who asks, and in which form to print."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nfvigil.errors import RefusedError

if TYPE_CHECKING:
    from nfvigil.cli.client import Client

URL = "http://127.0.0.1:12345"
TOKEN_VARIABLE = "NFVIGIL_TOKEN"  # noqa: S105 - the name of a variable
TOKEN_CHARS_MAX = 4096
FILE_CHARS_MAX = 8 << 20


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How to print it.")]
LimitOption = Annotated[int | None, typer.Option("--limit", "-n", min=1, help="At most this many; all if left out.")]
SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Then or later: 10m, 2h or 1d ago, or 2026-01-31T12:00Z.")
]
UntilOption = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Before then, written as --since.")]


@dataclass(frozen=True, slots=True)
class Connection:
    """Which service is meant, and who asks: the options before the command."""

    url: str = URL
    token_file: Path | None = None
    timeout: float = 30.0

    def token(self) -> str | None:
        """From the file if one is named, else from the environment. It is never an argument: others see those."""
        token = os.environ.get(TOKEN_VARIABLE, "")
        if self.token_file is not None:
            token = read_text(self.token_file, TOKEN_CHARS_MAX)
        token = token.strip()
        if not re.fullmatch(r"[\x21-\x7E]*", token):
            raise RefusedError("the token has characters that no token has: is it the right file?")
        return token or None


def group(text: str) -> typer.Typer:
    """A group of commands; ``text`` is its help."""
    return typer.Typer(help=text, no_args_is_help=True, add_completion=False, rich_markup_mode=None)


def single() -> typer.Typer:
    """A plain command: one function is registered in it, whose docstring is the help."""
    return typer.Typer(add_completion=False, rich_markup_mode=None)


def client(ctx: typer.Context) -> Client:
    """Speaks to the service that was named before the command; closed when the command ends."""
    from nfvigil.cli.client import Client  # HTTP and TLS: only for who asks, not for help and completion

    given = ctx.find_object(Connection) or Connection(url=os.environ.get("NFVIGIL_URL", URL))
    made = Client(given.url, given.token(), given.timeout)
    ctx.call_on_close(made.close)
    return made


def read_text(path: Path, chars_max: int = FILE_CHARS_MAX) -> str:
    """The text of a file, or of standard input for ``-``."""
    try:
        if str(path) == "-":
            text = typer.get_text_stream("stdin").read(chars_max + 1)
        else:
            with path.open(encoding="utf-8") as file:
                text = file.read(chars_max + 1)
    except OSError as error:
        raise RefusedError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RefusedError(f"cannot read {path}: it is no UTF-8 text") from error
    if len(text) > chars_max:
        raise RefusedError(f"{path} has more than {chars_max} characters")
    return text
