"""The materializers of Python's own types: documents, paths and streams.

document.py     DocumentMaterializer: any nesting of plain values and objects, as one JSON document
path.py         PathMaterializer: a file or a whole directory
stream.py       StreamMaterializer: what a generator yields, in bounded memory

encode.py       a value to the bytes of a document, and why it cannot be
decode.py       the bytes of a document to a value
state.py        what one encoding or decoding knows, and the tables by type and by tag
plain.py        what is JSON as it is, one cell or many at once
scalars.py      numbers, text, bytes, times, patterns
containers.py   list, tuple, dict, set, deque and their relatives
families.py     the families of classes that documents understand
classes.py      references to classes of users: which there are, what is refused
objects.py      dataclasses and attrs classes
models.py       pydantic models
columns.py      objects of one class as columns of their fields, and back
members.py      enums and NamedTuples
families.py     which of these a class belongs to
parts.py        the elements of a materializer that no session has equipped: none
memory_files.py files of an embedded element, in memory
attachments.py  elements that lie beside the document or are embedded in it
json_text.py    strict JSON and its limits
parts.py        the parts of a materializer that no session has equipped
memory_files.py a few bytes in memory as the files of a version
locate.py       where in a value something lies; cycles and depth
equality.py     deep, type-strict, NaN-aware comparison
pretty.py       what people see of a value
"""

from __future__ import annotations

from collections.abc import Sequence

from artifact_plugins import MaterializerOffer, hookimpl

_DOCUMENT_TYPES = (
    # The first three have no public name in `builtins`; both spellings are met.
    "types:NoneType",
    "types:EllipsisType",
    "types:NotImplementedType",
    "builtins:NoneType",
    "builtins:ellipsis",
    "builtins:NotImplementedType",
    "builtins:bool",
    "builtins:int",
    "builtins:float",
    "builtins:complex",
    "builtins:str",
    "builtins:bytes",
    "builtins:bytearray",
    "builtins:range",
    "builtins:slice",
    "builtins:list",
    "builtins:tuple",
    "builtins:dict",
    "builtins:set",
    "builtins:frozenset",
    "collections:deque",
    "collections:OrderedDict",
    "collections:defaultdict",
    "collections:Counter",
    "datetime:datetime",
    "datetime:date",
    "datetime:time",
    "datetime:timedelta",
    "datetime:timezone",
    "zoneinfo:ZoneInfo",
    "decimal:Decimal",
    "fractions:Fraction",
    "uuid:UUID",
    "re:Pattern",
    "pathlib:PurePosixPath",
    "pathlib:PureWindowsPath",
)


@hookimpl
def register_materializers() -> Sequence[MaterializerOffer]:
    """Offer `python.document`, `python.path` and `python.stream`."""
    return (
        MaterializerOffer(
            key="python.document",
            target="artifact_materializers.python.document:DocumentMaterializer",
            format="document/2",
            reads=("document/1",),
            types=_DOCUMENT_TYPES,
            kinds=("dataclass", "pydantic", "enum", "namedtuple", "attrs"),
        ),
        MaterializerOffer(
            key="python.path",
            target="artifact_materializers.python.path:PathMaterializer",
            format="directory/1",
            types=("pathlib:PosixPath", "pathlib:WindowsPath", "pathlib:Path"),
        ),
        MaterializerOffer(
            key="python.stream",
            target="artifact_materializers.python.stream:StreamMaterializer",
            format="stream/1",
            types=("types:GeneratorType", "builtins:generator"),
            kinds=("iterator",),
        ),
    )
