"""``nfvigil policy-check`` and ``policy-sample``: who may do what through the API, and by which rule."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nfvigil.cli.failures import Code
from nfvigil.cli.options import ConfigOption, FormOption
from nfvigil.cli.output import Form, emit
from nfvigil.cli.terminal import Column, complain, say, table
from nfvigil.errors import FieldError, NotFoundError, RefusedError

if TYPE_CHECKING:
    from nfvigil.model.identity import Identity
    from nfvigil.northbound.rules.permissions import Permissions
    from nfvigil.northbound.rules.rule import Rule

REASON_COLUMNS = (
    Column("RULE", lambda one: one["rule"]),
    Column("CHECK", lambda one: one["check"], shrink=True),
    Column("FROM", lambda one: one["from"]),
    Column("FITS", lambda one: "yes" if one["fits"] else "no"),
)


def policy_check(
    config: ConfigOption = None,
    policy_file: Annotated[
        Path | None,
        typer.Option("--policy-file", metavar="FILE", help="Try this one; that of the settings if left out."),
    ] = None,
    role: Annotated[
        list[str] | None, typer.Option("--role", metavar="ROLE", help="Only this persona; repeat it.")
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option("--rule", metavar="GLOB", help="Only these rules, such as 'nfvigil:alarms:*'; repeat it."),
    ] = None,
    caller: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="ROLE[,ROLE][:PROJECT]",
            help="Whether somebody with these roles may, and why. Ends with 5 if one of the rules says no.",
        ),
    ] = None,
    form: FormOption = Form.TABLE,
) -> None:
    """Who may do what through the API. What is wrong with a policy file is named, and ends with 1.

    'nfvigil policy' is about something else: what is decided when something fails.

    \b
      nfvigil policy-check --policy-file policy.yaml
      nfvigil policy-check --rule '*:acknowledge' --role member
      nfvigil policy-check --as manager:4f0c --rule nfvigil:instructions:instruct
    """
    permissions = _permissions(config, policy_file)
    for warning in permissions.warnings():
        complain(f"mind: {warning}")
    chosen = [one for one in permissions.rules.values() if _fits(one.name, rule)]
    if not chosen:
        raise NotFoundError(f"no rule is called {' or '.join(rule or [])}")
    if caller is not None:
        _answer(permissions, chosen, _somebody(caller), form)
        return
    from nfvigil.northbound.rules.rule import CALLERS

    personas = list(CALLERS)
    if wrong := [one for one in role or [] if one not in personas]:
        raise RefusedError(
            "the role is wrong", [FieldError("role", f"{one} is none of {', '.join(personas)}") for one in wrong]
        )
    shown = [one for one in personas if not role or one in role]
    rows = [_row(permissions, one, shown) for one in chosen]
    columns = [Column("RULE", lambda row: row["rule"].removeprefix("nfvigil:"), shrink=True)]
    columns += [_persona_column(name) for name in shown]
    emit(rows, form, lambda items: table(items, columns))


def policy_sample() -> None:
    """Every rule with its default, as a policy file to begin with: take out the '#' of what you change.

    \b
      nfvigil policy-sample > policy.yaml
    """
    say(sample(rules_of_this_version()).rstrip("\n"))


def rules_of_this_version() -> tuple[Rule, ...]:
    """Of every route and door, those of installed formats with them."""
    from typing import cast

    from nfvigil.northbound.api import all_rules
    from nfvigil.southbound.doors import Guard, routes
    from nfvigil.southbound.formats import load_formats
    from nfvigil.southbound.intake import Intake
    from nfvigil.southbound.masakari import MasakariDoor, masakari_routes

    async def nobody() -> None:
        """Stands where a door would."""

    doors = routes(intake=cast(Intake, None), guard=cast(Guard, None), formats=load_formats())
    return all_rules([*doors, *masakari_routes(cast(MasakariDoor, nobody))])


def sample(rules: tuple[Rule, ...]) -> str:
    """As oslo.policy's own tool writes it: texts and operations as comments, and every rule commented out."""
    from nfvigil.northbound.rules.rule import PERSONAS

    parts = [f'#"{name}": "{check}"\n' for name, check in PERSONAS.items()]
    for rule in rules:
        operations = "".join(
            f"# {method:<7}{path}\n" for method, _, path in (one.partition(" ") for one in rule.operations)
        )
        parts.append(f'# {rule.text or rule.name}\n{operations}#"{rule.name}": "{rule.check}"\n')
    return "\n".join(parts)


def _permissions(config: Path | None, policy_file: Path | None) -> Permissions:
    from nfvigil.northbound.rules.file import read_file
    from nfvigil.northbound.rules.permissions import Permissions
    from nfvigil.settings import load

    path = policy_file or load(config).access.policy_file
    return Permissions(rules_of_this_version(), read_file(path))


def _fits(name: str, globs: list[str] | None) -> bool:
    return not globs or any(fnmatchcase(name, glob) for glob in globs)


def _row(permissions: Permissions, rule: Rule, personas: list[str]) -> dict[str, Any]:
    takers = permissions.takers(rule.name)
    return {
        "rule": rule.name,
        "check": permissions.checks[rule.name],
        "is_overridden": rule.name in permissions.overrides,
        "operations": list(rule.operations),
        "text": rule.text,
        "may": {name: name in takers for name in personas},
    }


def _persona_column(name: str) -> Column:
    return Column(name.upper().replace("_", " "), lambda row: "yes" if row["may"][name] else "-")


def _somebody(given: str) -> Identity:
    """``manager,creator:project`` as a caller; the first role of ours counts as its strongest."""
    from nfvigil.model.identity import Identity, Role

    names, _, project = given.partition(":")
    roles = tuple(one for one in names.split(",") if one)
    ours = [Role.READER if one == "system_reader" else Role(one) for one in roles if one in {*Role, "system_reader"}]
    if not ours:
        raise RefusedError("the caller is wrong", [FieldError("as", f"names none of the roles {', '.join(Role)}")])
    sees_all = "system_reader" in roles or project == "all"
    named = tuple("reader" if one == "system_reader" else one for one in roles)
    return Identity(
        name=given, project=None if sees_all else project or None, role=ours[0], roles=named, sees_all=sees_all
    )


def _answer(permissions: Permissions, chosen: list[Rule], caller: Identity, form: Form) -> None:
    answers = [
        {
            "rule": rule.name,
            "may": permissions.may(rule.name, caller),
            "why": [
                {"rule": name, "check": check, "from": "policy file" if changed else "default", "fits": fits}
                for name, check, changed, fits in permissions.reasons(rule.name, caller)
            ],
        }
        for rule in chosen
    ]
    emit(answers, form, _draw)
    if not all(one["may"] for one in answers):
        raise typer.Exit(Code.FORBIDDEN)


def _draw(answers: list[dict[str, Any]]) -> None:
    for one in answers:
        say(f"{one['rule']}: {'yes' if one['may'] else 'no'}")
        table(one["why"], REASON_COLUMNS, indent="  ")
