"""Write the pages that only repeat the code: hooks, settings, errors, the table of queries.

`python docs/generate.py` writes them, `--check` fails when one is out of date.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from backend_tables import backends_page

from artifact_plugins import errors
from artifact_plugins.contracts import hookspecs
from artifact_plugins.settings import Settings

FOLDER = Path(__file__).parent
_ROOT = errors.ArtifactPluginsError
NOTICE = "<!-- Written by docs/generate.py; edit {source} instead. -->\n"


def main() -> int:
    """Write or check every page; the exit code is 1 when a check fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    check = parser.parse_args().check
    stale = []
    for name, text in pages().items():
        path = FOLDER / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        if check:
            stale.append(name)
        else:
            path.write_text(text, encoding="utf-8")
    if stale:
        print(f"out of date: {', '.join(stale)}; run: python docs/generate.py", file=sys.stderr)
    return 1 if stale else 0


def pages() -> dict[str, str]:
    """Return the text of every generated page by file name."""
    return {
        "hooks.md": hooks_page(),
        "settings.md": settings_page(),
        "errors.md": errors_page(),
        "queries.md": queries_page(),
        "backends.md": backends_page(),
    }


def queries_page() -> str:
    """Return the page of queries with the table of what other systems ask for."""
    rows = tomllib.loads((FOLDER / "queries.toml").read_text(encoding="utf-8"))["row"]
    table = ["| system | parameter | here | |", "|---|---|---|---|", *map(_query_row, rows)]
    text = (FOLDER / "queries.md").read_text(encoding="utf-8")
    head, _, rest = text.partition(_ROWS_BEGIN)
    _, _, tail = rest.partition(_ROWS_END)
    return "\n".join([head + _ROWS_BEGIN, *table, _ROWS_END + tail])


_ROWS_BEGIN = "<!-- Written by docs/generate.py of queries.toml: -->\n"
_ROWS_END = "\n<!-- end of queries.toml -->"


def _query_row(row: dict[str, Any]) -> str:
    said = [f"`{row['kind']}`"] if "kind" in row else []
    said += [f"`{row['where']}`"] if "where" in row else []
    said += [f"`order_by='{row['order_by']}'`"] if "order_by" in row else []
    if "offset" in row:
        start, count = row["offset"], row["limit"]
        said += [f"`islice(every(session.versions, ''), {start}, {start + count})`"]
    elif "limit" in row:
        said += [f"`limit={row['limit']}`"]
    said += ["`page_token=page.next_token`"] if "page" in row else []
    cells = (row["system"], row["parameter"], ", ".join(said), row.get("note", ""))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def hooks_page() -> str:
    """Return one page with every hook: when it runs, its arguments, what raising does."""
    hooks = hook_functions()
    head = [
        NOTICE.format(source="src/artifact_plugins/contracts/hookspecs.py"),
        "# Hooks\n",
        _paragraphs(inspect.getdoc(hookspecs) or "") + "\n",
        "| hook | raising | when |",
        "|---|---|---|",
        *(f"| [`{h.__name__}`](#{h.__name__}) | {_raising(h)} | {_first(h)} |" for h in hooks),
        "",
        "```python",
        "import logging",
        "",
        "import artifact_plugins as ap",
        "",
        "",
        "@ap.hookimpl",
        "def after_artifact_saved(version):  # name only the arguments you need",
        '    logging.getLogger("audit").info("%s is committed", version)',
        "```",
        "",
        'Name the module in `Settings(plugins=("audit",))`, or ship it as a distribution with an',
        "entry point in the group `artifact_plugins`:",
        "",
        "```toml",
        "[project.entry-points.artifact_plugins]",
        'audit = "audit"',
        "```",
        "",
    ]
    return "\n".join([*head, *(_hook_section(hook) for hook in hooks)])


def hook_functions() -> list[Callable[..., Any]]:
    """Return the hook specifications in the order of their module."""
    marker = f"{hookspecs.PROJECT}_spec"
    found = [f for f in vars(hookspecs).values() if getattr(f, marker, None) is not None]
    return sorted(found, key=lambda f: f.__code__.co_firstlineno)


def _raising(hook: Callable[..., Any]) -> str:
    if hook.__name__.startswith("register_"):
        return "the plugin is reported as broken, the others work"
    return "veto" if hook.__name__.startswith("before_") else "logged once"


def _first(item: object) -> str:
    return " ".join((inspect.getdoc(item) or "").split("\n\n")[0].split())


def _hook_section(hook: Callable[..., Any]) -> str:
    signature = inspect.signature(hook)
    arguments = ", ".join(str(p).replace("'", "") for p in signature.parameters.values())
    returns = str(signature.return_annotation).replace("'", "")
    body = _paragraphs(inspect.getdoc(hook) or "")
    return f"## {hook.__name__}\n\n```python\n{hook.__name__}({arguments}) -> {returns}\n```\n\n{body}\n"


