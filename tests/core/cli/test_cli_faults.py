"""Wrong usage, nothing saved yet, damage, hostile text: one clear line and an exit code."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from artifact_plugins.cli.escaping import escaped

COMMANDS = [
    ["list"],
    ["list", "x"],
    ["show", "x"],
    ["load", "x"],
    ["export", "x", "out"],
    ["lineage", "x"],
    ["runs"],
    ["runs", "x"],
    ["tags", "x", "--add", "t"],
    ["update", "x", "--description", "d"],
    ["delete", "x"],
    ["restore", "x"],
    ["trash"],
    ["prune"],
    ["gc"],
    ["explain", "int"],
    ["plugins"],
    ["doctor"],
]


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A working folder in which nothing was saved."""
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_creates_files(call, empty: Path, command: list[str]) -> None:
    """In a folder without a ledger every command says so and creates nothing."""
    done = call(*command, code=None, folder=empty)

    assert not list(empty.iterdir())
    assert done.returncode in (0, 1)
    if done.returncode:
        assert done.stderr.startswith("error[artifact-missing]: there is no ledger")


def test_empty_place_says_what_to_do(in_folder, empty: Path) -> None:
    """`list` in a new folder says that nothing is saved and how to begin; JSON is empty."""
    text = in_folder(empty)("list").stdout
    document = json.loads(in_folder(empty)("list", "--json").stdout)

    assert "nothing is saved there yet; save with artifact_plugins.save" in " ".join(text.split())
    assert document == {"artifacts": [], "next_page_token": None}


@pytest.mark.parametrize("command", [["list"], ["show", "config"], ["runs"]], ids=" ".join)
def test_lost_store_is_not_made_again(call, folder: Path, command: list[str]) -> None:
    """Records can be read when the store is gone, and no new store appears."""
    shutil.rmtree(folder / ".artifact_plugins" / "store")

    call(*command, folder=folder)

    assert not (folder / ".artifact_plugins" / "store").exists()


