"""Whose VNF is meant: the caller's, or the one that somebody who sees all names."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from fastapi import Query as QueryParameters
from pydantic import Field

from nfvigil.errors import FieldError, ForbiddenError, NotFoundError, RefusedError
from nfvigil.model.identity import Identity
from nfvigil.model.vnf import Vnf
from nfvigil.northbound.fields import Query, Text
from nfvigil.northbound.parts import Parts

VnfId = Annotated[Text, Path(description="The VNF instance's id.")]
OfWhom = Annotated[Text | None, Field(description="For administrators, where several projects have one of this id.")]


class OfProject(Query):
    project: OfWhom = None


Of = Annotated[OfProject, QueryParameters()]


def scope_of(caller: Identity, project: str | None) -> str | None:
    """The caller's own, or that of the project that one who sees all names."""
    if project is not None and caller.scope not in (None, project):
        raise NotFoundError("there is no such VNF")
    return project if project is not None else caller.scope


def find_vnf(parts: Parts, caller: Identity, vnf_id: str, project: str | None) -> Vnf:
    return parts.vnf.desk.vnf(vnf_id, scope_of(caller, project))


def owner_of(wanted: str | None, caller: Identity) -> str:
    """Whose a new one is to be."""
    if caller.is_admin:
        if not wanted:
            raise RefusedError("the VNF is wrong", [FieldError("project", "is needed: whose VNF it is")])
        return wanted
    if not caller.scope:
        raise ForbiddenError("your token speaks for no project, so it has no VNFs")
    if wanted is not None and wanted != caller.scope:
        raise ForbiddenError("you can only tell of your own VNFs", [FieldError("project", f"is not {caller.scope}")])
    return caller.scope
