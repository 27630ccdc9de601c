"""The whole controller on recorded load and recorded jobs, in simulated time, beside three baselines."""
