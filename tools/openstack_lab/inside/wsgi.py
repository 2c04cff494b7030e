"""Serves a WSGI application on loopback: wsgi.py PROGRAM PORT MODULE:FACTORY [ARGUMENT...]

With waitress, as uWSGI with threads lost requests when many came at once. The port is open before the application is
loaded: who comes early waits for the answer, while some of Nova's services end when they are refused.
"""

import socket
import sys
from importlib import import_module

import waitress

program, port, entry_point, *arguments = sys.argv[1:]
door = socket.create_server(("127.0.0.1", int(port)), backlog=128)
sys.argv = [program, *arguments]  # where some applications look for --config-file
module, _, factory = entry_point.partition(":")
waitress.serve(getattr(import_module(module), factory)(), sockets=[door], threads=8, ident=program)
