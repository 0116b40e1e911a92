"""A ledger in a SQLite file, or in memory.

database.py    connections per thread, transactions; gate.py: one writer at a time
opening.py     looks before it writes; place.py, filesystem.py: where it may lie
failures.py    errors of sqlite3 as named errors
"""