def settings_page() -> str:
    """Return one page with every setting: type, default, environment variable, meaning."""
    meanings = _attributes(inspect.getdoc(Settings) or "")
    lines = [
        NOTICE.format(source="src/artifact_plugins/settings.py"),
        "# Settings\n",
        "Nothing has to be set. What is set comes from, in this order: arguments of",
        "`ap.Settings(...)`, environment variables, the table `[tool.artifact_plugins]` of the",
        "`pyproject.toml` in the working folder, the default. An unknown argument or table entry,",
        "or a value that cannot be used, is a [`SettingsError`](errors.md#inputerror) before anything is opened.\n",
        "```python",
        "import artifact_plugins as ap",
        "",
        'settings = ap.Settings(store_url="memory://scratch", ledger_url="sqlite://")',
        "with ap.open_session(settings) as session:",
        '    session.save([1, 2, 3], "numbers")',
        "```",
        "",
        "```sh",
        "ARTIFACT_PLUGINS_DURABILITY=process python pipeline.py",
        "```",
        "",
        "```toml",
        "[tool.artifact_plugins]",
        'project = "delays"',
        'materializers = { "sensors:Sensor" = "sensors:SensorMaterializer" }',
        "```",
        "",
        "The functions of the front door (`ap.save`, `ap.load`, steps and pipelines) use the",
        "innermost open session, else a default one for the working folder.\n",
    ]
    for name, field in Settings.model_fields.items():
        lines += [
            f"## {name}\n",
            f"{meanings[name]}\n",
            "| | |",
            "|---|---|",
            f"| type | `{_type_name(field.annotation)}` |",
            f"| default | {_default(field)} |",
            f"| environment | `ARTIFACT_PLUGINS_{name.upper()}` |",
            "",
        ]
    lines.append("Lists and tables are written as JSON in environment variables.\n")
    return "\n".join(lines)


def _type_name(annotation: object) -> str:
    text = (
        annotation.__name__ if isinstance(annotation, type) and "[" not in str(annotation) else ""
    )
    return text or str(annotation).replace("typing.", "")


def _default(field: Any) -> str:
    return "the login name" if field.default_factory else f"`{field.default!r}`"


def errors_page() -> str:
    """Return one page with every error: code, what a caller may also catch, meaning."""
    tree = (inspect.getdoc(errors) or "").split("\n\n")[1]
    lines = [
        NOTICE.format(source="src/artifact_plugins/errors/__init__.py"),
        "# Errors\n",
        "Every error raised on purpose is an `ArtifactPluginsError`. Its message is one sentence of",
        "what happened, with the facts in it, then what is still safe or what to do. The facts are",
        "attributes too, `code` is a stable name for programs, and every error pickles. An error",
        "that a caller would also catch as a built-in inherits it. Messages hold no payload bytes",
        "and no credentials.\n",
        "A step's own exception is never wrapped: it passes through unchanged, with a note that",
        "names the run and the task.\n",
        "The program `artifact-plugins` prints `error[code]: message` and exits with 1.\n",
        "```text",
        inspect.cleandoc(tree),
        "```\n",
    ]
    for group in _children(_ROOT):
        lines += [f"## {group.__name__}\n", f"{_first(group)}\n"]
        lines += ["| error | code | is a | meaning |", "|---|---|---|---|"]
        lines += [_error_row(cls) for cls in _tree(group)]
        lines.append("")
    return "\n".join(lines)


def _tree(cls: type[errors.ArtifactPluginsError]) -> Iterator[type[errors.ArtifactPluginsError]]:
    yield cls
    for child in _children(cls):
        yield from _tree(child)


def _children(cls: type[errors.ArtifactPluginsError]) -> list[type[errors.ArtifactPluginsError]]:
    # A room may have a private subclass; the page does not depend on what is imported, or when.
    found = [child for child in cls.__subclasses__() if child.__module__ == errors.__name__]
    return sorted(found, key=lambda child: str(errors.__doc__).index(child.__name__))


def _error_row(cls: type[errors.ArtifactPluginsError]) -> str:
    parents = [parent.__name__ for parent in cls.__bases__ if parent is not _ROOT]
    shown = ", ".join(f"`{name}`" for name in parents)
    return f"| `{cls.__name__}` | `{cls.code}` | {shown} | {_first(cls)} |"


def _attributes(docstring: str) -> dict[str, str]:
    """Return the entries of a Google section by name."""
    section = re.split(r"^Attributes:\n", docstring, flags=re.MULTILINE)[1]
    return {name: " ".join(text.split()) for name, text in _entries(section)}


def _entries(section: str) -> Iterator[tuple[str, str]]:
    for match in re.finditer(r"^    (\w+): (.*(?:\n {8}.*)*)", section, flags=re.MULTILINE):
        yield match[1], match[2]


def _paragraphs(docstring: str) -> str:
    """Return a docstring as Markdown; an `Args:` section becomes a list."""
    blocks = []
    for block in docstring.split("\n\n"):
        if block.startswith("Args:\n"):
            rows = _entries(block.removeprefix("Args:\n"))
            blocks.append("\n".join(f"- `{name}`: {' '.join(text.split())}" for name, text in rows))
        else:
            blocks.append(block)
    return "\n\n".join(blocks)


if __name__ == "__main__":
    sys.exit(main())
