"""The distribution, as a user installs it."""
