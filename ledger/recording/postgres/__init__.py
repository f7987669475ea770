"""The two books of a ledger in PostgreSQL: the same entries, for many users and many machines. `docs/postgresql.md`"""
