"""Alembic's environment: one connection, given by `migrating.py`; a revision is made whole or not at all."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table="version",
    version_table_schema="trial_ledger",
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
