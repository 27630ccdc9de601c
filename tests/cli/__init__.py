"""The command line, on the simulated world served over loopback HTTP."""
