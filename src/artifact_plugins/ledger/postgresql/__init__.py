"""A ledger on a PostgreSQL server.

database.py    the database: reads, transactions, repeats
pool.py        the few connections that threads take turns with; what a fork leaves
bulk.py        many rows in one statement
opening.py     connects, looks before it makes tables
place.py       what its URL may say
failures.py    SQLSTATEs as named errors
"""
