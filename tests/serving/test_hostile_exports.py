"""An exported file from somebody else that does not behave is refused; the server stays."""

import contextlib
import io
import signal
import subprocess
import sys

import exported
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from servers import real

from kenspeckle.cli.main import main


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The bytes of an export."""
    return exported.onnx_of(exported.classifier("mlp"), tmp_path_factory.mktemp("model"))


def with_end(proto, *nodes, kind=TensorProto.FLOAT, constants=()):
    """Let `nodes` make `probabilities` of what were the probabilities, now called `honest`."""
    last = next(node for node in proto.graph.node if "probabilities" in node.output)
    last.output[list(last.output).index("probabilities")] = "honest"
    proto.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants
    )
    proto.graph.node.extend(nodes)
    proto.graph.output[0].type.tensor_type.elem_type = kind


def double(proto):
    node = helper.make_node("Cast", ["honest"], ["probabilities"], to=TensorProto.DOUBLE)
    with_end(proto, node, kind=TensorProto.DOUBLE)


def text(proto):
    node = helper.make_node("Cast", ["honest"], ["probabilities"], to=TensorProto.STRING)
    with_end(proto, node, kind=TensorProto.STRING)


def not_a_number(proto):
    node = helper.make_node("Add", ["honest", "nan"], ["probabilities"])
    with_end(proto, node, constants=[("nan", np.float32(np.nan))])


def endless_memory(proto):
    """Made when the file is loaded: 8 GB of zeros."""
    nodes = [
        helper.make_node("ConstantOfShape", ["extents"], ["many_zeros"]),
        helper.make_node("ReduceMax", ["many_zeros"], ["one_zero"], keepdims=0),
        helper.make_node("Add", ["honest", "one_zero"], ["probabilities"]),
    ]
    with_end(proto, *nodes, constants=[("extents", np.array([2_000, 1_000, 1_000], np.int64))])


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (double, "its graph does not take pictures and give probabilities"),
        (text, "its graph does not take pictures and give probabilities"),
        (not_a_number, "its answer has shape (1, 3) or is not finite, expected (1, 3)"),
        (endless_memory, "alloc"),
    ],
)
def test_an_export_that_does_not_answer_as_it_says_does_not_serve(good, tmp_path, edit, reason):
    path = tmp_path / "m.onnx"
    path.write_bytes(exported.edited(good, edit))
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        code = main(["serve", str(path), "--port", "0"])
    assert code == 1
    assert errors.getvalue().startswith(f"ken: {path}: ")
    assert reason in errors.getvalue()
    assert errors.getvalue().count("\n") == 1


def test_the_model_that_serves_goes_on_when_the_next_is_no_good(good, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(good)
    picture = exported.picture_file()
    with real(path) as server:
        before = server.predict(picture)[1]
        path.write_bytes(exported.edited(good, not_a_number))
        assert server.ask("POST", "/v2/repository/models/m/load")[0] != 200
        assert server.predict(picture)[1] == before
        path.write_bytes(exported.edited(good, lambda proto: None, note="the same, once more"))
        assert server.ask("POST", "/v2/repository/models/m/load")[0] == 200
        after = server.predict(picture)[1]
    assert after["version"] != before["version"]
    assert after["predictions"] == before["predictions"]


LOADING = """
import resource, sys, time
import numpy as np
from kenspeckle.serving import answering
answering.LOADING = 1
if sys.argv[1] == "limited":
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 8 << 30))
with open(__file__, "rb") as file:
    with answering.bounded_loading(file.fileno()):
        try:
            np.ones(5 << 30, np.uint8)
            print("has 5 GB")
        except MemoryError:
            print("refused 5 GB", flush=True)
        if sys.argv[1] == "slow":
            time.sleep(30)
print(resource.getrlimit(resource.RLIMIT_AS)[0] >> 30)
answering.limit_memory()
print("done")
"""


@pytest.mark.parametrize(
    ("pace", "code", "said"),
    [
        ("quick", 0, ["refused 5 GB", "-1", "done"]),
        ("limited", 0, ["refused 5 GB", "4", "done"]),
        ("slow", -14, ["refused 5 GB"]),
    ],
)
def test_loading_has_a_bound_of_memory_and_of_time(tmp_path, pace, code, said):
    assert signal.SIGALRM == 14
    program = tmp_path / "loading.py"
    program.write_text(LOADING)
    done = subprocess.run(
        [sys.executable, program, pace], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code, done.stderr
    assert done.stdout.splitlines() == said
