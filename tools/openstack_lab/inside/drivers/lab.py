"""A fake hypervisor whose guests outlive its nova-compute, as those of a real one do.

Nova's own keeps them in memory: started again it knows none, and an instance there can never be stopped or moved.
"""

from nova import context, objects
from nova.compute import power_state
from nova.virt import fake


class LabDriver(fake.MediumFakeDriver):
    """Has room for many guests, and knows them again."""

    vcpus = 64
    memory_mb = 262144
    local_gb = 4096

    def init_host(self, host):
        super().init_host(host)
        for instance in objects.InstanceList.get_by_host(context.get_admin_context(), host):
            # One without a power state was not started yet.
            if instance.power_state not in (None, power_state.NOSTATE):
                guest = fake.FakeInstance(instance.name, instance.power_state, instance.uuid)
                self.instances[instance.uuid] = guest

    def post_live_migration(self, context, instance, block_device_info, migrate_data=None):
        # Otherwise the guest stays on the source as well, and cannot come back.
        self.destroy(context, instance, network_info=None, block_device_info=block_device_info)

    def get_host_uptime(self):
        # Without one, each listing of the hypervisors sends an error notification.
        return "00:00:00 up 1 day,  0:00,  0 users,  load average: 0.00, 0.00, 0.00"
