"""Publishing the read models as relations of a database, for dashboards, and keeping them up to the ledger's head."""
