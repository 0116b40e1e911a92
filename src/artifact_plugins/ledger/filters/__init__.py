"""The query language: `name == "model" and metadata["rmse"] < 0.3 and "prod" in tags`.

search.py      prepare and find: the door of this room
fields.py      kinds of records, their fields and functions: a further kind is one entry
source.py      the text, its bounds, the caret under what is wrong
parse.py       from text to a checked tree, by the stdlib's `ast`; nothing is evaluated
literals.py    values in the text or handed over beside it; patterns.py: those of `matches`
tree.py        the nodes of the checked tree
where.py       from the tree to a condition of SQLAlchemy
json_views.py  places inside JSON, for each SQL dialect
linked.py      functions of links, such as `used_by_run`
order.py       keys of an order, and where the next page starts
page_sql.py    the SELECT of a page, and from which index it starts

Only the last five import SQLAlchemy; they are imported when a page is asked for.
"""

from artifact_plugins.ledger.filters.search import find, prepare

__all__ = ["find", "prepare"]
