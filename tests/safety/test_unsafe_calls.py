"""Nothing in our code can run what a file says; a call that could would be found."""

import pytest
from unsafe_calls import is_allowed, notebook_code, sources, unsafe_calls
from unsafe_names import ALLOWED

PLANTED = {
    "import pickle": "pickle",
    "import pickle as p\np.loads(data)": "pickle.loads",
    "from pickle import loads\nloads(data)": "pickle.loads",
    "from _pickle import Unpickler as Reader": "_pickle.Unpickler",
    "import cloudpickle": "cloudpickle",
    "import dill": "dill",
    "import marshal\nmarshal.loads(data)": "marshal.loads",
    "import shelve": "shelve",
    "import joblib as j\nj.load(path)": "joblib.load",
    "import torch\ntorch.load(path)": "torch.load without weights_only",
    "import torch\ntorch.load(path, weights_only=True)": "torch.load",
    "import torch\ntorch . load(path, weights_only=False)": "torch.load",
    "import torch\ntorch.load(path, weights_only=safe)": "torch.load",
    "import torch as t\nt.load(path)": "torch.load",
    "from torch import load\nload(path)": "torch.load",
    "from torch import load as read\nread(path)": "torch.load",
    "from torch.serialization import load": "torch.serialization.load",
    "import torch\nread = torch.load\nread(path)": "torch.load",
    "import torch\nlibrary = torch\nlibrary.load(path)": "torch.load",
    "import torch\na, b = torch, 1\na.load(path)": "torch.load",
    "import torch\nclass A:\n  def __init__(self):\n    self.t = torch\n  def f(self):\n"
    "    self.t.load(path)": "torch.load",
    'import torch\ngetattr(torch, "load")(path)': "torch.load",
    "import torch\ngetattr(torch, name)(path)": "getattr(torch)",
    'import torch\nvars(torch)["load"](path)': "torch.load",
    'import torch\ntorch.__dict__["load"](path)': "torch.load",
    'import sys\nsys.modules["pickle"].loads(data)': "pickle.loads",
    'import torch\nfrom operator import attrgetter\nattrgetter("load")(torch)(path)': "torch.load",
    "from functools import partial\nimport torch\npartial(torch.load, f)": "torch.load",
    "import torch\nreaders = [torch.load]": "torch.load",
    "import torch\n(t := torch).load(path)": "torch.load",
    "from torch import *": "torch.*",
    "import torch\ntorch.hub.load(repository, name)": "torch.hub.load",
    "import torch\ntorch.jit.load(path)": "torch.jit.load",
    "import torch.package": "torch.package",
    "import torch\ntorch.save(state, path)": "torch.save",
    "import torch.multiprocessing as mp": "torch.multiprocessing",
    "from multiprocessing.connection import Client": "multiprocessing.connection.Client",
    "from multiprocessing import Queue": "multiprocessing.Queue",
    "import numpy as np\nnp.load(path)": "numpy.load without allow_pickle",
    "import numpy as np\nnp.load(path, allow_pickle=True)": "numpy.load without allow_pickle",
    "import numpy\nnumpy.lib.npyio.NpzFile(file)": "numpy.lib.npyio.NpzFile without allow_pickle",
    "reader(path, allow_pickle=True)": "allow_pickle",
    'reader(path, **{"allow_pickle": True})': "allow_pickle",
    "import pandas as pd\npd.read_pickle(path)": "pandas.read_pickle",
    "table.to_pickle(path)": ".to_pickle",
    "eval(text)": "eval",
    "exec(text)": "exec",
    'compile(text, "x", "exec")': "compile",
    "run = eval\nrun(text)": "eval",
    "import builtins\nbuiltins.exec(text)": "builtins.exec",
    '__builtins__["eval"](text)': "__builtins__",
    'getattr(__import__("builtins"), "eval")(text)': "builtins.eval",
    "__import__(name)": "__import__",
    '__import__("pickle").loads(data)': "pickle.loads",
    "import importlib\nimportlib.import_module(name)": "importlib.import_module",
    "from importlib import import_module as bring\nbring(name)": "importlib.import_module",
    'import importlib\nimportlib.import_module("pickle").loads(data)': "pickle.loads",
    "import runpy\nrunpy.run_path(path)": "runpy.run_path",
    "import os\nos.system(text)": "os.system",
    "from os import popen\npopen(text)": "os.popen",
    "import subprocess\nsubprocess.run(text, shell=True)": "shell",
    "import subprocess\nsubprocess.Popen(text, shell=is_text)": "shell",
    "import subprocess as s\ns.getoutput(text)": "subprocess.getoutput",
    "import yaml\nyaml.load(text)": "yaml.load without Loader",
    "import yaml\nyaml.load(text, Loader=yaml.UnsafeLoader)": "yaml.load without Loader",
    "import xml.etree.ElementTree as tree": "xml.etree.ElementTree",
    "from xml.dom import minidom": "xml.dom.minidom",
    "import tempfile\ntempfile.mktemp()": "tempfile.mktemp",
    "import requests": "requests",
    "from urllib.request import urlopen": "urllib.request.urlopen",
    "import httpx\nhttpx.get(url)": "httpx.get",
    "import socket\nsocket.create_connection(address)": "socket.create_connection",
    "import ctypes\nctypes.CDLL(path)": "ctypes.CDLL",
    "archive.extractall(folder)": ".extractall",
    "import shutil\nshutil.unpack_archive(path)": "shutil.unpack_archive",
    "model(name, trust_remote_code=True)": "trust_remote_code",
    "import onnx\nonnx.load(path)": "onnx.load without load_external_data",
    "if data:\n  def f():\n    with x:\n      import pickle": "pickle",
}
INNOCENT = [
    "import numpy as np\nnp.load(path, allow_pickle=False)",
    "import yaml\nyaml.load(text, Loader=yaml.SafeLoader)",
    "import re\nre.compile(text)",
    "import torch\nnetwork = torch.nn.Linear(2, 2)\nnetwork.eval()\ntorch.compile(network)",
    "import safetensors.torch\nsafetensors.torch.load(data)",
    "from kenspeckle.data.sources.plain_pickle import read_pickle\nread_pickle(data)",
    "import subprocess\nsubprocess.run(command, shell=False)",
    "import json, tomllib\njson.loads(text)",
    "getattr(item, name)",
    'import importlib\nimportlib.import_module("math")',
    "from urllib.parse import urlsplit",
    "import socket\nsocket.gethostname()",
    "from xml.sax.saxutils import escape",
    "import onnx\nonnx.load(path, load_external_data=False)",
    "import kenspeckle as ks\nks.load(path)",
]


