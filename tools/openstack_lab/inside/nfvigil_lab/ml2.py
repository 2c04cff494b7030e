"""Binds every port, on whatever host, at once: stands for an L2 agent that always works.

Neutron's own drivers want a live agent on the port's host. A port bound here has VIF type ovs and becomes ACTIVE, upon
which Neutron tells Nova "network-vif-plugged", as in production.
"""

from neutron_lib import constants, context
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins import directory
from neutron_lib.plugins.ml2 import api


class LabMechanismDriver(api.MechanismDriver):
    connectivity = portbindings.CONNECTIVITY_L2

    def initialize(self):
        """There is nothing to connect to."""

    def bind_port(self, port_context):
        segments = port_context.segments_to_bind
        if segments:
            details = {
                portbindings.CAP_PORT_FILTER: True,
                portbindings.VIF_DETAILS_CONNECTIVITY: self.connectivity,
            }
            port_context.set_binding(
                segments[0][api.ID], portbindings.VIF_TYPE_OVS, details, status=constants.PORT_STATUS_ACTIVE
            )

    def update_port_postcommit(self, port_context):
        # A live migration activates the binding on the new host, and Neutron calls the port DOWN until the agent there
        # says otherwise.
        port = port_context.current
        is_bound = port_context.vif_type == portbindings.VIF_TYPE_OVS and port_context.host
        if is_bound and port["admin_state_up"] and port["status"] == constants.PORT_STATUS_DOWN:
            directory.get_plugin().update_port_status(
                context.get_admin_context(), port["id"], constants.PORT_STATUS_ACTIVE, port_context.host
            )
