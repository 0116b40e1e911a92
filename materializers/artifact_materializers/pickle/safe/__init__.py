"""Plain values out of a pickle that nobody vouches for; nothing it names is ever called.

reading.py     load_safely: looks at the whole stream, then builds the value
tokens.py      the opcodes of a stream, with limits
look.py        the first pass: every opcode and every name is on the list
machine.py     the second pass: a stack machine that builds values with makers
weights.py     how much a value is, counted as `repr` or `==` would walk it
makers.py      Maker, Draft: what stands for a name of the list
listed.py      the list: exact pairs of module and name
plain.py       makers of plain Python, times, numbers, collections
arrays.py      makers of numpy dtypes, arrays and scalars
indexes.py     makers of pandas indexes and scalars
columns.py     makers of pandas extension arrays and their dtypes
frames.py      makers of pandas series and frames
texts.py       makers of Arrow strings, as pandas holds them

A pickle is a program. Python's Unpickler runs it by calling what it names;
here, a name is a key into a table of our own makers. A maker validates every
argument and calls a public constructor that validates again. The hooks that a
pickle would drive (`__setstate__`, `__reduce__`, `__dict__`) are never used,
because with hostile input they are not safe even on listed classes:
`numpy.dtype.__setstate__` takes field offsets behind the end of an item and
flags that make numbers look like object pointers; `_unpickle_block` of pandas
takes column positions that its compiled code writes to unchecked; `BUILD` on a
class sets attributes for the whole process; `bytearray(10**12)` fills memory.

Off the list on purpose: `getattr`, `operator`, `functools`, everything with a
dotted name, time zones by name (they pickle as `getattr`), long doubles,
masked arrays, sparse arrays, Arrow types other than strings, values that
contain themselves, and protocols below 4.
"""
