"""nova-compute with the hypervisor of drivers/ beside those of Nova, which looks for them in nova.virt only."""

import sys
from pathlib import Path

from nova import virt
from nova.cmd import compute

virt.__path__.append(str(Path(__file__).resolve().parent / "drivers"))
sys.argv[0] = "nova-compute"
compute.main()
