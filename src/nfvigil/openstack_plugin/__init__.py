"""``openstack nfv ...``: the same service through the OpenStack client, with its credentials and its forms."""
