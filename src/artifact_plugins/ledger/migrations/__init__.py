"""How a ledger of an older release becomes one of this: Alembic, inside the package.

run.py         brings one open database to the newest schema
env.py         what Alembic runs: the migrations in the caller's transaction
versions/      one file for each number of `schema.SCHEMA_VERSION`

A new schema: change `schema.py`, raise `SCHEMA_VERSION`, add the next file here
and run `python -m artifact_plugins.ledger.compile`. A ledger that is made anew
never comes here, and one that is up to date imports nothing of this.
"""
