"""The record of a VNF that somebody tells of: what is known of its servers stays, what is new has yet to be seen.

Pure: no store, no clock.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from nfvigil.model.vnf import Vnf, Vnfc
from nfvigil.model.vnf_record import Vdu, VnfRecord
from nfvigil.vnf.named import named
from nfvigil.vnf.rules import is_gone

VimOf = Callable[[str, str], str]
"""(project, server) -> the cloud in which the project's server is known to be, or ""."""


def aligned(
    vnf: Vnf,
    before: VnfRecord | None,
    given: VnfRecord | None = None,
    *,
    vim_of: VimOf,
    at_us: int,
    lets_go: bool = False,
) -> VnfRecord:
    """``before`` itself where it fits already. ``given`` is what a document says of servers that it knows. With
    ``lets_go``, all that is wanted is named: interfaces that are gone, and not named, go.
    """
    known = _by_server(before)
    said = {server: _unproven(vdu) for server, vdu in _by_server(given).items()}
    vdus = tuple(
        named(
            _vdu(vnf.project, one, known.get(one.server) or said.get(one.server), vim_of),
            one.interfaces,
            lets_go=lets_go,
        )
        for one in vnf.vnfcs
    )
    if before is not None and before.vdus == vdus:
        return before
    address = before.ip_address if before is not None else given.ip_address if given is not None else ""
    return VnfRecord(project=vnf.project, id=vnf.id, ip_address=address, vdus=vdus, changed_us=at_us)


def _by_server(record: VnfRecord | None) -> dict[str, Vdu]:
    return {vdu.server: vdu for vdu in record.vdus} if record is not None else {}


def _vdu(project: str, vnfc: Vnfc, known: Vdu | None, vim_of: VimOf) -> Vdu:
    known = known or Vdu(id=vnfc.id, server=vnfc.server)
    vim = known.vim or vim_of(project, vnfc.server)
    if (known.id, known.vdu, known.vim) != (vnfc.id, vnfc.vdu, vim):
        known = replace(known, id=vnfc.id, vdu=vnfc.vdu, vim=vim)
    return known


def _unproven(vdu: Vdu) -> Vdu:
    """What a document says to be gone is asked for: our own alarms rest on what the cloud says."""
    if vdu.is_deleted:
        interfaces = vdu.interfaces or vdu.interfaces_backup
        vdu = replace(vdu, status="", message="", interfaces=interfaces, interfaces_backup=())
    if any(map(is_gone, vdu.interfaces)):
        interfaces = tuple(replace(one, message="") if is_gone(one) else one for one in vdu.interfaces)
        vdu = replace(vdu, message="", interfaces=interfaces)
    return vdu
