"""One file for each schema; Alembic reads them by name and in the order they tell."""
