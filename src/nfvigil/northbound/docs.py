"""The page at /docs: one file with all that it needs, which reads /openapi.json. It works without the internet."""

from __future__ import annotations

import base64
import re
from hashlib import sha256
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def docs_route() -> Route:
    page = files("nfvigil.northbound").joinpath("docs.html").read_text(encoding="utf-8")
    script = _SCRIPT.search(page)
    assert script is not None
    digest = base64.b64encode(sha256(script[1].encode()).digest()).decode()
    # Nothing from elsewhere, no script but this one: texts of the description cannot become code.
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    body = page.encode()

    async def show(request: Request) -> Response:
        headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}
        return Response(body, 200, headers, media_type="text/html")

    return Route("/docs", show, methods=["GET"], name="docs", include_in_schema=False)
