"""The API of OpenStack's Aodh for event alarms, so that its clients work as they are."""
