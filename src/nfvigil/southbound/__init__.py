"""The way in: doors, formats, intake, and what is known of the infrastructure."""
