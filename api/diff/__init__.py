"""Two histories of one trial, compared: two bundles, two ledgers, or one of each. `docs/restoring.md`, section 4."""
