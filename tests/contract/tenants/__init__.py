"""What every world holds of the tenants' ports. It runs before the suite beside it, which fills the lab's one node."""
