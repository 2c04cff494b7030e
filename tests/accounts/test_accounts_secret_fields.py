"""What in options is secret, that nobody sees it, and how it is kept when the rest is changed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nfvigil.errors import RefusedError
from nfvigil.model.answers import VimDetail, VimState
from nfvigil.model.secret_fields import HIDDEN, hidden, is_secret, merged, scrubbed, secret_values
from nfvigil.model.vim_account import VimAccount, VimChange


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("password", True),
        ("Admin-Password", True),
        ("application_credential_secret", True),
        ("application_credential_id", False),
        ("token", True),
        ("api_key", True),
        ("credentials", True),
        ("site", True),
        ("my-site", True),
        ("username", False),
        ("auth", False),
        ("password_file", False),
        ("token_path", False),
        ("region", False),
    ],
)
def test_a_field_is_secret_by_its_name(name: str, secret: bool) -> None:
    assert is_secret(name, ("site", "my_site")) is secret


@pytest.mark.parametrize(
    ("options", "shown", "values"),
    [
        pytest.param({"password": "hunter2"}, {"password": "***"}, {"hunter2"}, id="a text"),
        pytest.param({"pin": 1234}, {"pin": "***"}, {"1234"}, id="a number"),
        pytest.param({"token": {"a": ["x", 5]}}, {"token": "***"}, {"x", "5"}, id="whatever it holds"),
        pytest.param({"password": ""}, {"password": ""}, set(), id="nothing is no secret"),
        pytest.param({"token": None, "secret": {}}, {"token": None, "secret": {}}, set(), id="nothing at all"),
        pytest.param({"has_token": True}, {"has_token": True}, set(), id="a flag"),
        pytest.param(
            {"auth": {"user": "u", "password": "p"}}, {"auth": {"user": "u", "password": "***"}}, {"p"}, id="inside"
        ),
        pytest.param({"a": [{"password": "p"}]}, {"a": [{"password": "***"}]}, {"p"}, id="in a list"),
        pytest.param({"bus": "amqp://u:p@h/"}, {"bus": "amqp://u:***@h/"}, {"p"}, id="a URL"),
        pytest.param({"bus": ["amqp://u:p@h/"]}, {"bus": ["amqp://u:***@h/"]}, {"p"}, id="URLs"),
        pytest.param({"bus": "amqp://u:p%40q@h"}, {"bus": "amqp://u:***@h"}, {"p%40q", "p@q"}, id="escaped"),
        pytest.param({"bus": "amqp://u:p@q/r@h"}, {"bus": "amqp://u:***@h"}, {"p@q/r", "p"}, id="not escaped"),
        pytest.param(
            {"bus": "rabbit://u:p1@h1:5672,v:p2@h2:5672/x"},
            {"bus": "rabbit://u:***@h2:5672/x"},
            {"p1@h1:5672,v:p2", "p1", "p2"},
            id="several hosts",
        ),
        pytest.param(
            {"a": "https://key@h:1/a@b"},
            {"a": "https://***@b"},
            {"key@h:1/a", "1/a", "key"},
            id="a key, and a path with an @",
        ),
        pytest.param({"a": "https://key@h/"}, {"a": "https://***@h/"}, {"key"}, id="only one word before the host"),
        pytest.param(
            {"a": "https://h/?x=1&token=t%20u"}, {"a": "https://h/?x=1&token=***"}, {"t%20u", "t u"}, id="a parameter"
        ),
        pytest.param({"a": "https://h/x"}, {"a": "https://h/x"}, set(), id="a URL without one"),
        pytest.param({"a": "u:p@h"}, {"a": "u:p@h"}, set(), id="no URL"),
        pytest.param({"n": 1, "f": 1.5, "b": False}, {"n": 1, "f": 1.5, "b": False}, set(), id="no secrets"),
    ],
)
def test_secrets_are_hidden_and_the_rest_is_shown(options: Any, shown: Any, values: set[str]) -> None:
    assert hidden(options) == shown
    assert secret_values(options) == values


@pytest.mark.parametrize(
    ("kept", "given", "result"),
    [
        pytest.param({"a": 1}, {"b": 2}, {"a": 1, "b": 2}, id="one more"),
        pytest.param({"a": 1}, {"a": None, "z": None}, {}, id="one less"),
        pytest.param({"a": {"x": 1, "y": 2}}, {"a": {"x": 3}}, {"a": {"x": 3, "y": 2}}, id="inside"),
        pytest.param({"a": 1}, {"a": {"x": 1}}, {"a": {"x": 1}}, id="a mapping for a value"),
        pytest.param({"password": "p"}, {"password": "***"}, {"password": "p"}, id="a secret left"),
        pytest.param({"password": "p"}, {"password": "q"}, {"password": "q"}, id="a secret changed"),
        pytest.param({"token": {"a": "x"}}, {"token": "***"}, {"token": {"a": "x"}}, id="a secret mapping left"),
        pytest.param({"bus": "amqp://u:p@h"}, {"bus": "amqp://u:***@h"}, {"bus": "amqp://u:p@h"}, id="a URL left"),
        pytest.param(
            {"l": [{"password": "p", "n": 1}, 2]},
            {"l": [{"password": "***"}, 3]},
            {"l": [{"password": "p"}, 3]},
            id="a list is given whole",
        ),
        pytest.param(
            {"url": "http://a", "password": "p"},
            {"url": "http://b", "password": "q"},
            {"url": "http://b", "password": "q"},
            id="a new address and a new secret",
        ),
        pytest.param({"url": "http://a"}, {"url": "http://b"}, {"url": "http://b"}, id="a new address without secrets"),
        pytest.param(
            {"url": "http://a", "password": "p"},
            {"url": "http://b", "password": None},
            {"url": "http://b"},
            id="a new address, no secret any more",
        ),
        pytest.param({"url": "http://a", "password": "p"}, {"url": None}, {"password": "p"}, id="no address any more"),
    ],
)
def test_what_is_given_is_put_over_what_is_kept(kept: Any, given: Any, result: Any) -> None:
    before = msgspec.json.encode(kept)

    assert merged(given, kept) == result
    assert msgspec.json.encode(kept) == before


@pytest.mark.parametrize(
    ("kept", "given", "field"),
    [
        pytest.param({}, {"password": "***"}, "options.password", id="stars for nothing"),
        pytest.param({"password": None}, {"password": "***"}, "options.password", id="stars for null"),
        pytest.param({"a": 1}, {"b": {"c": ["***"]}}, "options.b.c[0]", id="stars anywhere"),
        pytest.param({"bus": "amqp://u:p@h"}, {"bus": "amqp://u:***@other"}, "options.bus", id="stars at another host"),
        pytest.param({"bus": "amqp://u:p@h"}, {"b": "amqp://u:***@h"}, "options.b", id="stars under another name"),
        pytest.param(
            {"auth": {"auth_url": "https://a", "password": "p"}},
            {"auth": {"auth_url": "https://evil"}},
            "options.auth.auth_url",
            id="a password to another address",
        ),
        pytest.param(
            {"auth": {"auth_url": "https://a", "password": "p"}},
            {"auth": {"auth_url": "https://evil", "password": "***"}},
            "options.auth.auth_url",
            id="stars to another address",
        ),
        pytest.param({"password": "p", "l": []}, {"l": ["http://evil"]}, "options.l[0]", id="an address more"),
    ],
)
def test_a_secret_that_is_not_there_or_would_go_elsewhere_is_refused(kept: Any, given: Any, field: str) -> None:
    with pytest.raises(RefusedError) as refused:
        merged(given, kept)

    assert [one.field for one in refused.value.errors] == [field]


words = st.text(alphabet="abcdefg0123", min_size=6, max_size=12).map(lambda text: f"S3CR-{text}")
plain = st.none() | st.booleans() | st.integers() | st.text(alphabet="xyz @:/", max_size=8)


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> tuple[Any, list[str]]:
    """Options with secrets planted at any place, and the secrets."""
    planted: list[str] = []

    def tree(level: int) -> Any:
        kind = draw(st.integers(0, 5 if level else 3))
        if kind == 0:
            return draw(plain)
        secret = draw(words)
        planted.append(secret)
        if kind == 1:
            return {
                draw(st.sampled_from(["password", "X-Secret", "site"])): draw(
                    st.sampled_from([secret, [secret], {"a": secret}])
                )
            }
        if kind == 2:
            return f"amqp://{draw(st.sampled_from(['u:', '']))}{secret}@host:1/{draw(st.sampled_from(['', 'a@b']))}"
        if kind == 3:
            return f"https://h/?a=b&token={secret}"
        planted.pop()
        if kind == 4:
            return [tree(level - 1) for _ in range(draw(st.integers(0, 3)))]
        return {f"k{number}": tree(level - 1) for number in range(draw(st.integers(0, 3)))}

    return {"top": tree(depth)}, planted


@settings(max_examples=300, deadline=None)
@given(trees())
def test_no_planted_secret_is_ever_shown_and_what_is_shown_can_be_sent_back(case: tuple[Any, list[str]]) -> None:
    options, planted = case

    shown = hidden(options, ("site",))

    text = msgspec.json.encode(shown).decode()
    assert [secret for secret in planted if secret in text] == []
    said = scrubbed(f"it failed with {planted}", secret_values(options, ("site",)))
    assert [secret for secret in planted if secret in said] == []
    assert merged(_without_null(shown), _without_null(options), ("site",)) == _without_null(options)


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_null(one) for name, one in value.items() if one is not None}
    return [_without_null(one) for one in value] if isinstance(value, list) else value


def test_an_account_does_not_print_its_options() -> None:
    account = VimAccount(name="a", driver="b", options={"password": "hunter2"})

    assert "hunter2" not in repr(account)
    assert "hunter2" not in repr(VimDetail(account=account, state=VimState.UNREAD))
    assert "hunter2" not in repr(VimChange(options={"password": "hunter2"}))


def test_a_short_secret_does_not_spoil_what_is_said() -> None:
    assert scrubbed("a banana", {"a", "banana"}) == f"a {HIDDEN}"
    assert scrubbed(["banana", 7], {"banana"}) == [HIDDEN, 7]
