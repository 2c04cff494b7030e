"""What a VNF's user says of its interfaces, on the record."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from nfvigil.model.vnf import Vnf, Vnfc, VnfcInterface
from nfvigil.model.vnf_record import DELETED, Interface, Vdu, VnfRecord
from nfvigil.vnf.aligned import aligned
from nfvigil.vnf.named import named, said_of

SEEN = Interface(port="p", network="n", ip_address="10.0.0.1")
NAMED = replace(SEEN, name="oam", manages_vdu=True)
OAM = VnfcInterface(port="p", name="oam", manages_vdu=True)
DATA = VnfcInterface(port="q", name="data")


@pytest.mark.parametrize(
    ("interfaces", "said", "found"),
    [
        pytest.param((SEEN,), (OAM,), (NAMED,), id="one that was seen"),
        pytest.param((SEEN,), (OAM, DATA), (NAMED, Interface(port="q", name="data")), id="one that was not seen yet"),
        pytest.param((NAMED,), (DATA,), (SEEN, Interface(port="q", name="data")), id="one that is not named any more"),
        pytest.param((NAMED,), (), (SEEN,), id="nothing is said any more"),
        pytest.param((), (OAM,), (Interface(port="p", name="oam", manages_vdu=True),), id="before the first listing"),
    ],
)
def test_interfaces_are_as_they_are_named(
    interfaces: tuple[Interface, ...], said: tuple[VnfcInterface, ...], found: tuple[Interface, ...]
) -> None:
    after = named(Vdu(id="c", server="s", interfaces=interfaces), said)

    assert after.interfaces == found
    assert named(after, said) is after
    assert said_of(after) == said


def test_of_a_server_that_is_gone_the_last_interfaces_are_named_and_none_come() -> None:
    gone = Vdu(id="c", server="s", status=DELETED, interfaces_backup=(SEEN,))

    after = named(gone, (OAM, DATA))

    assert (after.interfaces, after.interfaces_backup) == ((), (NAMED,))
    assert said_of(after) == (OAM,)


def test_a_record_follows_what_is_said_of_its_vnf() -> None:
    vnf = Vnf(id="v", project="A", vnfcs=(Vnfc(id="c", server="s", interfaces=(OAM,)),))
    record = aligned(vnf, None, vim_of=lambda project, server: "sim", at_us=1)

    assert record.vdus[0].interfaces == (Interface(port="p", name="oam", manages_vdu=True),)
    assert aligned(vnf, record, vim_of=lambda project, server: "sim", at_us=2) is record
    other = replace(vnf, vnfcs=(Vnfc(id="c", server="s"),))
    assert aligned(other, record, vim_of=lambda project, server: "sim", at_us=3).vdus[0].interfaces == (
        Interface(port="p"),
    )
    assert isinstance(record, VnfRecord)
