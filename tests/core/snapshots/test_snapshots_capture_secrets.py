from __future__ import annotations

import pickle
import random
import string
import sys
import time
import types

import pytest
from archived_projects import Project

from artifact_plugins.errors import SecretInSnapshotError
from artifact_plugins.snapshots import capture_main, capture_plugin, capture_project
from artifact_plugins.snapshots.secrets import check_content, check_name, find_secret

_LETTERS = string.ascii_letters + string.digits

# Drawn, so that no file of ours holds what looks like a secret; the same in every process.
_RANDOM = random.Random(1907)


def drawn(length: int, letters: str = _LETTERS) -> str:
    """Draw a text that no scanner of this repository knows."""
    return "".join(_RANDOM.choice(letters) for _ in range(length))


HEX = "0123456789abcdef"
CANARY = drawn(24) + "7q"
CAPITALS = string.ascii_uppercase + "234567"
# What is planted: file in the plugin folder, its text, the secret in it.
PLANTED = {
    "environment file": (".env", "DEBUG=1\n", "DEBUG=1"),
    "certificate": ("server.pem", "x\n", "x\n"),
    "ssh key": ("keys/id_ed25519", "x\n", "x\n"),
    "credentials": ("credentials.json", "{}\n", "{}"),
    "aws": ("a.py", f"KEY = 'AKIA{drawn(14, CAPITALS)}7Q'\n", "AKIA"),
    "github": ("a.py", f"import os\nT = 'ghp_{CANARY}{CANARY}'\n", CANARY),
    "private key": (
        "a.py",
        f"KEY = '''-----BEGIN RSA PRIVATE KEY-----\nMIIE{CANARY}{CANARY}\n'''\n",
        CANARY,
    ),
    "password": ("sub/a.py", f"x = 1\n\npassword = '{CANARY}'\n", CANARY),
    "token in a call": ("a.py", f"connect(host, api_token='{CANARY}')\n", CANARY),
    "secret in data": ("a.json", f'{{"client_secret": "{CANARY}"}}\n', CANARY),
    "slack": ("a.py", f"# xoxb-{drawn(12, HEX)}-{CANARY}\n", CANARY),
    "login in a url": ("a.py", f"URL = 'postgresql://shop:{CANARY}@db/shop'\n", CANARY),
}


@pytest.mark.parametrize("kind", sorted(PLANTED))
def test_planted_secrets_refuse_the_capture(kind: str, project: Project):
    """Each of twelve planted secrets refuses a plugin, is named by file, and is never shown."""
    file, text, secret = PLANTED[kind]
    init = "X = 'a.json'\n"
    project.write({"acme/__init__.py": init, "acme/sub/__init__.py": "", f"acme/{file}": text})

    with pytest.raises(SecretInSnapshotError, match=file.rpartition("/")[2]) as caught:
        capture_plugin("acme", plugin="acme", distribution="acme", distribution_version="1")

    shown = f"{caught.value}{caught.value!r}{caught.value.context}"
    assert secret not in shown
    assert "nothing was registered" in shown
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_there_are_twelve():
    """Twelve canaries are planted."""
    assert len(PLANTED) == 12


def test_without_the_secret_the_capture_passes(project: Project):
    """The plugin that the secrets are planted in is captured when there is none."""
    project.write({"acme/__init__.py": "X = 'a.json'\n", "acme/a.json": "{}\n"})

    assert capture_plugin("acme", plugin="acme", distribution="acme", distribution_version="1")


def test_the_line_is_named(project: Project):
    """The error has the file and the line as attributes."""
    project.write({"app.py": f"X = 1\n\nPASSWORD: str = '{CANARY}'\n"})

    with pytest.raises(SecretInSnapshotError, match=r"line 3 of 'app\.py'") as caught:
        capture_project(["app"])

    assert (caught.value.context["file"], caught.value.context["line"]) == ("app.py", 3)


def test_data_of_a_project_is_looked_at(project: Project):
    """A secret file that a module of the user reads refuses the capture; unread it is no matter."""
    project.write({"app.py": "X = 1\n", ".env": f"PASSWORD={CANARY}\n"})
    assert capture_project(["app"])

    text = "from pathlib import Path\nX = Path(__file__).parent / '.env'\n"
    project.write({"app.py": text, ".env": "X=1\n"})
    with pytest.raises(SecretInSnapshotError, match=r"\.env"):
        capture_project(["app"])


@pytest.mark.parametrize("text", [f"key = 'ghp_{CANARY}{CANARY}'", f"password = {CANARY!r}"])
def test_pickled_classes_are_looked_at(text: str, monkeypatch: pytest.MonkeyPatch):
    """A token or a password in a class of a script refuses the capture."""
    script = types.ModuleType("__main__")
    exec(f"class Client:\n    {text}\n", vars(script))
    monkeypatch.setitem(sys.modules, "__main__", script)

    with pytest.raises(SecretInSnapshotError, match="__main__.pickle"):
        capture_main([script.Client])


