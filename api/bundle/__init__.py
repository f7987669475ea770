"""Writing evidence bundles: what a role may see of a ledger, with all that it takes to verify it. `docs/bundle.md`."""
