"""Model weights an operator installs: fetched from a hub at a pinned revision, checked, and described for `tanoshi doctor`."""
