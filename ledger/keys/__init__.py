"""The keys of a ledger: where they lie, how they are wrapped, rotated and destroyed."""
