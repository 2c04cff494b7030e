"""Where a BMC's password comes from. Files and variables are read at each use, so that a new password is found."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nfvigil.errors import RefusedError
from nfvigil.model.secret import Secret

_FILE_MAX = 4096


@dataclass(frozen=True, kw_only=True)
class Password:
    stated: Secret | None = None
    file: str = ""
    variable: str = ""
    bytes_max: int = 1024
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def read(self) -> Secret:
        """RefusedError says what is wrong with it, and never what it is."""
        secret, trouble = self._read()
        if secret is None or trouble:
            raise RefusedError(f"the password of the BMC {trouble or 'is not given'}")
        return secret

    def trouble(self) -> str:
        """What is wrong with it now, or ""."""
        return self._read()[1]

    def _read(self) -> tuple[Secret | None, str]:
        if self.stated is not None:
            secret = self.stated
        elif self.file:
            try:
                with Path(self.file).open("rb") as file:
                    content = file.read(_FILE_MAX + 1)
                # People's editors end the last line.
                secret = Secret(content.decode().removesuffix("\n").removesuffix("\r"))
            except OSError as error:
                return None, f"cannot be read from {self.file}: {error.strerror}"
            except UnicodeDecodeError:
                return None, f"in {self.file} is no text"
        elif self.variable:
            secret = Secret(self.environ.get(self.variable, ""))
        else:
            return None, ""
        text = secret.reveal()
        if not text:
            where = f"in {self.file}" if self.file else f"in ${self.variable}" if self.variable else ""
            return None, f"{where} is empty".strip()
        if not text.isprintable():
            return None, "is more than one line, or has characters that nobody can type"
        if len(text.encode()) > self.bytes_max:
            return None, f"is longer than {self.bytes_max} bytes"
        return secret, ""
