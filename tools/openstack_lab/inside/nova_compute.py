"""nova-compute with the hypervisor of drivers/ beside those of Nova, which looks for them in nova.virt only."""

import sys
from pathlib import Path

from nova import virt
from nova.cmd import compute
from nova.servicegroup import api

virt.__path__.append(str(Path(__file__).resolve().parent / "drivers"))
# It says that it lives as soon as it does, not 5 s later.
api.INITIAL_REPORTING_DELAY = 0
sys.argv[0] = "nova-compute"
compute.main()
