"""The read side: tables that are thrown away and rebuilt from the ledger alone."""
