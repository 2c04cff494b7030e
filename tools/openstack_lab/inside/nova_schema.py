"""Makes Nova's databases and cells: nova_schema.py CONFIG...

What four runs of nova-manage do (api_db sync, cell_v2 map_cell0, cell_v2 create_cell, db sync), but loading Nova takes
longer than the work.
"""

import sys

from nova import config, objects
from nova.cmd.manage import CONF, ApiDbCommands, CellV2Commands, DbCommands

ALREADY_THERE = 2

config.parse_args(["nova-manage", *(f"--config-file={path}" for path in sys.argv[1:])])
objects.register_all()
cells = CellV2Commands()
codes = [
    ApiDbCommands().sync(),
    cells.map_cell0(database_connection=CONF.database.connection.replace("/nova?", "/nova_cell0?")),
    cells.create_cell(name="cell1"),
    DbCommands().sync(),
]
sys.exit(next((code for code in codes if code not in (None, 0, ALREADY_THERE)), 0))
