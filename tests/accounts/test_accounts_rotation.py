"""New keys: whenever it is broken off, what is there opens everything, and the next run goes on."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from accounts_players import SECRET, Shelf, account

from nfvigil.accounts.rotation import drop_old, rotate
from nfvigil.accounts.vault import Vault
from nfvigil.errors import ConflictError, StoreUnavailableError
from nfvigil.sealing.keys import Keys, NoKeyError
from nfvigil.store import Store, open_store
from nfvigil.store.records import VimRecord


async def filled(keys: Keys, count: int = 4) -> Shelf:
    shelf = Shelf()
    vault = Vault(keys=keys, shelf=shelf)
    for number in range(count):
        await shelf.add_vim(await vault.closed(account(f"vim-{number}"), frozenset()))
    return shelf


def opens_all(shelf: Shelf, keys: Keys) -> bool:
    vault = Vault(keys=keys, shelf=shelf)
    return all(vault.opened(record).options["password"] == SECRET for record in shelf.kept.values())


def newest(shelf: Shelf, keys: Keys) -> int:
    box = keys.box()
    assert box is not None
    return sum(box.is_newest(record.options) for record in shelf.kept.values())


@pytest.mark.anyio
async def test_everything_is_sealed_with_a_new_key_and_the_old_one_can_go(keys: Keys) -> None:
    shelf = await filled(keys)
    before = dict(shelf.kept)

    done = await rotate(shelf, keys)

    assert (done.new_key, done.resealed, done.locked) == (True, 4, ())
    assert newest(shelf, keys) == 4
    assert opens_all(shelf, keys)
    assert all(shelf.kept[name].changed_us == before[name].changed_us for name in before)
    assert await drop_old(shelf, keys) == 1
    assert opens_all(shelf, keys)
    assert await drop_old(shelf, keys) == 0


@pytest.mark.anyio
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", [0, 1, 2, 3])
async def test_broken_off_at_any_write_all_is_open_and_the_next_run_goes_on_with_the_same_key(
    keys: Keys, when: str, write: int
) -> None:
    shelf = await filled(keys)
    given = iter(range(100))

    class Breaking(Shelf):
        async def reseal(self, owner: str, *, before: bytes, after: bytes) -> bool:
            self.fails = when if next(given) == write else ""
            return await super().reseal(owner, before=before, after=after)

    breaking = Breaking(kept=shelf.kept)
    with pytest.raises(StoreUnavailableError):
        await rotate(breaking, keys)

    assert opens_all(breaking, keys)
    is_over = write == 3 and when == "after"
    if not is_over:
        with pytest.raises(ConflictError, match="still needed by"):
            await drop_old(breaking, keys)
        done = await rotate(breaking, keys)
        assert not done.new_key
    assert newest(breaking, keys) == 4
    assert await drop_old(breaking, keys) == 1
    assert opens_all(breaking, keys)


@pytest.mark.anyio
async def test_broken_off_between_the_new_key_and_the_first_account_the_key_is_used_by_the_next_run(keys: Keys) -> None:
    shelf = await filled(keys)
    keys.add()

    done = await rotate(shelf, keys)

    assert (done.new_key, done.resealed) == (False, 4)


@pytest.mark.anyio
async def test_an_account_that_is_changed_meanwhile_keeps_the_change(keys: Keys) -> None:
    shelf = await filled(keys, 1)
    vault = Vault(keys=keys, shelf=shelf)
    changed = await vault.closed(account("vim-0", options={"region": "two"}), frozenset())

    class Changing(Shelf):
        async def reseal(self, owner: str, *, before: bytes, after: bytes) -> bool:
            self.kept.setdefault("once", changed)
            if self.kept["vim-0"] != changed and self.kept["once"] is changed:
                self.kept["vim-0"] = changed
            return await super().reseal(owner, before=before, after=after)

    changing = Changing(kept=shelf.kept)
    done = await rotate(changing, keys)

    assert done.resealed == 1
    assert vault.opened(changing.kept["vim-0"]).options["region"] == "two"


@pytest.mark.anyio
async def test_one_that_was_removed_meanwhile_is_no_obstacle_and_one_that_never_rests_is_said_so(keys: Keys) -> None:
    shelf = await filled(keys, 1)

    class Removing(Shelf):
        async def reseal(self, owner: str, *, before: bytes, after: bytes) -> bool:
            self.kept.clear()
            return False

    assert (await rotate(Removing(kept=dict(shelf.kept)), keys)).resealed == 0

    class Restless(Shelf):
        async def reseal(self, owner: str, *, before: bytes, after: bytes) -> bool:
            return False

    keys.add()
    with pytest.raises(ConflictError, match="again and again"):
        await rotate(Restless(kept=shelf.kept), keys)


@pytest.mark.anyio
async def test_what_no_key_opens_is_named_and_left_and_keeps_old_keys_from_going(keys: Keys, tmp_path: Path) -> None:
    shelf = await filled(keys, 2)
    stranger = await filled(Keys(path=tmp_path / "strange"), 1)
    shelf.kept["strange"] = msgspec.structs.replace(stranger.kept["vim-0"], name="strange")
    shelf.kept["broken"] = msgspec.structs.replace(shelf.kept["vim-0"], name="broken", options=b"{oh")

    done = await rotate(shelf, keys)

    assert (done.resealed, done.locked) == (2, ("vim/broken", "vim/strange"))
    with pytest.raises(ConflictError, match="vim/broken, vim/strange"):
        await drop_old(shelf, keys)


@pytest.mark.anyio
async def test_what_was_kept_without_a_key_is_sealed_now(keys: Keys) -> None:
    shelf = await filled(keys, 1)
    open_one: VimRecord = msgspec.structs.replace(shelf.kept["vim-0"], name="open", options=b'{"password":""}')
    shelf.kept["open"] = open_one

    assert (await rotate(shelf, keys)).resealed == 2

    assert not shelf.kept["open"].options.startswith(b"{")


@pytest.mark.anyio
async def test_without_keys_there_is_nothing_to_change(keys: Keys) -> None:
    with pytest.raises(NoKeyError):
        await rotate(Shelf(), keys)
    with pytest.raises(NoKeyError):
        await drop_old(Shelf(), keys)


@pytest.mark.anyio
async def test_keys_of_the_environment_are_only_used(keys: Keys, tmp_path: Path) -> None:
    shelf = await filled(keys)
    keys.add()
    given = Keys(given=(tmp_path / "keys").read_text())

    done = await rotate(shelf, given)

    assert (done.new_key, done.resealed) == (False, 4)
    assert newest(shelf, given) == 4


ACCOUNTS = 30
COMMAND = [sys.executable, "-c", "from nfvigil.cli.main import main; main()", "db", "rotate-key", "--database"]


async def in_store(path: Path, work: Callable[[Store, Vault], Awaitable[Any]]) -> Any:
    store = await open_store(f"sqlite:///{path}/nfvigil.db", node="n", clock=lambda: 1)
    try:
        return await work(store, Vault(keys=Keys(path=path / "nfvigil.db.keys"), shelf=store))
    finally:
        await store.close()


async def fill(store: Store, vault: Vault) -> None:
    for number in range(ACCOUNTS):
        await store.add_vim(await vault.closed(account(f"vim-{number}"), frozenset()))


async def passwords(store: Store, vault: Vault) -> list[str]:
    return [vault.opened(record).options["password"] for record in await store.vims()]


def done_with_newest(path: Path) -> int:
    box = Keys(path=path / "nfvigil.db.keys").box()
    assert box is not None
    with closing(sqlite3.connect(path / "nfvigil.db")) as database:
        return sum(box.is_newest(options) for (options,) in database.execute("SELECT options FROM vims"))


@pytest.mark.parametrize("goal", [0, 10])
def test_killed_at_any_moment_the_command_can_be_run_again_until_it_is_done(tmp_path: Path, goal: int) -> None:
    url = f"sqlite:///{tmp_path}/nfvigil.db"
    keys = tmp_path / "nfvigil.db.keys"
    asyncio.run(in_store(tmp_path, fill))
    before = keys.read_text()
    with subprocess.Popen([*COMMAND, url], stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while keys.read_text() == before or done_with_newest(tmp_path) < goal:
            assert time.monotonic() < deadline
        process.kill()

    assert process.returncode == -signal.SIGKILL
    assert done_with_newest(tmp_path) >= goal
    assert asyncio.run(in_store(tmp_path, passwords)) == [SECRET] * ACCOUNTS
    for more in ([], ["--drop-old"]):
        subprocess.run([*COMMAND, url, *more], check=True, capture_output=True)
    assert len(keys.read_text().split()) == 1
    assert asyncio.run(in_store(tmp_path, passwords)) == [SECRET] * ACCOUNTS
