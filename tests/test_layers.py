"""Structure: a module imports only from lower layers, and importing the package does no work."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "kenspeckle"
LAYERS = [  # a name is a module or a whole folder; docs/architecture.md explains them
    ["errors", "foreign", "foreign_text", "interruption", "line_process", "processor", "release"],
    ["config", "device", "storage"],
    [
        "predictions",
        "run_documents",
        "run_files",
        "runlog",
        "optim_config",
        "monitor",
        "transfer_config",
        "folds",
        "figures",
    ],
    ["data", "models", "optim", "schedule", "evaluation"],
    ["losses", "description", "prediction"],
    ["train_config"],
    ["training", "checkpoint", "model_file"],
    ["inference", "settings", "environment", "backbones", "features"],
    ["run_folder"],
    ["run_data"],
    ["course"],
    ["stacking"],
    ["explain"],
    ["diagnosis"],
    ["pages", "recipes", "event_files", "standing"],
    ["events", "leaderboard", "run_difference", "mlflow_runs"],
    ["session", "views"],
    ["monitoring", "transfer", "cross_validation", "choices"],
    ["finishing"],
    ["conductor", "learning", "outset"],
    ["runs", "assessment", "survey"],
    ["run_pictures", "searching"],
    ["protobuf"],
    ["onnx_check"],
    ["onnx_model"],
    ["parity_pictures"],
    ["parity"],
    ["exporting"],
    ["judging"],
    ["look_kinds"],
    ["looking"],
    ["trial_curve", "out_of_fold"],
    ["run_examination"],
    ["examination", "relabelling"],
    ["briefing"],
    ["seed_worker", "worker_pool"],
    ["headway"],
    ["many"],
    ["contenders"],
    ["contest"],
    ["experiments"],
    ["serving"],
    ["__init__"],
    ["cli", "sklearn"],
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
LIMIT = 300  # lines in a file


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def top(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(source: str) -> set[str]:
    """The dotted names inside kenspeckle that run-time code imports."""
    tree = ast.parse(source)
    hidden = {
        id(node)
        for guard in ast.walk(tree)
        if isinstance(guard, ast.If) and ast.unparse(guard.test) == "TYPE_CHECKING"
        for node in ast.walk(guard)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in hidden:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = {f"kenspeckle.{alias.name}" for alias in node.names}
            found |= names if node.module == "kenspeckle" else {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name == "kenspeckle" or name.startswith("kenspeckle.")}


def broken(name: str, source: str) -> list[str]:
    level, wrong = LEVEL[name], []
    for target in imports(source):
        part = [*target.split("."), "__init__"][1]
        if part != name and LEVEL[part] >= level:
            wrong.append(target)
    return wrong


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_from_lower_layers(path):
    assert broken(top(path), path.read_text()) == []


def test_an_import_from_a_higher_layer_would_be_noticed():
    assert broken("training", "from kenspeckle.runs import train") == ["kenspeckle.runs"]
    assert broken("data", "from kenspeckle import session") == ["kenspeckle.session"]


@pytest.mark.parametrize("folder", ["pages", "figures", "evaluation"])
def test_what_renders_and_what_measures_never_imports_torch(folder):
    for path in (ROOT / folder).glob("*.py"):
        assert "import torch" not in path.read_text(), path


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_stays_short_enough_to_read(path):
    assert len(path.read_text().splitlines()) <= LIMIT


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_package_does_no_work():
    code = "import sys, kenspeckle; print(sorted({'torch', 'numpy'} & set(sys.modules)))"
    assert run_python(code) == "[]"


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["runs", "no-such-folder"]])
def test_help_and_the_leaderboard_do_not_wait_for_torch(arguments):
    code = f"import sys; from kenspeckle.cli.main import main; main({arguments}); "
    code += "print('torch' in sys.modules)"
    assert run_python(code).splitlines()[-1] == "False"


def test_training_does_not_wait_for_matplotlib():
    code = "import sys, kenspeckle.runs; print('matplotlib' in sys.modules)"
    assert run_python(code) == "False"


def test_training_does_not_wait_for_the_compiler(tmp_path):
    code = (
        "import sys, numpy as np, kenspeckle as ks\n"
        "rng, labels = np.random.default_rng(0), np.arange(60) % 2\n"
        "images = rng.integers(0, 255, (60, 8, 8, 1), np.uint8)\n"
        "data = ks.memory_dataset(images, labels, class_names=('a', 'b'), source='none')\n"
        f"ks.train(data, settings=['train.epochs=1', 'threads=1'], out={str(tmp_path / 'run')!r})\n"
        "print('torch._dynamo' in sys.modules)"
    )
    assert run_python(code) == "False"
