"""A MongoDB for OSM's documents: one in memory, and a server where NFVIGIL_TEST_MONGODB names one."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from typing import Any

import mongomock
import pymongo
import pytest

SERVER = os.environ.get("NFVIGIL_TEST_MONGODB", "")


@pytest.fixture(params=["memory", "server"] if SERVER else ["memory"])
def mongo(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A database of PyMongo's, empty."""
    if request.param == "memory":
        yield mongomock.MongoClient()["osm"]
        return
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(SERVER, serverSelectionTimeoutMS=5000)
    name = f"nfvigil_test_{uuid.uuid4().hex[:12]}"
    try:
        yield client[name]
    finally:
        client.drop_database(name)
        client.close()
