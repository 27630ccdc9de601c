"""The demonstration, on short stretches of its recorded day."""
