"""The drivers: how one kind of cloud is read and acted upon."""
