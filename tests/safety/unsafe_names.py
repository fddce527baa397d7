"""The calls that no code of ours makes, and the few places that may make one, with the reason.

A name that ends in `.*` means everything below it. `CONDITIONS` are names that may be called with
the arguments that make them harmless, and in no other way.
"""

import ast
from collections.abc import Callable

UNPICKLE = "runs what a file says"
EVALUATE = "runs text"
COMPUTED = "loads code by a computed name"
SHELL = "gives text to a shell"
NETWORK = "reaches into the network"
NATIVE = "loads native code"

FORBIDDEN = {
    **dict.fromkeys(
        [
            "pickle.*", "cPickle.*", "_pickle.*", "pickletools.genops", "dill.*", "cloudpickle.*",
            "jsonpickle.*", "joblib.*", "shelve.*", "marshal.*", "copyreg.*", "pandas.read_pickle",
            "pandas.HDFStore", "pandas.read_hdf", "torch.load", "torch.save",
            "torch.serialization.*", "torch.package.*", "torch.hub.*", "torch.jit.load",
            "torch.export.load",
            "torch.distributed.all_gather_object", "torch.distributed.broadcast_object_list",
            "torch.distributed.gather_object", "torch.distributed.scatter_object_list",
            "torch.multiprocessing.*", "multiprocessing.*",
            "concurrent.futures.ProcessPoolExecutor", "logging.config.*", "sklearn.externals.*",
        ],
        UNPICKLE,
    ),
    **dict.fromkeys(
        [
            "eval", "exec", "compile", "builtins.eval", "builtins.exec", "builtins.compile",
            "code.*", "codeop.*", "runpy.*", "types.CodeType", "types.FunctionType",
            "pandas.eval", "numexpr.*", "timeit.*", "doctest.*",
        ],
        EVALUATE,
    ),
    **dict.fromkeys(
        ["importlib.util.spec_from_file_location", "importlib.machinery.*", "imp.*", "zipimport.*"],
        COMPUTED,
    ),
    **dict.fromkeys(
        [
            "os.system", "os.popen", "os.execv", "os.execve", "os.execvp", "os.execl", "os.execlp",
            "os.spawnl", "os.spawnv", "os.spawnvp", "os.posix_spawn", "os.startfile", "pty.spawn",
            "subprocess.getoutput", "subprocess.getstatusoutput", "asyncio.create_subprocess_shell",
        ],
        SHELL,
    ),
    **dict.fromkeys(
        [
            "urllib.request.*", "urllib2.*", "urllib3.*", "requests.*", "httpx.*", "aiohttp.*",
            "http.client.HTTPConnection", "http.client.HTTPSConnection", "ftplib.*", "smtplib.*",
            "telnetlib.*", "socket.create_connection", "asyncio.open_connection", "websockets.*",
            "huggingface_hub.*",
        ],
        NETWORK,
    ),
    **dict.fromkeys(
        [
            "ctypes.*", "cffi.*", "torch.ops.load_library", "torch.classes.load_library",
            "torch.utils.cpp_extension.*",
        ],
        NATIVE,
    ),
    **dict.fromkeys(
        ["xml.etree.*", "xml.dom.*", "xml.sax.*", "xml.parsers.*", "xmlrpc.*", "lxml.*"],
        "expands what a document says",
    ),
    **dict.fromkeys(["yaml.unsafe_load", "yaml.full_load", "yaml.load_all"], UNPICKLE),
    **dict.fromkeys(["shutil.unpack_archive", "tarfile.*"], "writes where an archive says"),
    "tempfile.mktemp": "a name that another process can take",
}  # fmt: skip
HARMLESS = (
    "xml.sax.saxutils.*",  # escapes, and parses nothing
    "huggingface_hub.errors.*",
)
METHODS = {  # of whatever object
    "extractall": "writes where an archive says",
    "to_pickle": UNPICKLE,
    "enable_load_extension": NATIVE,
}


def _is(value: bool) -> Callable[[ast.expr | None], bool]:
    return lambda given: isinstance(given, ast.Constant) and given.value is value


def _is_safe_loader(given: ast.expr | None) -> bool:
    return given is not None and ast.unparse(given).endswith("SafeLoader")


CONDITIONS = {  # name: keyword, what it must be, why
    "torch.load": ("weights_only", _is(True), UNPICKLE),
    "numpy.load": ("allow_pickle", _is(False), UNPICKLE),
    "numpy.lib.npyio.NpzFile": ("allow_pickle", _is(False), UNPICKLE),
    "numpy.lib.format.read_array": ("allow_pickle", _is(False), UNPICKLE),
    "onnx.load": ("load_external_data", _is(False), "reads where a file says"),
    "yaml.load": ("Loader", _is_safe_loader, UNPICKLE),
}
KEYWORDS = {  # of any call: the keyword, and the one value that it may have
    "allow_pickle": (False, UNPICKLE),
    "weights_only": (True, UNPICKLE),
    "shell": (False, SHELL),
    "trust_remote_code": (False, UNPICKLE),
}
LITERAL = ("__import__", "builtins.__import__", "importlib.import_module")  # of a literal alone

ALLOWED = {  # (file, name): why it may
    ("kenspeckle/__init__.py", "importlib.import_module"): (
        "public names on first use, of a literal table of our own modules"
    ),
    ("kenspeckle/models/pretrained.py", "torch.load"): (
        "the one published file of lite0, known by its SHA-256 before torch sees it"
    ),
    ("kenspeckle/exporting/writing.py", "torch.export.load"): (
        "the bytes that this process has just written, to compare their answers"
    ),
    ("kenspeckle/processor.py", "ctypes"): "mallopt of the C library that runs already",
    ("kenspeckle/data/sources/fashion_mnist.py", "urllib.request"): (
        "`fashion-mnist`, which the user typed; what comes is known by its SHA-256"
    ),
    ("kenspeckle/mlflow_runs.py", "socket.create_connection"): (
        "the server in `--to-mlflow`, which the user typed"
    ),
    ("kenspeckle/serving/http_server.py", "ctypes"): (
        "where the filter of packets lies, which setsockopt wants to know; nothing is loaded"
    ),
    ("kenspeckle/serving/own_server.py", "http.client.HTTPConnection"): (
        "the server that it has started on this machine, to compare answers"
    ),
    ("benchmarks/serving_load/one_client.py", "socket.create_connection"): (
        "the server that the benchmark has started"
    ),
    ("benchmarks/serving_load/servers.py", "socket.create_connection"): (
        "the server that the benchmark has started"
    ),
    ("benchmarks/serving_soak/malformed.py", "asyncio.open_connection"): (
        "the server that the benchmark has started"
    ),
    ("benchmarks/mnist.py", "shell"): "the command of a peer, which the user typed",
    ("tests/cifar_files.py", "pickle"): "writes the archive of CIFAR, which is made of pickles",
    ("tests/cifar_files.py", "tarfile"): "writes the archive of CIFAR",
}
