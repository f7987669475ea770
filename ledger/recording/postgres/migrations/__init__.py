"""What the database of ledgers is made of, in steps: Alembic's environment and its revisions."""
