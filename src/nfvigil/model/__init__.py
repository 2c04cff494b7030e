"""The words of the system. Nothing in here does I/O, reads a clock or imports a stage."""
