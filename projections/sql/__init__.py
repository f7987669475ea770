"""The read models as relations of a database, for dashboards: which there are, their columns, and their rows."""
