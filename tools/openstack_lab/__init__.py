"""A real OpenStack control plane on loopback, with fake hypervisors, for tests and for trying things out.

Keystone, Placement, Glance, Nova, Neutron (and Aodh, if asked for) of Debian 12 run as ordinary processes against a
RabbitMQ and a MariaDB of their own. All state lies in one folder, all sockets on 127.0.0.1; nothing is written to
/etc, nothing is a system service, and nothing runs on after "lab down". See docs/how-to/run-the-openstack-lab.md.
"""
