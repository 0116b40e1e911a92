from __future__ import annotations

import json
import pickle
import platform
from typing import Any

import pytest

from artifact_plugins.errors import ManifestInvalidError, ManifestTooLargeError, ResourceLimitError
from artifact_plugins.records import PluginSnapshot
from artifact_plugins.snapshots import make_snapshot, read_statement, statement_bytes
from artifact_plugins.snapshots.archive import Captured, pack, sha256
from artifact_plugins.snapshots.statement import MAX_STATEMENT_BYTES


def captured(**more: Any) -> Captured:
    given: dict[str, Any] = {
        "role": "plugin",
        "name": "acme",
        "roots": ["acme.plugin"],
        "libraries": {"numpy": "2.0"},
        "extensions": ["acme.plugin._fast"],
        "distribution": "acme",
        "distribution_version": "1.0",
    }
    members = {"acme/__init__.py": b"", "acme/plugin/__init__.py": b"", "acme/plugin/a.py": b"x"}
    return pack(more.pop("members", members), **given | more)


def project(name: str = "shop", **more: Any) -> Captured:
    given: dict[str, Any] = {"libraries": {"acme": "1.0", "pandas": "3.0"}} | more
    return pack({f"{name}.py": b"x"}, role="project", name=name, roots=[name], **given)


def snapshot(*parts: Captured) -> PluginSnapshot:
    return make_snapshot(
        plugin="acme",
        entry_object="acme.plugin.a:Frame",
        captured=parts or (captured(), project()),
    )


def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(statement_bytes(snapshot()))
    return found


