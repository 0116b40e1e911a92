"""Programs that a pickle can run: each one makes a canary file when it is unpickled.

`GADGETS`: by name, what takes the path of the canary and returns opcodes.
`NAMES_ONLY`: names from advisories whose library or side effect is not at hand;
they are refused by name, without a control.
"""

from __future__ import annotations

import marshal
import os
import sys
from collections.abc import Callable

from pickle_opcodes import Code, apply, build, call, make, name, pickle_of

TOUCH = "/usr/bin/touch" if os.path.exists("/usr/bin/touch") else "/bin/touch"


def _shell(canary: str) -> str:
    return f"touch '{canary}'"


def _python(canary: str) -> str:
    return f"open({canary!r}, 'w').close()"


def _compiled(canary: str) -> bytes:
    return marshal.dumps(compile(_python(canary), "x", "exec"))


def _os() -> Code:
    return call("builtins", "__import__", "os")


def _path(canary: str) -> Code:
    return call("pathlib", "PosixPath", canary)


def _script(canary: str) -> str:
    """Write a script beside the canary that makes it."""
    script = f"{canary}.py"
    with open(script, "w") as file:
        file.write(_python(canary))
    return script


def _nested(canary: str) -> bytes:
    return pickle_of(call("os", "system", _shell(canary)))


def _array() -> Code:
    return call("numpy", "zeros", 1)


def _pth(canary: str) -> tuple[str, str]:
    folder = os.path.dirname(canary)
    file = os.path.basename(canary) + ".pth"
    with open(os.path.join(folder, file), "w") as pth:
        pth.write(f"import os; {_python(canary)}\n")
    return folder, file


