"""Runs a console entry point of an installed package: entry.py PROGRAM MODULE:FUNCTION [ARGUMENT...]

Debian's python3-* packages hold the services without their executables. Those come with packages that make users,
databases and system services as well.
"""

import sys
from importlib import import_module

program, entry_point, *arguments = sys.argv[1:]
module, _, function = entry_point.partition(":")
sys.argv = [program, *arguments]
sys.exit(getattr(import_module(module), function)())