@pytest.mark.parametrize(
    "text",
    [
        f"AWS_SECRET_ACCESS_KEY = '{CANARY}{CANARY}'",
        f"secret_key={CANARY!r}",
        f"config['password'] = \"{CANARY}\"",
        f'{{"apiKey": "{CANARY}"}}',
        f"access_token: '{CANARY}'",
        f"os.environ['DB_PASSWORD'] = '{CANARY}'",
        f"SECRET_KEY = '{drawn(40, HEX)}a1'",
        f"private_key = b'{CANARY}'",
        f"github_pat_{drawn(30)}",
        f"glpat-{drawn(20)}",
        f"sk_live_{drawn(24)}",
        f"AIza{drawn(35)}",
        f"sk-ant-api03-{drawn(40)}",
        f"hf_{drawn(34)}",
        f"npm_{drawn(36)}",
        f"SG.{drawn(22)}.{drawn(43)}",
        f"eyJ{drawn(20)}.eyJ{drawn(30)}.{drawn(40)}",
        f"-----BEGIN PRIVATE KEY-----\\n{drawn(40)}",
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{drawn(40)}",
        f"'-----BEGIN EC PRIVATE KEY-----\\n'\n    'MHc{drawn(40)}'",
        f"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\n{drawn(40)}",
    ],
)
def test_what_is_a_secret(text: str):
    """Known tokens, keys and random texts with telling names are found."""
    with pytest.raises(SecretInSnapshotError):
        check_content("a.py", b"x = 1\n" + text.encode() + b"\n")


@pytest.mark.parametrize(
    "text",
    [
        f"digest = 'sha256:{drawn(64, HEX)}'",
        f"token_hash = '{drawn(64, HEX)}'",
        f"EXPECTED = '{CANARY}'",
        f"secret_sha256 = '{drawn(64, HEX)}'",
        "password = 'correct horse battery staple'",
        "password = os.environ['SHOP_PASSWORD_OF_DATABASE']",
        "password = getpass.getpass('Password of the database: ')",
        "token = '{TOKEN_FROM_ENVIRONMENT_1234}'",
        "api_key = 'xxxxxxxxxxxxxxxxxxxxxxxx1'",
        "SECRET_NAME = 'projects/shop/secrets/database1'",
        "secret = 'client_secret_basic_auth'",
        "token_url = 'https://login.example.org/oauth2/v2.0/token'",
        "request_token = '1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d'",
        "password_changed_at: '2026-09-08T21:47:36Z'",
        "AKIAIOSFODNN7EXAMPLE",
        "if text.startswith('-----BEGIN PRIVATE KEY-----'):",
        "MARKS = ('-----BEGIN RSA PRIVATE KEY-----', '-----END RSA PRIVATE KEY-----')",
        "re.compile('ghp_[A-Za-z0-9]{36}')",
        "'AWS::MSK::BatchScramSecret': 'b68c9a1a87dfd16e'",
        "postgresql://user:password@localhost/shop",
        "url = f'postgresql://{user}:{password}@{host}/shop'",
        "output_token = 'StreamDescription.Shards[-1].ShardId'",
        "tokens = tokenizer('some text')",
        "token = 'abcdefghijklmnopqrstuvwxyz0123456789'",
    ],
)
def test_what_is_no_secret(text: str):
    """Digests, placeholders, names, times and texts about secrets are no alarm."""
    assert find_secret(text.encode()) is None


@pytest.mark.parametrize(
    "path",
    [".env", "a/.env", ".env.local", "SERVER.PEM", "a/id_rsa", "id_ed25519.pub", "credentials",
     "credentials.json", "Credentials.csv", ".netrc", ".pypirc"],
)  # fmt: skip
def test_names_of_secret_files(path: str):
    """These names are refused whatever the file holds."""
    with pytest.raises(SecretInSnapshotError):
        check_name(path)


@pytest.mark.parametrize(
    "path", ["credentials.py", "id_map.json", "id_tools.py", "environment.py", "env.py", "pem.py"]
)
def test_names_of_other_files(path: str):
    """Python modules and data files may be called after what they are about."""
    check_name(path)


def test_our_own_code_has_no_secret():
    """Nothing in this package and its plugins is taken for a secret."""
    from pathlib import Path

    root = Path(__file__).parents[3]
    files = [f for part in ("src", "materializers", "integrations") for f in root.glob(f"{part}/**/*.py")]  # fmt: skip

    alarms = [str(file) for file in files if find_secret(file.read_bytes())]

    assert len(files) > 100
    assert alarms == []


@pytest.mark.parametrize(
    "text",
    [
        b"password" * 40_000,
        b"password = " * 30_000,
        b"token_" * 50_000,
        b"a" * 400_000 + b"secret",
        b"secret:" + b" " * 300_000,
        b"-----BEGIN PRIVATE KEY-----" * 10_000,
        b"-----BEGIN PRIVATE KEY-----" + b"\\n " * 100_000,
        b"://" + b"a" * 300_000 + b"://a:" * 10_000,
        b"sk-" * 100_000,
        b"eyJ" * 100_000,
        b"api_key['" * 30_000,
        bytes(1_000_000),
    ],
    ids=range(12),
)
def test_no_text_takes_long(text: bytes):
    """The search is linear: 300 KB that almost match take less than two seconds."""
    start = time.process_time()
    find_secret(text)

    assert time.process_time() - start < 2
