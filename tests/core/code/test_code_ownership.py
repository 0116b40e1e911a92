from __future__ import annotations

import sys

import pytest

from artifact_plugins.code import digest_function, explain_difference
from artifact_plugins.code.libraries import library_of
from artifact_plugins.code.ownership import Owner, owner_of


@pytest.mark.parametrize(
    ("module", "owner"),
    [
        ("json", Owner.STANDARD),
        ("sys", Owner.STANDARD),
        ("os.path", Owner.STANDARD),
        ("_thread", Owner.STANDARD),
        ("numpy.linalg", Owner.LIBRARY),
        ("pandas", Owner.LIBRARY),
        ("yaml", Owner.LIBRARY),
        ("artifact_plugins.steps", Owner.LIBRARY),
        ("artifact_materializers", Owner.LIBRARY),
        ("__main__", Owner.FIRST_PARTY),
        ("no_such_module", Owner.FIRST_PARTY),
    ],
)
def test_owner(module, owner):
    """Python's modules, installed ones and the user's are told apart by where they lie."""
    if module == "yaml":
        pytest.importorskip("yaml")
    assert owner_of(module) is owner


def test_a_module_of_ones_own_may_be_called_like_one_of_pythons(tmp_path, monkeypatch):
    """A file `code.py` of the user is first-party although Python has a module `code`."""
    (tmp_path / "code.py").write_text("def step(x): return 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "code", raising=False)

    assert owner_of("code") is Owner.FIRST_PARTY


def test_versions_agree_with_the_metadata():
    """The version of a library is the one that its metadata says."""
    from importlib import metadata

    for module, name in (("numpy", "numpy"), ("pandas.core", "pandas"), ("attr", "attrs")):
        assert library_of(module) == (name, metadata.version(name))


def install(root, name: str, version: str, body: str, *, package: str | None = None):
    """Lay a distribution out as an installer does."""
    from hashlib import sha256

    package = package or name.replace("-", "_")
    site = root / "site-packages"
    module = site / package / "__init__.py"
    module.parent.mkdir(parents=True, exist_ok=True)
    module.write_text(body)
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    digest = sha256(body.encode()).hexdigest()
    (info / "RECORD").write_text(
        f"../../bin/run,sha256={root.name},1\n{package}/__init__.py,sha256={digest},1\n"
        f"{info.name}/RECORD,,\n"
    )
    return site


@pytest.fixture
def digest_installed(tmp_path, monkeypatch, digest_here):
    """Digest a step beside an installed library, laid out in a folder of its own."""
    count = iter(range(100))

    def digest(version: str, body: str, source: str, target: str = "mod:step", **names: str):
        site = install(tmp_path / f"env{next(count)}", "acme-tools", version, body, **names)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "dont_write_bytecode", True)
            patch.syspath_prepend(str(site))
            sys.modules.pop("acme_tools", None)
            sys.modules.pop("acme", None)
            try:
                return digest_here(source, target)
            finally:
                sys.modules.pop("acme_tools", None)
                sys.modules.pop("acme", None)

    return digest


BODY = "def wash(x): return x\nclass Tub: pass\n"


@pytest.mark.parametrize(
    "source",
    [
        "import acme\ndef step(x): return acme.wash(x)",
        "from acme import wash\ndef step(x): return wash(x)",
        "from acme import Tub\nclass Mine(Tub): pass\ndef step(x): return Mine()",
        "def step(x):\n    import acme as a\n    return a.wash(x)",
        "def step(x):\n    from acme import wash\n    return wash(x)",
        "import acme\ndef helper(x): return acme.wash(x)\ndef step(x): return helper(x)",
        "import acme\ndef step(x: acme.Tub): return x",
        "import acme\ntub = acme.Tub()\ndef step(x): return tub",
    ],
)
def test_of_a_library_the_version_counts(digest_installed, source):
    """A library that is reached counts by its version, not by its code."""
    first = digest_installed("1.0", BODY, source, package="acme")
    same = digest_installed("1.0", BODY.replace("return x", "return -x"), source, package="acme")
    newer = digest_installed("2.0", BODY, source, package="acme")

    assert first == same
    assert explain_difference(first, newer) == ("library acme-tools: 1.0 -> 2.0",)


def test_an_import_inside_a_step_imports_no_library(digest_installed):
    """Asking for the digest does not import a library that the step would import."""
    source = "def step(x):\n    import acme\n    return acme.wash(x)"

    found = digest_installed("1.0", "raise RuntimeError('imported')", source, package="acme")

    assert found.values["library acme-tools"] == "1.0"


def test_a_library_that_is_not_reached_does_not_count(digest_installed):
    """A library that the module imports and the step does not use does not count."""
    source = "import acme\ndef other(x): return acme\ndef step(x): return x"

    assert set(digest_installed("1.0", BODY, source, package="acme").parts) == {"step"}


def test_an_installed_step_counts_with_its_package(digest_installed):
    """A step in an installed package counts with all files of its distribution."""
    source = "from acme_tools import step"
    body = "def helper(x): return x\ndef step(x): return helper(x)\n"
    other = "def unrelated(x): return x\n"

    first = digest_installed("1.0", body, source)
    same = digest_installed("1.0", body, source)
    changed = digest_installed("1.0", body.replace("return x", "return -x"), source)
    elsewhere = digest_installed("1.0", body + other, source)

    assert first == same
    assert "helper acme_tools:helper changed" in explain_difference(first, changed)
    assert explain_difference(first, elsewhere) == ("files of acme-tools changed",)


def test_an_import_that_fails_counts_as_missing(digest_here):
    """A step that imports what is not there has a digest, and another one when it is."""
    source = "def step(x):\n    try:\n        import maybe\n    except ImportError:\n        return 1\n    return maybe.f(x)"

    without = digest_here(source)
    broken = digest_here({"mod.py": source, "maybe.py": "raise ValueError"})
    there = digest_here({"mod.py": source, "maybe.py": "def f(x): return x"})

    assert without == broken
    assert "helper maybe:f is new" in explain_difference(without, there)


def test_no_library_is_imported_to_digest():
    """Making a digest loads no data library."""
    import subprocess

    code = (
        "import sys\nfrom artifact_plugins.code import digest_function\n"
        "def step(x):\n    import pandas as pd\n    return pd.DataFrame(x)\n"
        "print(digest_function(step).values['library pandas'])\n"
        "print({'pandas', 'numpy', 'sqlalchemy', 'fsspec'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    version, loaded = done.stdout.split("\n", 1)
    assert version[0].isdigit()
    assert loaded.strip() == "set()"


def test_a_step_of_a_library_is_named_by_it():
    """A library's own function as a step counts with the version of the library."""
    numpy = pytest.importorskip("numpy")

    assert "library numpy" in digest_function(numpy.dot).parts


def test_a_function_given_to_an_object_of_a_library_counts(digest_here):
    """A helper that a library's object was made with is followed; the object is listed."""
    source = """
        import numpy as np

        def helper(x): return x + 1

        each = np.vectorize(helper)

        def step(x): return each(x)
    """
    plain = digest_here(source)
    other = digest_here(source.replace("x + 1", "x + 2"))

    assert explain_difference(plain, other) == ("helper mod:helper changed",)
    assert plain.unfollowed == ("mod:each (numpy:vectorize)",)
