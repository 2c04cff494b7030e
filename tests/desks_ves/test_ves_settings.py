"""What the settings say of the VES agent is read as ONAP's clients would send it, and refused by its field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nfvigil.errors import SettingsError
from nfvigil.settings import Settings, load
from nfvigil.wiring.ves import chosen, stored_documents, wanted_configs

COLLECTOR = {"endpoint": "http://c.example/eventListener/v7", "username": "agent"}


def settings(collector: dict[str, Any] | None = None, **more: Any) -> Settings:
    ves = {"ves_subscription": COLLECTOR | (collector or {}), "backlogs": [{"domain": "fault", "type": "vm"}]} | more
    return load(None, {"vims": [{"name": "lab", "ves": ves}], "ves": {"regions": {"CloudOwner_RegionOne": "lab"}}})


def test_they_are_what_onaps_clients_would_send(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    given = settings({"password_file": str(tmp_path / "password")}, faults=["ERROR"], heartbeat_interval=30)

    stored = stored_documents(given)

    assert stored == {
        "lab": {
            "vesagent_config": {
                "ves_subscription": COLLECTOR | {"password": "s3cret"},
                "backlogs": [{"domain": "fault", "type": "vm"}],
                "faults": ["ERROR"],
                "heartbeat_interval": 30.0,
            }
        }
    }
    config = wanted_configs(stored)["lab"]
    assert (config.changed_by, config.ves_subscription.password) == ("settings", "s3cret")
    assert "s3cret" not in repr(given) + repr(config)
    assert given.ves.regions == {"CloudOwner_RegionOne": "lab"}


def test_a_vim_without_has_none() -> None:
    assert stored_documents(load(None, {"vims": [{"name": "lab"}]})) == {}


@pytest.mark.parametrize(
    ("collector", "more", "field"),
    [
        ({"endpoint": "http://c.example/"}, {}, "vims.lab.ves.ves_subscription.endpoint"),
        ({"ca_file": "/nowhere.pem"}, {}, "vims.0.ves.ves_subscription.ca_file"),
        ({}, {"poll_interval_default": 0.1}, "vims.lab.ves.poll_interval_default"),
        ({}, {"faults": ["NONSENSE"]}, "vims.lab.ves.faults"),
        ({"nonsense": 1}, {}, "vims.0.ves.ves_subscription.nonsense"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(collector: dict[str, Any], more: dict[str, Any], field: str) -> None:
    with pytest.raises(SettingsError) as caught:
        wanted_configs(stored_documents(settings(collector, **more)))

    assert [one.field for one in caught.value.errors] == [field]


def test_nobody_chooses_the_agents_format_for_a_subscription_of_his_own() -> None:
    assert chosen({"ves": 1, "doctor": 2}) == {"doctor": 2}
