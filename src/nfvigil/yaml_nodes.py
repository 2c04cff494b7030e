"""Reads YAML that people write: node by node, so that everything that is wrong is told at once, with its line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from nfvigil.errors import FieldError, SettingsError

_ERRORS_MAX = 200
_DEPTH_MAX = 20

Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def compose(text: str | bytes, *, source: str, what: str, size_max: int) -> yaml.Node | None:
    """The root of the text, or None where it says nothing. ``source`` is named in errors: it is no ``what``."""
    if len(text) > size_max:
        raise SettingsError(f"{source} is larger than {size_max} bytes")
    try:
        _check_depth(text, source, what)
        root: yaml.Node | None = yaml.compose(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise SettingsError(f"{source} is not YAML", [FieldError("", str(error.problem), line)]) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SettingsError(f"{source} is not YAML", [FieldError("", reason)]) from error
    return root


def _check_depth(text: str | bytes, source: str, what: str) -> None:
    """The fast composer recurses in C without a bound: a file of brackets would end the process."""
    depth = 0
    for event in yaml.parse(text, Loader=Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEPTH_MAX:
                error = FieldError("", f"is nested more than {_DEPTH_MAX} levels deep", line_of(event))
                raise SettingsError(f"{source} is no {what}", [error])
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class NodeReader:
    """Walks the nodes of one file, and collects everything that is wrong with them. Made to be derived from."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []

    def raise_errors(self, source: str) -> None:
        """SettingsError with all that was found, in the order of the lines; nothing if all is well."""
        if self.errors:
            found = sorted(self.errors, key=lambda error: error.line)
            raise SettingsError(f"{source} has {len(found)} error{'s'[: len(found) > 1]}", found[:_ERRORS_MAX])

    def _items(self, node: yaml.Node, path: str, known: tuple[str, ...]) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        """The fields of a mapping; unknown and repeated ones are errors. Nothing (``spine-1:``) is an empty one."""
        prefix = f"{path}." if path else ""
        for name, key, value in self._pairs(node, path):
            if name not in known:
                self._wrong(key, f"{prefix}{name}", f"is not known here; known are {', '.join(known)}")
            else:
                yield name, key, value

    def _named_items(self, node: yaml.Node, path: str) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        """The entries of a section by their names."""
        for name, key, value in self._pairs(node, path):
            if self._text(key, path) is not None:
                yield name, key, value

    def _scalars(self, node: yaml.Node, path: str) -> Iterator[tuple[str, yaml.ScalarNode]]:
        for name, _, value in self._pairs(node, path):
            if isinstance(value, yaml.ScalarNode) and len(value.value) <= 1024:
                yield name, value
            else:
                self._wrong(value, f"{path}.{name}", "must be one value of at most 1024 characters")

    def _pairs(self, node: yaml.Node, path: str) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        if is_a(node, "null"):
            return
        if not isinstance(node, yaml.MappingNode):
            self._wrong(node, path, f"must be a mapping (name: ...), not {kind_of(node)}")
            return
        seen: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._wrong(key, path, "has a name that is no text")
            elif key.value in seen:
                self._wrong(key, path, f"{key.value!r} is there twice, first in line {seen[key.value]}")
            else:
                seen[key.value] = line_of(key)
                yield key.value, key, value

    def _texts(self, node: yaml.Node, path: str) -> Iterator[tuple[str, yaml.Node]]:
        if is_a(node, "null"):
            return
        if not isinstance(node, yaml.SequenceNode):
            self._wrong(node, path, f"must be a list, not {kind_of(node)}")
            return
        seen: set[str] = set()
        for item in node.value:
            text = self._text(item, path)
            if text is not None and text in seen:
                self._wrong(item, path, f"{text!r} is there twice")
            elif text is not None:
                seen.add(text)
                yield text, item

    def _text(self, node: yaml.Node, path: str) -> str | None:
        if not isinstance(node, yaml.ScalarNode) or not is_a(node, "str"):
            value = f"; write '{node.value}'" if isinstance(node, yaml.ScalarNode) and node.value else ""
            self._wrong(node, path, f"must be text, not {kind_of(node)}{value}")
            return None
        text: str = node.value
        if not 0 < len(text) <= 255 or any(letter <= " " or letter == "\x7f" for letter in text):
            self._wrong(node, path, "must be 1 to 255 characters without spaces")
            return None
        return text

    def _wrong(self, node: yaml.Node, path: str, reason: str) -> None:
        self.errors.append(FieldError(path, reason, line_of(node)))


def line_of(node: yaml.Node | yaml.CollectionStartEvent) -> int:
    mark = node.start_mark
    return mark.line + 1 if mark else 0


def is_a(node: yaml.Node, tag: str) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == f"tag:yaml.org,2002:{tag}"


def kind_of(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    name = str(node.tag).rpartition(":")[2]
    return {"int": "a number", "float": "a number", "bool": "true or false", "null": "nothing", "str": "text"}.get(
        name, name
    )
