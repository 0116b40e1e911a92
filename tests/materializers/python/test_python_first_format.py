"""Documents written by the first version of the format still load."""

from __future__ import annotations

import math
from collections import deque
from datetime import UTC, datetime

import pytest
import python_samples as samples

from artifact_materializers.python import register_materializers
from artifact_materializers.python.document import DocumentMaterializer
from artifact_materializers.python.equality import deep_equal

# What was saved, and below the bytes that `document/1` made of it.
VALUES = {
    "dataclasses": [
        samples.Record(i, f"name-{i}", i / 7, ["a", str(i)], {"k": i}) for i in range(9)
    ],
    "frozen in a tuple": tuple(samples.Frozen(i, (i,)) for i in range(8)),
    "slots": [samples.Slotted(i) for i in range(8)],
    "attrs": [samples.Still(i, None) for i in range(8)],
    "models": [samples.Order(number=i) for i in range(8)],
    "namedtuples": deque([samples.Pair(i, 2**64 + i) for i in range(8)]),
    "members": [*samples.Color] * 4,
    "nested": {"a": [samples.Node(samples.Single(i), [samples.Pair(i)]) for i in range(8)]},
    "not finite": [samples.Frozen(math.inf if i == 4 else i, "NaN") for i in range(8)],
    "surrogate": [samples.Single("\ud800")] * 8,
    "some fields": [samples.Order.model_construct(note="x")] * 2,
    "parts": [samples.Node(samples.Foreign(bytes([i]))) for i in range(8)],
    "times": [samples.Single(datetime(2020, 1, 1, i, tzinfo=UTC)) for i in range(8)],
}
WRITTEN = {
    "dataclasses": (
        b'{"classes":[{"$":"class","kind":"dataclass","name":"python_samples:Record","fields":'
        b'["ident","name","score","tags","extra"]}],"value":[{"$":0,"v":[0,"name-0",0.0,["a","'
        b'0"],{"k":0}]},{"$":0,"v":[1,"name-1",0.14285714285714285,["a","1"],{"k":1}]},{"$":0,'
        b'"v":[2,"name-2",0.2857142857142857,["a","2"],{"k":2}]},{"$":0,"v":[3,"name-3",0.4285'
        b'7142857142855,["a","3"],{"k":3}]},{"$":0,"v":[4,"name-4",0.5714285714285714,["a","4"'
        b'],{"k":4}]},{"$":0,"v":[5,"name-5",0.7142857142857143,["a","5"],{"k":5}]},{"$":0,"v"'
        b':[6,"name-6",0.8571428571428571,["a","6"],{"k":6}]},{"$":0,"v":[7,"name-7",1.0,["a",'
        b'"7"],{"k":7}]},{"$":0,"v":[8,"name-8",1.1428571428571428,["a","8"],{"k":8}]}]}'
    ),
    "frozen in a tuple": (
        b'{"classes":[{"$":"class","kind":"dataclass","name":"python_samples:Frozen","fields":'
        b'["a","b"]}],"value":{"$":"tuple","v":[{"$":0,"v":[0,{"$":"tuple","v":[0]}]},{"$":0,"'
        b'v":[1,{"$":"tuple","v":[1]}]},{"$":0,"v":[2,{"$":"tuple","v":[2]}]},{"$":0,"v":[3,{"'
        b'$":"tuple","v":[3]}]},{"$":0,"v":[4,{"$":"tuple","v":[4]}]},{"$":0,"v":[5,{"$":"tupl'
        b'e","v":[5]}]},{"$":0,"v":[6,{"$":"tuple","v":[6]}]},{"$":0,"v":[7,{"$":"tuple","v":['
        b'7]}]}]}}'
    ),
    "slots": (
        b'{"classes":[{"$":"class","kind":"dataclass","name":"python_samples:Slotted","fields"'
        b':["a","b"]}],"value":[{"$":0,"v":[0,2]},{"$":0,"v":[1,2]},{"$":0,"v":[2,2]},{"$":0,"'
        b'v":[3,2]},{"$":0,"v":[4,2]},{"$":0,"v":[5,2]},{"$":0,"v":[6,2]},{"$":0,"v":[7,2]}]}'
    ),
    "attrs": (
        b'{"classes":[{"$":"class","kind":"attrs","name":"python_samples:Still","fields":["x",'
        b'"y"]}],"value":[{"$":0,"v":[0,null]},{"$":0,"v":[1,null]},{"$":0,"v":[2,null]},{"$":'
        b'0,"v":[3,null]},{"$":0,"v":[4,null]},{"$":0,"v":[5,null]},{"$":0,"v":[6,null]},{"$":'
        b'0,"v":[7,null]}]}'
    ),
    "models": (
        b'{"classes":[{"$":"class","kind":"pydantic","name":"python_samples:Order","fields":["'
        b'number","items","note"]}],"value":[{"$":0,"v":[0,[],null],"set":["number"]},{"$":0,"'
        b'v":[1,[],null],"set":["number"]},{"$":0,"v":[2,[],null],"set":["number"]},{"$":0,"v"'
        b':[3,[],null],"set":["number"]},{"$":0,"v":[4,[],null],"set":["number"]},{"$":0,"v":['
        b'5,[],null],"set":["number"]},{"$":0,"v":[6,[],null],"set":["number"]},{"$":0,"v":[7,'
        b'[],null],"set":["number"]}]}'
    ),
    "namedtuples": (
        b'{"classes":[{"$":"class","kind":"namedtuple","name":"python_samples:Pair","fields":['
        b'"left","right"]}],"value":{"$":"deque","v":[{"$":0,"v":[0,{"$":"int","v":"0x10000000'
        b'000000000"}]},{"$":0,"v":[1,{"$":"int","v":"0x10000000000000001"}]},{"$":0,"v":[2,{"'
        b'$":"int","v":"0x10000000000000002"}]},{"$":0,"v":[3,{"$":"int","v":"0x10000000000000'
        b'003"}]},{"$":0,"v":[4,{"$":"int","v":"0x10000000000000004"}]},{"$":0,"v":[5,{"$":"in'
        b't","v":"0x10000000000000005"}]},{"$":0,"v":[6,{"$":"int","v":"0x10000000000000006"}]'
        b'},{"$":0,"v":[7,{"$":"int","v":"0x10000000000000007"}]}],"maxlen":null}}'
    ),
    "members": (
        b'{"classes":[{"$":"class","kind":"enum","name":"python_samples:Color","fields":[]}],"'
        b'value":[{"$":0,"v":"RED"},{"$":0,"v":"BLUE"},{"$":0,"v":"RED"},{"$":0,"v":"BLUE"},{"'
        b'$":0,"v":"RED"},{"$":0,"v":"BLUE"},{"$":0,"v":"RED"},{"$":0,"v":"BLUE"}]}'
    ),
    "nested": (
        b'{"classes":[{"$":"class","kind":"dataclass","name":"python_samples:Node","fields":["'
        b'value","other"]},{"$":"class","kind":"dataclass","name":"python_samples:Single","fie'
        b'lds":["only"]},{"$":"class","kind":"namedtuple","name":"python_samples:Pair","fields'
        b'":["left","right"]}],"value":{"a":[{"$":0,"v":[{"$":1,"v":[0]},[{"$":2,"v":[0,null]}'
        b']]},{"$":0,"v":[{"$":1,"v":[1]},[{"$":2,"v":[1,null]}]]},{"$":0,"v":[{"$":1,"v":[2]}'
        b',[{"$":2,"v":[2,null]}]]},{"$":0,"v":[{"$":1,"v":[3]},[{"$":2,"v":[3,null]}]]},{"$":'
        b'0,"v":[{"$":1,"v":[4]},[{"$":2,"v":[4,null]}]]},{"$":0,"v":[{"$":1,"v":[5]},[{"$":2,'
        b'"v":[5,null]}]]},{"$":0,"v":[{"$":1,"v":[6]},[{"$":2,"v":[6,null]}]]},{"$":0,"v":[{"'
        b'$":1,"v":[7]},[{"$":2,"v":[7,null]}]]}]}}'
    ),
    "not finite": (
        b'{"classes":[{"$":"class","kind":"dataclass","name":"python_samples:Frozen","fields":'
        b'["a","b"]}],"value":[{"$":0,"v":[0,"NaN"]},{"$":0,"v":[1,"NaN"]},{"$":0,"v":[2,"NaN"'
        b']},{"$":0,"v":[3,"NaN"]},{"$":0,"v":[{"$":"float","v":"inf"},"NaN"]},{"$":0,"v":[5,"'
        b'NaN"]},{"$":0,"v":[6,"NaN"]},{"$":0,"v":[7,"NaN"]}]}'
    ),
    "surrogate": (
        b'{"classes":[{"$":"class","kind":"dataclass","name":"python_samples:Single","fields":'
        b'["only"]}],"value":[{"$":0,"v":[{"$":"str","v":"7aCA"}]},{"$":0,"v":[{"$":"str","v":'
        b'"7aCA"}]},{"$":0,"v":[{"$":"str","v":"7aCA"}]},{"$":0,"v":[{"$":"str","v":"7aCA"}]},'
        b'{"$":0,"v":[{"$":"str","v":"7aCA"}]},{"$":0,"v":[{"$":"str","v":"7aCA"}]},{"$":0,"v"'
        b':[{"$":"str","v":"7aCA"}]},{"$":0,"v":[{"$":"str","v":"7aCA"}]}]}'
    ),
    "some fields": (
        b'{"classes":[{"$":"class","kind":"pydantic","name":"python_samples:Order","fields":["'
        b'number","items","note"]}],"value":[{"$":0,"some":[["items",[]],["note","x"]],"set":['
        b'"note"]},{"$":0,"some":[["items",[]],["note","x"]],"set":["note"]}]}'
    ),
    "parts": (
        b'{"classes":[{"$":"class","kind":"dataclass","name":"python_samples:Node","fields":["'
        b'value","other"]}],"value":[{"$":0,"v":[{"$":"part","n":0,"materializer":"fake","form'
        b'at":"fake/1","data_type":"Foreign","options":{},"files":{"payload.bin":"AA=="}},null'
        b']},{"$":0,"v":[{"$":"part","n":1,"materializer":"fake","format":"fake/1","data_type"'
        b':"Foreign","options":{},"files":{"payload.bin":"AQ=="}},null]},{"$":0,"v":[{"$":"par'
        b't","n":2,"materializer":"fake","format":"fake/1","data_type":"Foreign","options":{},'
        b'"files":{"payload.bin":"Ag=="}},null]},{"$":0,"v":[{"$":"part","n":3,"materializer":'
        b'"fake","format":"fake/1","data_type":"Foreign","options":{},"files":{"payload.bin":"'
        b'Aw=="}},null]},{"$":0,"v":[{"$":"part","n":4,"materializer":"fake","format":"fake/1"'
        b',"data_type":"Foreign","options":{},"files":{"payload.bin":"BA=="}},null]},{"$":0,"v'
        b'":[{"$":"part","n":5,"materializer":"fake","format":"fake/1","data_type":"Foreign","'
        b'options":{},"files":{"payload.bin":"BQ=="}},null]},{"$":0,"v":[{"$":"part","n":6,"ma'
        b'terializer":"fake","format":"fake/1","data_type":"Foreign","options":{},"files":{"pa'
        b'yload.bin":"Bg=="}},null]},{"$":0,"v":[{"$":"part","n":7,"materializer":"fake","form'
        b'at":"fake/1","data_type":"Foreign","options":{},"files":{"payload.bin":"Bw=="}},null'
        b']}]}'
    ),
    "times": (
        b'{"classes":[{"$":"class","kind":"dataclass","name":"python_samples:Single","fields":'
        b'["only"]}],"value":[{"$":0,"v":[{"$":"datetime","v":"2020-01-01T00:00:00","zone":{"$'
        b'":"timezone","v":[[0,0,0]]}}]},{"$":0,"v":[{"$":"datetime","v":"2020-01-01T01:00:00"'
        b',"zone":{"$":"timezone","v":[[0,0,0]]}}]},{"$":0,"v":[{"$":"datetime","v":"2020-01-0'
        b'1T02:00:00","zone":{"$":"timezone","v":[[0,0,0]]}}]},{"$":0,"v":[{"$":"datetime","v"'
        b':"2020-01-01T03:00:00","zone":{"$":"timezone","v":[[0,0,0]]}}]},{"$":0,"v":[{"$":"da'
        b'tetime","v":"2020-01-01T04:00:00","zone":{"$":"timezone","v":[[0,0,0]]}}]},{"$":0,"v'
        b'":[{"$":"datetime","v":"2020-01-01T05:00:00","zone":{"$":"timezone","v":[[0,0,0]]}}]'
        b'},{"$":0,"v":[{"$":"datetime","v":"2020-01-01T06:00:00","zone":{"$":"timezone","v":['
        b'[0,0,0]]}}]},{"$":0,"v":[{"$":"datetime","v":"2020-01-01T07:00:00","zone":{"$":"time'
        b'zone","v":[[0,0,0]]}}]}]}'
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_document_of_the_first_format_loads(document, files, name):
    """Bytes of `document/1` give the value that was saved, type for type."""
    files.content["value.json"] = WRITTEN[name]

    loaded = document.load_files(files, object)

    assert deep_equal(loaded, VALUES[name])


@pytest.mark.parametrize("name", VALUES)
def test_value_of_an_old_document_is_written_anew(document, new_files, name):
    """What an old document holds can be saved again, now by columns, and is still the same."""
    old, new = new_files(), new_files()
    old.content["value.json"] = WRITTEN[name]

    document.save_files(document.load_files(old, object), new)

    assert deep_equal(document.load_files(new, object), VALUES[name])


def test_reader_declares_the_first_format():
    """The offer and the class both say that documents of the first format are read."""
    offer = register_materializers()[0]

    assert (offer.format, DocumentMaterializer.format) == ("document/2", "document/2")
    assert offer.reads == DocumentMaterializer.reads == ("document/1",)


def test_version_of_the_first_format_loads(artifact_session):
    """A record that says `document/1` is loaded by the installed materializer."""
    value = [samples.Single(1)]
    version = artifact_session.save(value, "old")
    old = version.model_copy(update={"format": "document/1"})

    assert artifact_session.loader.load(old) == value
    assert artifact_session.loader.load(old, list) == value
