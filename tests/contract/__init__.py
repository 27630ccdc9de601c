"""One suite for the two ports, against the simulated world, against it over HTTP, and against the lab."""
