"""The documentation is complete, and what it shows works."""

from __future__ import annotations

import importlib.util
import pickle
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import click
import pytest

from artifact_plugins import errors
from artifact_plugins.cli.app import group
from artifact_plugins.settings import Settings

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r'^```(\w+) title="([^"]+)"\n(.*?)^```$', flags=re.MULTILINE | re.DOTALL)
ERRORS = [getattr(errors, name) for name in errors.__all__]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def write_blocks(text: str, folder: Path) -> list[str]:
    """Write the titled code blocks of a page as files; return their names in order."""
    names = []
    for _, title, body in BLOCK.findall(text):
        path = folder / title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body, encoding="utf-8")
        names.append(title)
    return names


def run_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_generated_pages_are_up_to_date(generator):
    """The pages written by docs/generate.py are what it writes now."""
    stale = [name for name, text in generator.pages().items() if page(name) != text]

    assert stale == [], "run: python docs/generate.py"


def test_every_hook_has_a_section(generator):
    """Every hook is on the page of hooks with its arguments."""
    text = page("hooks.md")

    missing = [
        f"{hook.__name__}.{name}"
        for hook in generator.hook_functions()
        for name in ("", *hook.__code__.co_varnames[: hook.__code__.co_argcount])
        if f"## {hook.__name__}\n" not in text or name not in text
    ]

    assert missing == []


def test_the_page_of_hooks_has_them_all(generator):
    """The specifications found are the ones that the page is about."""
    names = [hook.__name__ for hook in generator.hook_functions()]

    assert {"register_materializers", "before_step_run", "after_run"} <= set(names)
    assert re.findall(r"^## (\w+)$", page("hooks.md"), flags=re.MULTILINE) == names


def test_every_setting_has_a_section():
    """Every setting is on the page of settings with its environment variable."""
    text = page("settings.md")

    missing = [
        name
        for name in Settings.model_fields
        if f"## {name}\n" not in text or f"ARTIFACT_PLUGINS_{name.upper()}`" not in text
    ]

    assert missing == []


def test_all_errors_are_exported():
    """`errors.__all__` has every error class of the module."""
    defined = {
        name
        for name, cls in vars(errors).items()
        if isinstance(cls, type) and issubclass(cls, errors.ArtifactPluginsError)
    }

    assert defined == set(errors.__all__)


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
def test_error_is_documented(cls):
    """An error is in the tree of its module and on the page of errors with its code."""
    text = page("errors.md")

    assert re.search(rf"\b{cls.__name__}\b", errors.__doc__ or "")
    assert f"`{cls.__name__}`" in text
    assert cls is errors.ArtifactPluginsError or f"`{cls.code}`" in text


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
def test_error_pickles(cls):
    """An error comes back from pickle with its message, hint and facts."""
    error = cls("artifact 'flights' is gone", hint="nothing was saved", name="flights")

    again = pickle.loads(pickle.dumps(error))

    assert type(again) is cls
    assert str(again) == "artifact 'flights' is gone; nothing was saved"
    assert again.name == "flights"


def test_codes_are_unique():
    """Every error has a kebab-case code of its own."""
    codes = [cls.code for cls in ERRORS]

    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)


def test_every_extra_is_mentioned():
    """Every extra of the distribution is in the README."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    readme = (ROOT / "README.md").read_text()

    missing = [name for name in extras if f"`{name}`" not in readme]

    assert missing == []


def test_every_plugin_is_on_a_page():
    """Every built-in plugin is on the page about what it offers."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]

    names = ("materializers.md", "runtimes.md", "artifact-tasks.md", "backends.md")
    text = "".join(map(page, names))
    missing = [n for n in table["artifact_plugins"] if f"`{n}`" not in text]

    assert missing == []


def test_every_command_is_on_its_page():
    """The commands of the program are the commands of the page."""
    documented = re.findall(r"^\| `([\w-]+)", page("cli.md"), flags=re.MULTILINE)

    assert sorted(documented) == sorted(group.list_commands(click.Context(group)))


def test_readme_links_exist():
    """Every file that the README links to is in the repository."""
    text = (ROOT / "README.md").read_text()
    links = re.findall(r"\]\(([^):#]+)(?:#[^)]*)?\)", text)

    missing = [link for link in links if not (ROOT / link).exists()]

    assert links
    assert missing == []


def test_readme_example_runs(tmp_path):
    """The twenty lines of the README run in an empty folder and end with a ranking."""
    pytest.importorskip("pandas")
    write_blocks((ROOT / "README.md").read_text(), tmp_path)
    (tmp_path / "pyproject.toml").unlink()

    done = run_in(tmp_path, "-W", "error", "flights.py")

    assert done.returncode == 0, done.stderr
    assert "delay" in done.stdout


def test_readme_materializer_works(tmp_path):
    """The materializer of the README saves and loads as its text says."""
    write_blocks((ROOT / "README.md").read_text(), tmp_path)

    done = run_in(tmp_path, "-W", "error", "measure.py")

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[1.5, 2.5]"


def test_readme_contract_test_passes(tmp_path):
    """The contract test of the README passes for its materializer."""
    write_blocks((ROOT / "README.md").read_text(), tmp_path)

    done = run_in(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_sensors.py")

    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_quickstart_runs(tmp_path):
    """The scripts of the quickstart run one after the other, and its tests pass."""
    pytest.importorskip("pandas")
    names = write_blocks(page("quickstart.md"), tmp_path)

    failures = {}
    for name in names:
        is_test = name.startswith("test_")
        arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider", name] if is_test else [name]
        done = run_in(tmp_path, *arguments)
        if done.returncode:
            failures[name] = done.stdout + done.stderr

    assert names == ["flights.py", "look.py", "notebook.py", "test_flights.py"]
    assert failures == {}


def test_index_example_runs(tmp_path):
    """The example of the first page runs."""
    write_blocks(page("index.md"), tmp_path)

    done = run_in(tmp_path, "delays.py")

    assert done.returncode == 0, done.stderr
    assert "TASK_OUTPUT_INPUT" in done.stdout


@pytest.mark.slow  # the README's materializer is much the same
def test_materializers_page_works(tmp_path):
    """The materializer of its page passes the contract test of its page."""
    write_blocks(page("materializers.md"), tmp_path)

    done = run_in(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_sensors.py")

    assert done.returncode == 0, done.stdout


@pytest.mark.slow  # the backend of the little registry passes the same contract
def test_backends_page_works(tmp_path):
    """The backend of its page passes the contract test of its page, against the server of its page."""
    write_blocks(page("backends.md"), tmp_path)

    done = run_in(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_shelf.py")

    assert done.returncode == 0, done.stdout
    assert "14 passed" in done.stdout


def test_a_broken_example_is_noticed(tmp_path):
    """A page whose script fails would fail the tests above."""
    names = write_blocks('```python title="bad.py"\nraise SystemExit(3)\n```\n', tmp_path)

    done = run_in(tmp_path, *names)

    assert done.returncode == 3


def test_every_operation_of_other_systems_names_a_test_that_is_there():
    """A row of operations.toml without its test is a promise that nobody keeps."""
    rows = tomllib.loads((ROOT / "docs" / "operations.toml").read_text(encoding="utf-8"))["row"]
    systems = [row["system"] for row in rows]
    assert {name: systems.count(name) for name in systems} == {
        "KFP": 7,
        "Dioptra": 7,
        "MLTE": 5,
        "ZenML": 6,
    }
    for row in rows:
        file, _, name = row["test"].partition("::")
        source = (ROOT / file).read_text(encoding="utf-8")
        assert f"def {name}(" in source, row["test"]