GADGETS: dict[str, Callable[[str], Code]] = {
    # commands
    "os.system": lambda c: call("os", "system", _shell(c)),
    "posix.system": lambda c: call("posix", "system", _shell(c)),
    "os.popen": lambda c: call("os", "popen", _shell(c)),
    "os.spawnv": lambda c: call("os", "spawnv", 0, TOUCH, ["touch", c]),
    "os.spawnvp": lambda c: call("os", "spawnvp", 0, "touch", ["touch", c]),
    "os.spawnl": lambda c: call("os", "spawnl", 0, TOUCH, "touch", c),
    "os.spawnlp": lambda c: call("os", "spawnlp", 0, "touch", "touch", c),
    "os.spawnve": lambda c: call("os", "spawnve", 0, TOUCH, ["touch", c], {}),
    "os.posix_spawn": lambda c: call("os", "posix_spawn", TOUCH, ["touch", c], {}),
    "posix.posix_spawnp": lambda c: call("posix", "posix_spawnp", "touch", ["touch", c], {}),
    "subprocess.call": lambda c: call("subprocess", "call", ["touch", c]),
    "subprocess.run": lambda c: call("subprocess", "run", ["touch", c]),
    "subprocess.check_call": lambda c: call("subprocess", "check_call", ["touch", c]),
    "subprocess.check_output": lambda c: call("subprocess", "check_output", ["touch", c]),
    "subprocess.getoutput": lambda c: call("subprocess", "getoutput", _shell(c)),
    "subprocess.getstatusoutput": lambda c: call("subprocess", "getstatusoutput", _shell(c)),
    "subprocess.Popen": lambda c: call("subprocess", "Popen", ["touch", c]),
    "uuid._get_command_stdout": lambda c: call("uuid", "_get_command_stdout", "touch", c),
    "imaplib.IMAP4_stream": lambda c: call("imaplib", "IMAP4_stream", _shell(c)),
    "webbrowser.GenericBrowser.open": lambda c: call(
        "webbrowser", "GenericBrowser.open", call("webbrowser", "GenericBrowser", "touch"), c
    ),
    "ctypes.CDLL.system": lambda c: apply(
        call("builtins", "getattr", call("ctypes", "CDLL", None), "system"), _shell(c).encode()
    ),
    # code
    "builtins.eval": lambda c: call("builtins", "eval", _python(c)),
    "builtins.exec": lambda c: call("builtins", "exec", _python(c)),
    "timeit.timeit": lambda c: call("timeit", "timeit", "pass", _python(c)),
    "timeit.repeat": lambda c: call("timeit", "repeat", "pass", _python(c)),
    "cProfile.run": lambda c: call("cProfile", "run", _python(c)),
    "profile.run": lambda c: call("profile", "run", _python(c)),
    "bdb.Bdb.run": lambda c: call("bdb", "Bdb.run", call("bdb", "Bdb"), _python(c)),
    "trace.Trace.run": lambda c: call("trace", "Trace.run", call("trace", "Trace"), _python(c)),
    "code.InteractiveInterpreter.runsource": lambda c: call(
        "code",
        "InteractiveInterpreter.runsource",
        call("code", "InteractiveInterpreter"),
        _python(c),
    ),
    "code.InteractiveInterpreter.runcode": lambda c: call(
        "code",
        "InteractiveInterpreter.runcode",
        call("code", "InteractiveInterpreter"),
        call("marshal", "loads", _compiled(c)),
    ),
    "runpy.run_path": lambda c: call("runpy", "run_path", _script(c)),
    "runpy._run_code": lambda c: call(
        "runpy", "_run_code", call("marshal", "loads", _compiled(c)), {}
    ),
    "types.FunctionType": lambda c: apply(
        call("types", "FunctionType", call("marshal", "loads", _compiled(c)), {})
    ),
    "site.addpackage": lambda c: call("site", "addpackage", *_pth(c), None),
    "importlib.machinery.SourceFileLoader": lambda c: call(
        "importlib.machinery",
        "SourceFileLoader.load_module",
        call("importlib.machinery", "SourceFileLoader", "canary_module", _script(c)),
    ),
    "bdb.Bdb.runeval": lambda c: call("bdb", "Bdb.runeval", call("bdb", "Bdb"), _python(c)),
    "doctest.run_docstring_examples": lambda c: call(
        "doctest",
        "run_docstring_examples",
        build(
            make("types", "SimpleNamespace"), {"__doc__": f">>> {_python(c)}\n", "__name__": "x"}
        ),
        {},
        False,
        "x",
    ),
    # other picklers
    "pickle.loads": lambda c: call("pickle", "loads", _nested(c)),
    "_pickle.loads": lambda c: call("_pickle", "loads", _nested(c)),
    "cloudpickle.loads": lambda c: call("cloudpickle", "loads", _nested(c)),
    "pickle._loads": lambda c: call("pickle", "_loads", _nested(c)),
    "pickle.Unpickler.load": lambda c: call(
        "pickle",
        "_Unpickler.load",
        call("pickle", "_Unpickler", call("io", "BytesIO", _nested(c))),
    ),
    # what finds or calls other things
    "builtins.getattr": lambda c: apply(call("builtins", "getattr", _os(), "system"), _shell(c)),
    "builtins.__import__": lambda c: apply(
        call("builtins", "getattr", call("builtins", "__import__", "posix"), "system"), _shell(c)
    ),
    "importlib.import_module": lambda c: apply(
        call("builtins", "getattr", call("importlib", "import_module", "os"), "system"), _shell(c)
    ),
    "pkgutil.resolve_name": lambda c: apply(
        call("pkgutil", "resolve_name", "os:system"), _shell(c)
    ),
    "operator.attrgetter": lambda c: apply(
        apply(call("operator", "attrgetter", "system"), _os()), _shell(c)
    ),
    "operator.methodcaller": lambda c: apply(
        call("operator", "methodcaller", "system", _shell(c)), _os()
    ),
    "operator.itemgetter": lambda c: apply(
        apply(call("operator", "itemgetter", "system"), call("builtins", "vars", _os())), _shell(c)
    ),
    "operator.call": lambda c: call("operator", "call", name("os", "system"), _shell(c)),
    "functools.partial": lambda c: apply(
        call("functools", "partial", name("os", "system"), _shell(c))
    ),
    "functools.partial.__setstate__": lambda c: apply(
        build(
            call("functools", "partial", name("builtins", "print")),
            (name("os", "system"), (_shell(c),), {}, {}),
        )
    ),
    "functools.reduce": lambda c: call(
        "functools", "reduce", name("operator", "call"), [name("os", "system"), _shell(c)]
    ),
    "builtins.map": lambda c: call(
        "builtins", "list", call("builtins", "map", name("os", "system"), [_shell(c)])
    ),
    "builtins.filter": lambda c: call(
        "builtins", "tuple", call("builtins", "filter", name("os", "system"), [_shell(c)])
    ),
    "collections.deque of map": lambda c: call(
        "collections", "deque", call("builtins", "map", name("os", "system"), [_shell(c)])
    ),
    "builtins.all of map": lambda c: call(
        "builtins", "any", call("builtins", "map", name("os", "system"), [_shell(c)])
    ),
    "itertools.starmap": lambda c: call(
        "builtins",
        "set",
        call("itertools", "starmap", name("os", "system"), [(_shell(c),)]),
    ),
    "collections.Counter of map": lambda c: call(
        "collections", "Counter", call("builtins", "map", name("os", "system"), [_shell(c)])
    ),
    "numpy.vectorize": lambda c: apply(
        call("numpy", "frompyfunc", name("os", "system"), 1, 1), _shell(c)
    ),
    "numpy.apply_along_axis": lambda c: call(
        "numpy", "fromiter", call("builtins", "map", name("os", "system"), [_shell(c)]), "int64"
    ),
    "threading.Thread.run": lambda c: call(
        "threading",
        "Thread.run",
        build(
            call("threading", "Thread"),
            {"_target": name("os", "system"), "_args": (_shell(c),), "_kwargs": {}},
        ),
    ),
    "threading.Timer": lambda c: call(
        "threading",
        "Timer.start",
        call("threading", "Timer", 0, name("os", "system"), [_shell(c)]),
    ),
    "_thread.start_new_thread": lambda c: call(
        "_thread", "start_new_thread", name("os", "system"), (_shell(c),)
    ),
    "concurrent.futures": lambda c: call(
        "concurrent.futures",
        "ThreadPoolExecutor.submit",
        call("concurrent.futures", "ThreadPoolExecutor", 1),
        name("os", "system"),
        _shell(c),
    ),
    "atexit.register": lambda c: call("atexit", "register", name("os", "system"), _shell(c)),
    "weakref.finalize": lambda c: call(
        "weakref", "finalize", call("threading", "Event"), name("os", "system"), _shell(c)
    ),
    "defaultdict factory": lambda c: call(
        "operator",
        "getitem",
        call(
            "collections",
            "defaultdict",
            call("functools", "partial", name("os", "system"), _shell(c)),
        ),
        "x",
    ),
    # names with dots, through modules that are on the list
    "uuid:os.system": lambda c: call("uuid", "os.system", _shell(c)),
    "logging:os.system": lambda c: call("logging", "os.system", _shell(c)),
    "inspect:functools.partial": lambda c: apply(
        call("inspect", "functools.partial", name("uuid", "os.system"), _shell(c))
    ),
    "collections:_sys.modules.get": lambda c: apply(
        call("builtins", "getattr", call("collections", "_sys.modules.get", "os"), "system"),
        _shell(c),
    ),
    "numpy:ndarray.dump": lambda c: call("numpy", "ndarray.dump", _array(), c),
    "numpy:ctypeslib": lambda c: apply(
        call("builtins", "getattr", call("numpy.ctypeslib", "ctypes.CDLL", None), "system"),
        _shell(c).encode(),
    ),
    # files
    "builtins.open": lambda c: call("builtins", "open", c, "w"),
    "io.open": lambda c: call("io", "open", c, "w"),
    "_io.FileIO": lambda c: call("_io", "FileIO", c, "w"),
    "os.open": lambda c: call("os", "open", c, os.O_CREAT | os.O_WRONLY),
    "os.mkdir": lambda c: call("os", "mkdir", c),
    "os.makedirs": lambda c: call("os", "makedirs", c),
    "os.mkfifo": lambda c: call("os", "mkfifo", c),
    "os.symlink": lambda c: call("os", "symlink", "/", c),
    "pathlib.Path.touch": lambda c: call("pathlib", "Path.touch", _path(c)),
    "pathlib.Path.write_text": lambda c: call("pathlib", "Path.write_text", _path(c), "x"),
    "shutil.copyfile": lambda c: call("shutil", "copyfile", sys.executable, c),
    "codecs.open": lambda c: call("codecs", "open", c, "w"),
    "logging.FileHandler": lambda c: call("logging", "FileHandler", c),
    "logging.handlers.RotatingFileHandler": lambda c: call(
        "logging.handlers", "RotatingFileHandler", c
    ),
    "logging.handlers.WatchedFileHandler": lambda c: call(
        "logging.handlers", "WatchedFileHandler", c
    ),
    "gzip.GzipFile": lambda c: call("gzip", "GzipFile", c, "wb"),
    "bz2.BZ2File": lambda c: call("bz2", "BZ2File", c, "w"),
    "lzma.LZMAFile": lambda c: call("lzma", "LZMAFile", c, "w"),
    "zipfile.ZipFile": lambda c: call("zipfile", "ZipFile", c, "w"),
    "tarfile.open": lambda c: call("tarfile", "open", c, "w"),
    "mailbox.mbox": lambda c: call("mailbox", "mbox", c),
    "mailbox.Maildir": lambda c: call("mailbox", "Maildir", c),
    "wave.open": lambda c: call("wave", "open", c, "wb"),
    "dbm.dumb.open": lambda c: call("dbm.dumb", "open", c.removesuffix(".dat"), "c"),
    "numpy.save": lambda c: call("numpy", "savetxt", c, [1]),
    "numpy.ndarray.tofile": lambda c: call("numpy", "ndarray.tofile", _array(), c),
    "numpy.memmap": lambda c: call("numpy", "memmap", c, "uint8", "w+", 0, (1,)),
    "pandas.DataFrame.to_csv": lambda c: call(
        "pandas", "DataFrame.to_csv", call("pandas", "DataFrame"), c
    ),
    "pyarrow.OSFile": lambda c: call("pyarrow", "OSFile", c, "w"),
}

