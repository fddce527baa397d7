"""All exploits; the name of each is its own."""

from corpus import checkpoints, model_files, onnx_files, run_folders, settings_files, sources
from corpus.exploit import Exploit, touching, written

CONTROL = Exploit(
    name="control", tries="everything", kind="control",
    make=lambda room: written(room.folder / "a", touching(room)),
)  # fmt: skip
EXPLOITS = [
    *model_files.EXPLOITS,
    *checkpoints.EXPLOITS,
    *onnx_files.EXPLOITS,
    *run_folders.EXPLOITS,
    *sources.EXPLOITS,
    *settings_files.EXPLOITS,
]
NAMES = [exploit.name for exploit in EXPLOITS]
if len(set(NAMES)) != len(NAMES):
    raise ValueError("two exploits have one name")
