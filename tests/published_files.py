"""Where the files lie that standards bodies and other projects publish; a test that needs one is skipped without it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def published(path: str) -> Path:
    """A file or a folder of them, by its path below NFVIGIL_STANDARDS."""
    folder = Path(os.environ.get("NFVIGIL_STANDARDS") or Path(__file__).parents[1] / ".." / "shared" / "standards")
    if not (folder / path).exists():
        pytest.skip(f"the published file {path} is not here (set NFVIGIL_STANDARDS to the folder that has it)")
    return folder / path