NAMES_ONLY = (
    ("pip", "main"),
    ("pip._internal.cli.main", "main"),
    ("_pyrepl.pager", "pipe_pager"),
    ("pydoc", "pipepager"),
    ("pty", "spawn"),
    ("os", "execv"),
    ("os", "_exit"),
    ("signal", "raise_signal"),
    ("sys", "exit"),
    ("venv", "create"),
    ("ensurepip", "_run_pip"),
    ("idlelib.pyshell", "ModifiedInterpreter.runcode"),
    ("torch", "load"),
    ("torch.serialization", "load"),
    ("torch.utils.collect_env", "run"),
    ("torch._dynamo.guards", "GuardBuilder.get"),
    ("joblib", "load"),
    ("dill", "loads"),
    ("keras.models", "load_model"),
    ("skops.io", "load"),
    ("distutils.file_util", "write_file"),
    ("numpy.f2py.crackfortran", "getlincoef"),
    ("numpy.testing._private.utils", "runstring"),
    ("numpy", "load"),
    ("numpy", "loadtxt"),
    ("pandas", "read_pickle"),
    ("pandas", "eval"),
    ("pyarrow.lib", "PyExtensionType"),
    ("socket", "create_connection"),
    ("urllib.request", "urlopen"),
    ("ssl", "get_server_certificate"),
    ("smtplib", "SMTP"),
    ("ftplib", "FTP"),
    ("http.server", "test"),
    ("asyncio", "run"),
    ("multiprocessing.util", "spawnv_passfds"),
    ("test.support.script_helper", "assert_python_ok"),
    ("lib2to3.pgen2.grammar", "Grammar.loads"),
    ("copyreg", "add_extension"),
    ("builtins", "compile"),
    ("builtins", "globals"),
    ("builtins", "object"),
    ("builtins", "type"),
    ("builtins", "setattr"),
    ("builtins", "input"),
    ("builtins", "breakpoint"),
    ("types", "CodeType"),
    ("codecs", "encode"),
    ("_codecs", "encode"),
    ("gc", "get_objects"),
    ("pickle", "_getattribute"),
    ("functools", "cached_property"),
    ("zoneinfo", "ZoneInfo"),
    ("enum", "Enum"),
)