def test_lost_store_is_named_by_load(in_folder, folder: Path) -> None:
    """Loading says that the store is gone."""
    shutil.rmtree(folder / ".artifact_plugins" / "store")

    done = in_folder(folder)("load", "large", code=1)

    assert done.stderr.startswith("error[artifact-missing]: there is no store")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["show", "confg"], "artifact-missing"),
        (["list", "confg"], "artifact-missing"),
        (["show", "config@9"], "artifact-missing"),
        (["runs", "nothing"], "artifact-missing"),
        (["load", "config", "--as", "no.such"], "payload-class-not-found"),
        (["load", "config", "--columns", "a"], "no-materializer"),
        (["explain", "no_such_module.Thing"], "payload-class-not-found"),
        (["--store", "ftp://host/x", "load", "config"], "store-scheme-not-allowed"),
        (["--ledger", "mysql://user:secret@host/x", "list"], "store-scheme-not-allowed"),
        (["--project", "../up", "list"], "settings"),
        (["list", "--page-token", "nonsense"], "invalid-key"),
        (["tags", "config", "--add", "a\nb"], "invalid-name"),
    ],
    ids=str,
)
def test_named_error_is_one_line(call, command: list[str], code: str) -> None:
    """A named error is one line `error[code]: message` on stderr and exit code 1."""
    done = call(*command, code=1)

    assert done.stdout == ""
    assert done.stderr.startswith(f"error[{code}]: ")
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["nothing"],
        ["list", "--no-such-option"],
        ["list", "--limit", "0"],
        ["list", "--tag", "x"],
        ["show"],
        ["load", "config", "--rows", "x"],
        ["lineage", "config", "--format", "svg"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_2(call, command: list[str]) -> None:
    """Wrong usage is explained on stderr, with exit code 2."""
    done = call(*command, code=2)

    assert done.stdout == ""
    assert "Error:" in done.stderr


def test_near_names_are_suggested(call) -> None:
    """A name with a slip gets the name that comes near."""
    assert "config" in call("show", "confg", code=1).stderr.replace("confg", "")


def test_doctor_is_content_with_a_sound_store(cli) -> None:
    """`doctor` finds nothing wrong in what was just saved."""
    assert "nothing is wrong" in cli("doctor").stdout


def test_doctor_finds_a_changed_byte(in_folder, folder: Path) -> None:
    """`doctor` names the version whose payload was changed, and exits with 1."""
    record = json.loads(in_folder(folder)("show", "large", "--json").stdout)
    store = folder / ".artifact_plugins" / "store" / "versions"
    (payload,) = (p for p in store.rglob("*") if p.stat().st_size == record["size_bytes"])
    payload.chmod(0o600)
    payload.write_bytes(payload.read_bytes()[:-1] + b"!")

    document = json.loads(in_folder(folder)("doctor", "--json", code=1).stdout)

    assert [(p["what"], p["code"]) for p in document["problems"]] == [
        ("large@1", "digest-mismatch")
    ]


def test_doctor_finds_a_damaged_ledger(in_folder, folder: Path) -> None:
    """`doctor` reports a ledger that is no database, and leaves it as it is."""
    ledger = folder / ".artifact_plugins" / "ledger.sqlite"
    for path in folder.glob(".artifact_plugins/ledger.sqlite-*"):
        path.unlink()
    ledger.write_bytes(b"no database at all " * 100)

    done = in_folder(folder)("doctor", "--json", code=1)

    assert json.loads(done.stdout)["problems"][0]["code"] == "ledger-corrupt"
    assert ledger.read_bytes() == b"no database at all " * 100


def test_doctor_notes_interrupted_saves(in_folder, folder: Path) -> None:
    """Files without a record are noted; they are no problem."""
    versions = folder / ".artifact_plugins" / "store" / "versions"
    (manifest,) = list(versions.rglob("manifest.json"))[:1]
    orphan = "01890000-0000-7000-8000-0000000000aa"
    shutil.copytree(manifest.parent, versions / "aa" / orphan)

    done = in_folder(folder)("doctor", "--json")

    assert json.loads(done.stdout)["orphans"] == [orphan]


def test_broken_plugin_is_listed_and_found(in_folder, folder: Path) -> None:
    """A plugin that cannot be imported is named by `plugins`, and `doctor` exits with 1."""
    site = folder / "site"
    (site / "shop-1.0.dist-info").mkdir(parents=True)
    (site / "shop-1.0.dist-info" / "METADATA").write_text("Name: shop\nVersion: 1.0\n")
    (site / "shop-1.0.dist-info" / "entry_points.txt").write_text(
        "[artifact_plugins]\nmaterializers.shop = shop_plugin\n"
    )
    (site / "shop_plugin.py").write_text("raise RuntimeError('no license \\x1b[31m')\n")
    env = {"PYTHONPATH": str(site)}

    listed = in_folder(folder)("plugins", env=env).stdout
    done = in_folder(folder)("doctor", code=1, env=env)

    assert "materializers.shop is broken" in listed
    assert "no license \\x1b[31m" in listed
    assert "materializers.shop" in done.stdout


def test_doctor_names_settings_that_fit_nothing(in_folder, folder: Path) -> None:
    """A misspelt class, a module that is not there and one that raises are each named."""
    (folder / "yard.py").write_text("class Crane: ...\n")
    (folder / "noisy.py").write_text("raise RuntimeError('no license')\n")
    (folder / "pyproject.toml").write_text(
        "[tool.artifact_plugins.materializers]\n"
        '"yard:Crane" = "python.document"\n'
        '"yard:Crain" = "python.document"\n'
        '"garden:Crane" = "noisy:CraneMaterializer"\n'
    )

    told = json.loads(in_folder(folder)("doctor", "--json", code=1).stdout)["problems"]

    messages = [one["message"] for one in told]
    assert [message for message in messages if "no license" in message]
    assert [message.partition(" in ")[0] for message in messages if "is no class" in message] == [
        "'yard:Crain'",
        "'garden:Crane'",
    ]
    assert len(messages) == 3


def test_tags_and_aliases_change(call, folder: Path) -> None:
    """`tags` adds and removes tags, and moves an alias from one version to another."""
    run = partial(call, folder=folder)
    run("tags", "config@1", "--add", "new", "--remove", "raw", "--alias", "best")
    run("tags", "config@2", "--alias", "best")

    first = json.loads(run("tags", "config@1", "--json").stdout)
    best = json.loads(run("tags", "config@best", "--json").stdout)

    assert (first["tags"], first["aliases"]) == (["v:1", "new"], [])
    assert (best["version"], best["aliases"]) == ("config@2", ["best"])


def test_hostile_text_is_escaped(call, folder: Path) -> None:
    """Escape sequences, bidirectional marks and markup in stored text reach no terminal."""
    script = (
        "import artifact_plugins as ap\n"
        "text = 'red \\x1b[31m, \\u202e reversed, [bold]markup[/bold], \\x07 \\u2028'\n"
        "ap.save(text, 'hostile', description='a \\u202e [red]x[/red]')\n"
        "ap.save({text: 1}, 'keys', metadata={'note': '\\u202eabc'})\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=folder, check=True, timeout=60)
    run = partial(call, folder=folder)

    for command in (
        ["show", "hostile"],
        ["load", "hostile"],
        ["load", "keys"],
        ["show", "keys"],
        ["list", "hostile"],
        ["lineage", "hostile"],
        ["load", "hostile", "--json"],
    ):
        text = run(*command).stdout
        assert not set(text) & set("\x1b\x07\u202e\u2028"), command
    assert "[bold]markup[/bold]" in run("load", "hostile").stdout
    assert "[red]x[/red]" in run("show", "hostile").stdout


def test_reader_that_leaves_is_no_error(original: Path) -> None:
    """When the reader of a pipe closes it, the command ends without a word."""
    reader, writer = os.pipe()
    os.close(reader)
    executable = Path(sys.executable).with_name("artifact-plugins")

    done = subprocess.run(
        [executable, "list", "--json"],
        cwd=original,
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (141, b"")


def test_narrow_terminal_gets_narrow_tables(original: Path) -> None:
    """On a terminal of 80 columns no line is longer, and names are whole."""
    lines = _on_terminal(original, "list").splitlines()

    assert max(len(line) for line in lines) <= 80
    assert any(line.startswith("config") for line in lines)


def test_without_a_terminal_there_is_no_color_and_no_cut(cli) -> None:
    """Into a pipe no escape sequence is written, and rows are whole lines."""
    text = cli("list").stdout

    assert "\x1b" not in text
    assert "pandas:DataFrame" in text


def test_ascii_output_has_no_encoding_error(cli) -> None:
    """A terminal that knows only ASCII gets escapes instead of an error."""
    env = {"PYTHONIOENCODING": "ascii"}

    assert cli("list", env=env).stdout.isascii()
    assert cli("lineage", "total", env=env).stdout.isascii()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("caf\u00e9 \u65e5\u672c", "caf\u00e9 \u65e5\u672c"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\u202e", "\\u202e"),
        ("\x9b31m", "\\x9b31m"),
        ("\ud83d", "\\ud83d"),
        ("a\u200bb", "a\\u200bb"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_escaping(text: str, shown: str) -> None:
    """Hidden characters are shown as Python writes them; letters of any script stay."""
    assert escaped(text) == shown


def test_escaping_can_keep_lines() -> None:
    """Lines stay lines, and nothing else gets through."""
    assert escaped("a\n\x1bb\r\n\tc\u2028d", keep_lines=True) == "a\n\\x1bb\n    c\nd"


def _on_terminal(folder: Path, *arguments: str) -> str:
    main, side = pty.openpty()
    executable = Path(sys.executable).with_name("artifact-plugins")
    environment = {**os.environ, "COLUMNS": "80", "TERM": "dumb"}
    with subprocess.Popen(
        [executable, *arguments], cwd=folder, stdout=side, stderr=side, env=environment
    ) as process:
        os.close(side)
        parts = []
        while True:
            try:
                part = os.read(main, 65536)
            except OSError:  # Linux answers so when the other side is closed
                break
            if not part:
                break
            parts.append(part)
        process.wait(timeout=60)
    os.close(main)
    assert process.returncode == 0
    return b"".join(parts).decode().replace("\r\n", "\n")
