from __future__ import annotations

import io
from importlib import resources

import pytest
from archived_projects import restored

FILES = {
    "shop/__init__.py": "",
    "shop/data/prices.json": '{"tea": 10}',
    "shop/data/deep/more.txt": "more",
}


def shop(source: str):
    """Restore a package with data files and one module."""
    return restored({**FILES, "shop/use.py": source}).module("shop.use")


def test_resources_of_a_package_are_read():
    """`importlib.resources` reads the data files of a package, by module and by name."""
    module = shop(
        "from importlib import resources\nimport importlib.resources as again\n"
        "one = resources.files('shop').joinpath('data', 'prices.json').read_text()\n"
        "two = (again.files(__package__) / 'data/prices.json').read_bytes().decode()\n"
        "three = again.files('shop.data').joinpath('prices.json').open().read()\n"
    )

    assert module.one == module.two == module.three == FILES["shop/data/prices.json"]


def test_folders_are_listed_and_files_are_lent():
    """Folders list what lies in them; `as_file` gives a file on disk for a while."""
    folder = resources.files(restored({**FILES, "shop/a.py": ""}).module("shop"))

    names = sorted(each.name for each in folder.joinpath("data").iterdir())
    with resources.as_file(folder / "data" / "prices.json") as path:
        text = path.read_text()

    assert names == ["deep", "prices.json"]
    assert text == FILES["shop/data/prices.json"]
    assert (folder / "data").is_dir() and (folder / "data/prices.json").is_file()
    assert not (folder / "gone").is_dir() and not (folder / "gone").is_file()
    assert folder / "data/../data/prices.json" == folder / "data" / "prices.json"


def test_nothing_outside_the_archive_is_read(tmp_path):
    """A path that leaves the archive is a missing file, though it exists on disk."""
    (tmp_path / "secret.txt").write_text("secret")
    folder = resources.files(restored({**FILES, "shop/b.py": ""}).module("shop"))

    for path in ("../../../../secret.txt", str(tmp_path / "secret.txt"), "gone.txt"):
        with pytest.raises(FileNotFoundError, match="not in the archive"):
            folder.joinpath(path).read_text()


def test_get_data_reads_by_package_name():
    """`pkgutil.get_data` reads by the package's original name and by its own."""
    module = shop(
        "import pkgutil\none = pkgutil.get_data('shop', 'data/prices.json')\n"
        "two = pkgutil.get_data(__package__, 'data/deep/more.txt')\n"
    )

    assert (module.one, module.two) == (b'{"tea": 10}', b"more")


def test_open_reads_beside_the_file_of_the_module():
    """`open` reads members by the path of `__file__`, and refuses to write them."""
    module = shop(
        "import os\nfrom pathlib import Path\n"
        "HERE = Path(__file__).parent\n"
        "def read(*args, **named):\n"
        "    with open(HERE / 'data' / 'prices.json', *args, **named) as file:\n"
        "        return file.read()\n"
        "with open(os.path.join(os.path.abspath(os.path.dirname(__file__)), 'data/deep/more.txt')) as f:\n"
        "    more = f.read()\n"
    )

    assert module.read() == module.read(encoding="utf-8") == '{"tea": 10}'
    assert module.read("rb") == b'{"tea": 10}'
    assert module.more == "more"
    with pytest.raises(io.UnsupportedOperation, match="only be read"):
        module.read("w")


def test_open_is_the_real_one_for_everything_else(tmp_path):
    """`open` in archived code writes and reads files on disk as ever."""
    module = shop("def write(path):\n    with open(path, 'w') as file:\n        file.write('x')\n")

    module.write(tmp_path / "x.txt")

    assert (tmp_path / "x.txt").read_text() == "x"
    with pytest.raises(FileNotFoundError):
        module.write(tmp_path / "gone" / "x.txt")


def test_pathlib_names_the_archive_in_its_error():
    """`Path.read_text` cannot read a member; the error names the archive and the member."""
    module = shop(
        "from pathlib import Path\n"
        "def read():\n    return (Path(__file__).parent / 'data/prices.json').read_text()\n"
    )

    with pytest.raises(FileNotFoundError, match=r"<snapshot [0-9a-f]{8}>/shop/data/prices\.json"):
        module.read()


def test_the_version_of_the_own_distribution_is_the_recorded_one():
    """`importlib.metadata` tells archived code the version it was captured with."""
    source = (
        "from importlib.metadata import version, distribution\nimport importlib.metadata as m\n"
    )
    source += "V = version('Acme.Shop')\nW = m.distribution('acme-shop').metadata['Name']\n"
    source += "P = version('pydantic')\n"
    archive = restored({"shop.py": source}, distribution="acme_shop", distribution_version="1.2.3")

    module = archive.module("shop")

    assert (module.V, module.W) == ("1.2.3", "acme_shop")
    assert module.P
