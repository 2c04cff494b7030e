"""Lets a bench run by any Python: where the project's packages are missing, it starts again with the project's own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEEDED = ("nfvigil", "httptools", "msgspec", "uvloop")
_AGAIN = "NFVIGIL_BENCH_STARTED_AGAIN"


def ready() -> None:
    """Return if everything can be imported; else make .venv where there is none, and run this script with it."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if not missing:
        os.environ.pop(_AGAIN, None)
        return
    if os.environ.get(_AGAIN):
        raise SystemExit(f"{sys.executable} lacks {', '.join(missing)}: remove .venv and run tools/bootstrap")
    python = ROOT / ".venv" / "bin" / "python"
    if not python.exists():
        sys.stderr.write(f"bench: {sys.executable} lacks {', '.join(missing)}; making .venv with tools/bootstrap\n")
        subprocess.run([str(ROOT / "tools" / "bootstrap"), "--no-dev"], check=True, stdout=sys.stderr)
    os.environ[_AGAIN] = "1"
    os.execv(str(python), [str(python), *sys.argv])