def written(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def test_statement_is_read_back():
    """What is stated is what is read; the id is the digest of the bytes."""
    made = snapshot()
    data = statement_bytes(made)

    found = read_statement(data)

    assert found.model_copy(update={"created_at": made.created_at}) == made
    assert found.id == made.id == sha256(data)
    assert found.python_version == platform.python_version()
    assert written(document()) == data


def test_statement_says_what_it_is():
    """Type and role are inside, id and time are not."""
    found = document()

    assert found["_type"] == "https://artifact-plugins/snapshot/v1"
    assert found["role"] == "plugin-snapshot"
    assert "id" not in found and "created_at" not in found


def test_same_code_is_the_same_snapshot():
    """Captured again at another time, the id is the same."""
    assert snapshot().id == snapshot().id


@pytest.mark.parametrize("part", ["plugin", "entry", "code", "library", "extension", "version"])
def test_any_difference_is_another_snapshot(part: str):
    """Plugin, entry object, code, libraries and versions are all in the id."""
    base = make_snapshot(plugin="acme", entry_object="a:B", captured=[captured()]).id
    others = {
        "plugin": lambda: make_snapshot(plugin="b", entry_object="a:B", captured=[captured()]),
        "entry": lambda: make_snapshot(plugin="acme", entry_object="a:C", captured=[captured()]),
        "code": lambda: make_snapshot(
            plugin="acme", entry_object="a:B", captured=[captured(members={"acme/plugin/b.py": b""})]
        ),
        "library": lambda: make_snapshot(
            plugin="acme", entry_object="a:B", captured=[captured(libraries={"numpy": "2.1"})]
        ),
        "extension": lambda: make_snapshot(
            plugin="acme", entry_object="a:B", captured=[captured(extensions=[])]
        ),
        "version": lambda: make_snapshot(
            plugin="acme", entry_object="a:B", captured=[captured(distribution_version="1.1")]
        ),
    }  # fmt: skip

    assert others[part]().id != base


def test_libraries_are_merged():
    """The libraries of all parts count; what one part holds is no library of another."""
    whole = captured(roots=["acme"], members={"acme/__init__.py": b""})

    assert snapshot(captured(), project()).libraries == {
        "acme": "1.0",
        "numpy": "2.0",
        "pandas": "3.0",
    }
    assert snapshot(whole, project()).libraries == {"numpy": "2.0", "pandas": "3.0"}


def test_a_distribution_inside_an_archive_is_no_library():
    """A plugin whose distribution has another name than its package is no library either."""
    whole = captured(roots=["acme"], members={"acme/__init__.py": b""}, distribution="Acme_Tools.x")
    beside = captured(
        roots=["acme"],
        members={"acme/__init__.py": b""},
        distribution="acme-tools-x",
        libraries={"acme-tools-x": "1.0"},
    )
    other = project(libraries={"acme-tools-x": "1.0"})

    assert snapshot(whole, other).libraries == {"numpy": "2.0"}
    assert snapshot(beside, other).libraries == {"acme-tools-x": "1.0"}


def test_libraries_of_what_loading_imports_count():
    """Modules that a pickle imports are recorded with their versions."""
    found = make_snapshot(
        plugin="acme",
        entry_object="a:B",
        captured=[captured()],
        modules=["pydantic.main", "json", "builtins", "nowhere_at_all"],
    )

    assert found.libraries.keys() == {"numpy", "pydantic"}


def changed(**fields: Any) -> bytes:
    return written(document() | fields)


def in_archive(**fields: Any) -> bytes:
    found = document()
    found["archives"][0] |= fields
    return written(found)


def in_file(**fields: Any) -> bytes:
    found = document()
    found["archives"][0]["files"][0] |= fields
    return written(found)


def without(*path: Any) -> bytes:
    found = document()
    inside: Any = found
    for step in path[:-1]:
        inside = inside[step]
    del inside[path[-1]]
    return written(found)


GOOD = statement_bytes(snapshot())
FILES = document()["archives"][0]["files"]
BROKEN = {
    "nothing": (b"", "is not JSON"),
    "a list": (b"[]", "is not an object"),
    "no JSON": (b"{", "is not JSON"),
    "not ASCII": (GOOD.replace(b"numpy", "nümpy".encode()), "is not JSON in ASCII"),
    "not UTF-8": (GOOD.replace(b"numpy", b"n\xffmpy"), "is not JSON in ASCII"),
    "deep": (b"[" * 100_000, "is not JSON"),
    "deep objects": (b'{"a":' * 100_000, "is not JSON"),
    "cut": (GOOD[:-1], "is not JSON"),
    "twice": (GOOD + GOOD, "is not JSON"),
    "trailing": (GOOD + b"\n", "not in the canonical form"),
    "leading": (b" " + GOOD, "not in the canonical form"),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD, "is not JSON"),
    "spaces": (json.dumps(document(), sort_keys=True).encode(), "not in the canonical form"),
    "order": (written(document()).replace(b'{"_type":', b'{"plugin":"acme","_type":', 1), "twice"),
    "unsorted": (
        json.dumps(dict(reversed(document().items())), separators=(",", ":")).encode(),
        "not in the canonical form",
    ),
    "a key twice": (GOOD.replace(b'"role":', b'"role":"x","role":', 1), "a key twice"),
    "a library twice": (GOOD.replace(b'"numpy":', b'"numpy":"1","numpy":'), "a key twice"),
    "escaped key": (GOOD.replace(b'"role"', b'"r\\u006fle"'), "not in the canonical form"),
    "no number": (changed(python_version=float("nan")), "has the number NaN"),
    "newer": (changed(_type="https://artifact-plugins/snapshot/v2"), "format v2, .* reads v1"),
    "newer with fields": (
        changed(_type="https://artifact-plugins/snapshot/v12", more=1),
        "format v12",
    ),
    "no type": (without("_type"), "about something else"),
    "another type": (changed(_type="https://in-toto.io/Statement/v1"), "about something else"),
    "type is a list": (changed(_type=[]), "about something else"),
    "another role": (changed(role="manifest"), "about something else"),
    "no role": (without("role"), "about something else"),
    "unknown field": (changed(signed_by="me"), "unknown field 'signed_by'"),
    "own id": (changed(id="sha256:" + "0" * 64), "unknown field 'id'"),
    "own time": (changed(created_at="2026-01-01T00:00:00Z"), "unknown field 'created_at'"),
    "no plugin": (without("plugin"), "has no field 'plugin'"),
    "no libraries": (without("libraries"), "has no field 'libraries'"),
    "archive field": (in_archive(post_install="evil"), "unknown field 'post_install'"),
    "no roots": (without("archives", 0, "roots"), "has no field 'roots'"),
    "no extensions": (without("archives", 0, "extensions"), "has no field 'extensions'"),
    "file field": (in_file(mode=0o777), "unknown field 'mode'"),
    "no size": (without("archives", 0, "files", 0, "size_bytes"), "no field 'size_bytes'"),
    "archives as text": (changed(archives="acme"), "archives has a value of another kind"),
    "archive as text": (changed(archives=["acme"]), "archive 0 is not an object"),
    "files as text": (in_archive(files="acme"), "files has a value of another kind"),
    "file as text": (in_archive(files=["a.py"]), "is not an object"),
    "number as plugin": (changed(plugin=1), "plugin has a value of another kind"),
    "null as plugin": (changed(plugin=None), "plugin has a value of another kind"),
    "text as size": (in_file(size_bytes="0"), "size_bytes has a value of another kind"),
    "true as size": (in_file(size_bytes=False), "size_bytes has a value of another kind"),
    "fraction as size": (in_file(size_bytes=0.0), "size_bytes has a value of another kind"),
    "list as libraries": (changed(libraries=[]), "libraries has a value of another kind"),
    "number as version": (changed(libraries={"numpy": 2}), "numpy has a value of another kind"),
    "empty plugin": (changed(plugin=""), "names no plugin"),
    "entry without class": (changed(entry_object="os"), "names no plugin or entry object"),
    "entry with spaces": (changed(entry_object="a b:c"), "names no plugin or entry object"),
    "python": (changed(python_version="3"), "is not a version of Python"),
    "many archives": (changed(archives=document()["archives"] * 33), "has 66 archives"),
    "no version": (changed(libraries={"numpy": ""}), "no normal name or no version"),
    "library name": (changed(libraries={"NumPy": "2"}), "no normal name or no version"),
    "role of an archive": (in_archive(role="data"), "role has a value of another kind"),
    "md5": (in_archive(digest="md5:" + "0" * 32), "is not a SHA-256 digest"),
    "capitals": (in_archive(digest="sha256:" + "A" * 64), "is not a SHA-256 digest"),
    "no digest": (in_archive(digest="none"), "is not a SHA-256 digest"),
    "digest of a file": (in_file(digest="md5:1"), "has no SHA-256 digest"),
    "size below 0": (in_file(size_bytes=-1), "has no SHA-256 digest or no size"),
    "root of Python": (in_archive(roots=["json"]), "'json' has the name of a module of Python"),
    "root of ours": (in_archive(roots=["artifact_plugins.trust"]), "package of artifact_plugins"),
    "root of a library": (
        written(
            document()
            | {"libraries": {"shop": "1.0"}}
        ),
        "root 'shop' has the name of an installed library",
    ),
    "no module": (in_archive(roots=["../acme"]), "is not the name of a module"),
    "empty roots": (in_archive(roots=[]), "answers for no module"),
    "roots of a script": (in_archive(roots=["__main__"]), "answers for no module"),
    "script": (in_archive(role="main"), "answers for no module"),
    "roots unsorted": (in_archive(roots=["b", "acme.plugin"]), "roots are not sorted"),
    "roots twice": (in_archive(roots=["acme.plugin", "acme.plugin"]), "roots are not sorted"),
    "files unsorted": (in_archive(files=FILES[::-1]), "files are not sorted"),
    "files twice": (in_archive(files=[*FILES, FILES[-1]]), "files are not sorted"),
    "offer": (in_archive(offers={"a": "os"}), "offer 'a' names no class"),
    "offers as a list": (in_archive(offers=[]), "offers has a value of another kind"),
    "path above": (in_file(path="../evil.py"), "leaves its folder"),
    "absolute path": (in_file(path="/evil.py"), "is an absolute path"),
    "backslash": (in_file(path="acme\\evil.py"), "has a backslash"),
    "path outside": (in_file(path="aaa.py"), "lies outside its roots"),
    "surrogate": (GOOD.replace(b"acme/__init__.py", b"acme/\\udc80.py"), "not shown|another kind"),
    "extensions unsorted": (in_archive(extensions=["b", "a"]), "extensions are not sorted"),
    "extension": (in_archive(extensions=["../x"]), "'../x' is no module"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_other_statements_are_refused_by_name(name: str):
    """What no release writes is refused, and the message says what it is."""
    data, told = BROKEN[name]

    with pytest.raises(ManifestInvalidError, match=told) as caught:
        read_statement(data)

    assert "nothing was executed" in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_every_flipped_byte_gives_another_id_or_an_error(mask: int):
    """No changed byte leaves a statement that is taken for the same snapshot."""
    own = read_statement(GOOD).id
    for place in range(len(GOOD)):
        data = bytes([*GOOD[:place], GOOD[place] ^ mask, *GOOD[place + 1 :]])
        try:
            found = read_statement(data)
        except ManifestInvalidError:
            continue
        assert found.id == sha256(data) != own
        assert statement_bytes(found) == data


def test_large_statements_are_refused():
    """Over 16 MiB nothing is parsed; too many files are refused by number."""
    with pytest.raises(ManifestTooLargeError):
        read_statement(b" " * (MAX_STATEMENT_BYTES + 1))
    with pytest.raises(ResourceLimitError, match="allowed are 2000"):
        read_statement(in_archive(files=FILES * 700))
    with pytest.raises(ResourceLimitError, match="allowed are"):
        read_statement(in_file(size_bytes=10**12))


def test_a_snapshot_that_nobody_could_read_is_not_made():
    """What `read_statement` would refuse is refused when it is made."""
    with pytest.raises(ManifestInvalidError, match="names no plugin or entry object"):
        make_snapshot(plugin="acme", entry_object="a b", captured=[])


def test_a_snapshot_without_code_can_be_read():
    """Code that could not be captured leaves the names and the libraries."""
    made = make_snapshot(plugin="acme", entry_object="a:B", captured=[])

    found = read_statement(statement_bytes(made))
    assert (found.id, found.entry_object, found.archives) == (made.id, "a:B", ())
