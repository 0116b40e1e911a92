"""Secrets in code: found before an archive leaves the machine, never shown."""

from __future__ import annotations

import math
import re
from collections import Counter
from fnmatch import fnmatchcase

from artifact_plugins.errors import SecretInSnapshotError

_SOURCE = (".py", ".pyi")
_NAMES = (".env", ".env.*", "*.pem", "credentials*", ".netrc", ".pypirc", ".htpasswd")
# Python modules may be called credentials.py and data files id_map.json; keys have no suffix.
_KEY_NAMES = re.compile(r"id_[a-z0-9-]+(\.pub)?", re.IGNORECASE)

# Each has a prefix that its issuer chose so that scanners find it. What follows it
# is long enough that a text about the prefix is no alarm.
_KNOWN = re.compile(
    rb"""(?<![A-Za-z0-9])(?:
      (?P<aws>A(?:KIA|SIA)(?![A-Z0-9]{9}EXAMPLE)[A-Z0-9]{16}(?![A-Za-z0-9]))
    | (?P<github>gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})
    | (?P<gitlab>glpat-[A-Za-z0-9_-]{20,})
    | (?P<slack>xox[abeprs]-[A-Za-z0-9-]{20,})
    | (?P<stripe>[rs]k_live_[A-Za-z0-9]{20,})
    | (?P<google>AIza[A-Za-z0-9_-]{35})
    | (?P<language_model>sk-(?:ant-|proj-)?[A-Za-z0-9_-]{0,64}[A-Za-z0-9]{32,})
    | (?P<package_index>pypi-AgE[A-Za-z0-9_-]{50,}|npm_[A-Za-z0-9]{36})
    | (?P<hugging_face>hf_[A-Za-z0-9]{34})
    | (?P<sendgrid>SG\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{40,})
    | (?P<web_token>eyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{20,})
    )""",
    re.VERBOSE,
)
_PRIVATE_KEY = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    rb"(?:[\s\"'\\+(),]|\\[nr]|(?:Version|Comment|Proc-Type|DEK-Info)[^\n]*)*[A-Za-z0-9+/=]{16}"
)
# A search for a fixed text is a hundred times faster than one for all of them at once.
_PREFIXES = (
    *(b"AKIA", b"ASIA", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_", b"glpat-"),
    *(b"xoxa-", b"xoxb-", b"xoxe-", b"xoxp-", b"xoxr-", b"xoxs-", b"k_live_", b"AIza", b"sk-"),
    *(b"pypi-AgE", b"npm_", b"hf_", b"SG.", b"eyJ"),
)
_KEYS = (b"api", b"access", b"auth", b"private", b"account", b"encryption", b"signing")
_NAMES_OF_SECRETS = (
    *(b"password", b"passwd", b"passphrase", b"secret", b"token", b"credential"),
    *(key + link + b"key" for key in _KEYS for link in (b"", b"_")),
)
_ASSIGNED = re.compile(
    rb"[\w.-]{4,60}[\"']?\]?\s{0,4}(?::\s{0,4}[\w.\[\]| ]{1,40}=|=(?!=)|:)\s{0,4}\(?\s{0,4}"
    rb"[rbuRBU]{0,2}[\"'](?P<value>[^\"'\s\\]{12,512})[\"']"
)
_NAME_END = re.compile(rb"[\w.:-]{0,64}\Z")
_NAME_START = re.compile(rb"[\w.-]*")
_LOGIN = re.compile(rb"://[^/\s:@\"']{1,64}:(?P<value>[^/\s:@\"']{8,128})@")
# A name that says that the value is something else than the secret.
_HARMLESS_NAME = re.compile(
    rb"::|hash|digest|sha\d|md5|checksum|fingerprint|public|example|fake|dummy|mock|placeholder|test|"
    rb"url|uri|path|file|type|field|regex|pattern|format|header|scope|endpoint|token(?:s|iz|_id)|"
    rb"_name|_class|_kind|_prefix|_suffix|charset|alphabet|chars",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    rb"[{}<>$%*]|\.\.\.|x{4}|example|placeholder|change.?me|your|dummy|fake|test|sample|redact|"
    rb"secret|password|passwd|token|https?:",
    re.IGNORECASE,
)
_WORDS = re.compile(rb"[A-Za-z]+(?:(?:[_./: -]|\[-?\d*\]\.?)[A-Za-z]+)*\d{0,2}")
# Identifiers of requests and times; neither opens a door.
_NUMBERS = re.compile(
    rb"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|\d{4}-\d\d-\d\d[T ].*", re.IGNORECASE
)
_RUNS = ("0123456789", "abcdefghijklmnopqrstuvwxyz")
_LEAST_BYTES = 16
_LEAST_BITS = 3.5
_LEAST_BITS_HEX = 3.0


def check_name(path: str) -> None:
    """Look at the name of a file.

    Raises:
        SecretInSnapshotError: Files of that name usually hold a secret.
    """
    name = path.rpartition("/")[2]
    lower = name.lower()
    if lower.endswith(_SOURCE):
        return
    if any(fnmatchcase(lower, pattern) for pattern in _NAMES) or _KEY_NAMES.fullmatch(name):
        raise SecretInSnapshotError(
            f"file {path!r} would be archived with the code and has the name of a file of secrets",
            hint="nothing was registered; keep it out of the package",
            file=path,
            line=None,
        )


def check_content(path: str, data: bytes, *, has_lines: bool = True) -> None:
    """Look for secrets in the bytes of a file.

    Found are tokens with a known prefix, private keys with a body, logins in URLs,
    and random-looking text that is assigned to a name like `password`. Not found
    are secrets that look like words.

    Args:
        path: Its name, for the message.
        data: Its bytes.
        has_lines: Whether a number of a line says where it is.

    Raises:
        SecretInSnapshotError: Names the file, the line and the kind, never the value.
    """
    found = find_secret(data)
    if found is None:
        return
    kind, start = found
    line = data.count(b"\n", 0, start) + 1 if has_lines else None
    place = f"line {line} of {path!r}" if line else f"a text in {path!r}"
    raise SecretInSnapshotError(
        f"{place} would be archived with the code and looks like {kind}",
        hint="nothing was registered; read it from the environment, and replace it if it is real",
        file=path,
        line=line,
    )


def find_secret(data: bytes) -> tuple[str, int] | None:
    """Return the kind and the place of the first thing that looks like a secret."""
    known = _KNOWN.search(data) if any(prefix in data for prefix in _PREFIXES) else None
    if known:
        return f"a token ({(known.lastgroup or '').replace('_', ' ')})", known.start()
    key = _PRIVATE_KEY.search(data) if b"-----BEGIN " in data else None
    if key:
        return "a private key", key.start()
    for login in _LOGIN.finditer(data):
        if _is_random(login["value"]):
            return "a password in a URL", login.start("value")
    lower = data.lower()
    for word in _NAMES_OF_SECRETS:
        place = lower.find(word)
        while place >= 0:
            found = _ASSIGNED.match(data, place)
            if found and _is_random(found["value"]) and not _is_harmless(data, place):
                return "a secret in an assignment", found.start("value")
            place = lower.find(word, place + len(word))
    return None


def _is_harmless(data: bytes, place: int) -> bool:
    """Tell whether the whole name that stands around a place says that it is no secret."""
    before = _NAME_END.search(data[max(0, place - 64) : place])
    after = _NAME_START.match(data, place)
    name = (before[0] if before else b"") + (after[0] if after else b"")
    return _HARMLESS_NAME.search(name) is not None


def _is_random(value: bytes) -> bool:
    """Tell whether a text looks drawn by lot, and not like words or a placeholder."""
    if len(value) < _LEAST_BYTES or _PLACEHOLDER.search(value):
        return False
    if _WORDS.fullmatch(value) or _NUMBERS.fullmatch(value):
        return False
    text = value.decode("latin-1")
    if not text.isascii() or any(run in text.lower() for run in _RUNS):
        return False
    if not (any(c.isdigit() for c in text) and any(c.isalpha() for c in text)):
        return False
    is_hex = re.fullmatch(r"[0-9a-fA-F-]+", text) is not None
    return _entropy(text) >= (_LEAST_BITS_HEX if is_hex else _LEAST_BITS)


def _entropy(text: str) -> float:
    """Return the entropy of the letters of a text, in bits per letter."""
    counts = Counter(text).values()
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts)
