"""The box and its keys: what opens what, and what a crash leaves of the key file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from nfvigil.accounts.vault import keys_of
from nfvigil.errors import ConflictError, RefusedError, UnavailableError
from nfvigil.sealing.box import Box, LockedError, is_sealed
from nfvigil.sealing.keys import KEYS_MAX, Keys, NoKeyError

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def test_what_is_sealed_is_opened_by_any_of_the_keys_and_tells_nothing() -> None:
    sealed = Box(keys=[OLD]).seal("vim/lab", {"password": "hunter2", "n": [1, None, 2.5]})

    assert b"hunter2" not in sealed
    assert b"vim/lab" not in sealed
    assert is_sealed(sealed)
    assert Box(keys=[NEW, OLD]).open("vim/lab", sealed) == {"password": "hunter2", "n": [1, None, 2.5]}
    assert not Box(keys=[NEW, OLD]).is_newest(sealed)
    assert Box(keys=[OLD, NEW]).is_newest(sealed)


@pytest.mark.parametrize(
    ("keys", "owner", "spoilt", "said"),
    [
        pytest.param([NEW], "vim/lab", False, "none of the keys", id="another key"),
        pytest.param([OLD], "vim/other", False, "belongs to another", id="another owner"),
        pytest.param([OLD], "vim/lab", True, "none of the keys", id="changed bytes"),
    ],
)
def test_what_is_not_ours_stays_shut(keys: list[str], owner: str, spoilt: bool, said: str) -> None:
    sealed = Box(keys=[OLD]).seal("vim/lab", 5)

    with pytest.raises(LockedError, match=said):
        Box(keys=keys).open(owner, sealed[:-4] + b"AAA=" if spoilt else sealed)


def test_something_sealed_by_another_program_with_our_key_stays_shut() -> None:
    with pytest.raises(LockedError):
        Box(keys=[OLD]).open("vim/lab", Fernet(OLD).encrypt(b"[]"))


def test_keys_are_never_printed_also_where_they_are_wrong() -> None:
    assert OLD not in repr(Box(keys=[OLD]))
    assert OLD not in repr(Keys(given=OLD))
    with pytest.raises(RefusedError) as refused:
        Box(keys=[OLD, f"{NEW[:-5]}xxx"])
    assert refused.value.errors[0].field == "key 2"
    assert NEW[:-5] not in str(refused.value)
    with pytest.raises(RefusedError, match="there are no keys"):
        Box(keys=[])
    with pytest.raises(LockedError) as locked:
        Keys(given=f"{OLD[:-5]}xxx").box()
    assert OLD[:-5] not in str(locked.value)


def test_the_first_key_is_made_for_our_eyes_only(tmp_path: Path) -> None:
    keys = Keys(path=tmp_path / "keys")
    assert keys.box() is None

    sealed = keys.make().seal("a", 1)

    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["keys"]
    found = keys.box()
    assert found is not None
    assert found.open("a", sealed) == 1
    with pytest.raises(ConflictError, match="already"):
        keys.make()


def test_a_new_key_comes_first_and_old_ones_go_when_they_are_told_to(tmp_path: Path) -> None:
    keys = Keys(path=tmp_path / "keys")
    first = keys.make()
    sealed = first.seal("a", 1)

    second = keys.add()

    assert second.open("a", sealed) == 1
    assert not second.is_newest(sealed)
    assert keys.drop_old() == 1
    assert keys.drop_old() == 0
    found = keys.box()
    assert found is not None
    assert found.is_newest(second.seal("a", 1))
    with pytest.raises(LockedError):
        found.open("a", sealed)


def test_the_file_may_have_comments_and_ends_of_other_systems(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(f"# of March\r\n{NEW}\r\n\r\n{OLD}".encode())

    box = Keys(path=tmp_path / "keys").box()

    assert box is not None
    assert box.open("a", Fernet(OLD).encrypt(b'{"owner": "a", "value": 1}')) == 1


def test_what_a_crash_left_beside_the_file_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".keys.part").write_text("half a ke")
    keys = Keys(path=tmp_path / "keys")

    keys.make()
    (tmp_path / ".keys.part").write_text("half a ke")
    keys.add()

    assert os.listdir(tmp_path) == ["keys"]


def test_a_file_keeps_its_readers_and_a_link_to_it_stays(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "keys"
    real.write_text(OLD)
    real.chmod(0o640)
    link.symlink_to(real)

    Keys(path=link).add()

    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert len(real.read_text().split()) == 2


def test_keys_of_the_environment_win_and_are_not_ours_to_change(tmp_path: Path) -> None:
    keys = Keys(given=f" {NEW}, {OLD}\n", path=tmp_path / "keys")

    box = keys.box()

    assert box is not None
    assert box.open("a", Box(keys=[OLD]).seal("a", 1)) == 1
    assert keys.are_given
    assert not keys.can_make
    assert keys.warning() == ""
    with pytest.raises(ConflictError, match="which is yours"):
        keys.add()
    with pytest.raises(ConflictError, match="which is yours"):
        keys.drop_old()


def test_without_a_place_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(NoKeyError):
        Keys().make()
    with pytest.raises(NoKeyError):
        Keys(path=tmp_path / "keys").add()
    assert Keys().place == "nowhere"


def test_what_is_wrong_with_the_file_is_said_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"{OLD}\n{NEW[:-4]}\n")
    with pytest.raises(LockedError, match="line 2 is not 32 bytes") as locked:
        Keys(path=path).box()
    assert NEW[:-4] not in str(locked.value)
    with pytest.raises(LockedError, match=r"cannot be used: Is a directory"):
        Keys(path=tmp_path).box()
    with pytest.raises(UnavailableError, match="cannot be written"):
        Keys(path=tmp_path / "nowhere" / "keys").make()
    path.write_text("\n".join([OLD] * KEYS_MAX))
    with pytest.raises(ConflictError, match="drop old ones"):
        Keys(path=path).add()


def test_a_file_that_cannot_be_replaced_is_said_so_and_stays(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(OLD)
    (tmp_path / ".keys.part").mkdir()

    with pytest.raises(UnavailableError, match="cannot be written"):
        Keys(path=tmp_path / "keys").add()

    assert (tmp_path / "keys").read_text() == OLD


def test_a_file_that_all_may_read_is_warned_of(tmp_path: Path) -> None:
    keys = Keys(path=tmp_path / "keys")
    assert keys.warning() == ""
    keys.make()
    assert keys.warning() == ""
    (tmp_path / "keys").chmod(0o604)
    assert "chmod 600" in keys.warning()


def test_the_keys_lie_beside_an_sqlite_database_unless_the_settings_say_where(tmp_path: Path) -> None:
    beside = keys_of(given="", key_file=None, database_url=f"sqlite:///{tmp_path}/nfvigil.db")
    named = keys_of(given="", key_file=Path("/etc/keys"), database_url="postgresql://host/name")
    none = keys_of(given="", key_file=None, database_url="postgresql://host/name")

    assert [one.place for one in (beside, named, none)] == [f"{tmp_path}/nfvigil.db.keys", "/etc/keys", "nowhere"]