@pytest.mark.parametrize("source", PLANTED)
def test_an_unsafe_call_is_found(source):
    assert PLANTED[source] in [finding.name for finding in unsafe_calls(source)]


@pytest.mark.parametrize("source", INNOCENT)
def test_a_harmless_call_is_not_found(source):
    assert unsafe_calls(source) == []


@pytest.fixture(scope="module")
def found():
    """What is found in all of our code."""
    return [each for path, source in sources() for each in unsafe_calls(source, path)]


def test_nothing_in_our_code_is_unsafe(found):
    assert [str(finding) for finding in found if not is_allowed(finding)] == []


def test_every_place_that_may_is_still_there(found):
    used = {
        (path, name)
        for finding in found
        for path, name in ALLOWED
        if finding.path == path and f"{finding.name}.".startswith(f"{name}.")
    }
    assert used == set(ALLOWED)


def test_a_place_that_may_allows_nothing_else():
    path = "kenspeckle/models/pretrained.py"
    source = "import torch\ntorch.load(a, weights_only=True)\ntorch.load(b)\ntorch.hub.load(c)"
    refused = {finding.name for finding in unsafe_calls(source, path) if not is_allowed(finding)}
    assert refused == {"torch.load without weights_only", "torch.hub", "torch.hub.load"}


def test_all_of_our_code_is_looked_at():
    paths = [path for path, _ in sources()]
    assert {path.partition("/")[0] for path in paths} == {
        "kenspeckle",
        "scripts",
        "benchmarks",
        "examples",
        "tests",
    }
    assert len(paths) > 250 and any(path.endswith(".ipynb") for path in paths)


def test_the_code_in_a_notebook_is_looked_at():
    cell = {"cell_type": "code", "source": ["%matplotlib inline\n", "import pickle\n"]}
    (finding,) = unsafe_calls(
        notebook_code(f'{{"cells": [{str(cell).replace(chr(39), chr(34))}]}}')
    )
    assert (finding.line, finding.name) == (2, "pickle")


@pytest.mark.parametrize("test", ["len(data) == 3", "name in names", "not data", "f(data)"])
def test_a_check_that_python_can_leave_out_is_found(test):
    (finding,) = unsafe_calls(f"assert {test}", "kenspeckle/data/sources/new.py")
    assert finding.name == "assert"


@pytest.mark.parametrize("test", ["data is not None", "isinstance(data, bytes)", "ended"])
def test_what_is_told_to_the_type_checker_is_no_check(test):
    assert unsafe_calls(f"assert {test}", "kenspeckle/data/sources/new.py") == []
