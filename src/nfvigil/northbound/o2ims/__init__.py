"""The O-RAN O2 IMS interface for alarms of the infrastructure (InfrastructureMonitoring 1.0.0).

It is the operator's: administrators, and those who may read everything.
"""

from __future__ import annotations

from nfvigil.northbound.o2ims import alarms, configuration, dictionary, subscriptions

ROUTERS = (
    alarms.read,
    alarms.administer,
    subscriptions.read,
    subscriptions.administer,
    configuration.read,
    configuration.administer,
    dictionary.read,
)
