"""Where things are computed: the choice, its reason, and keyed randomness."""

import os

import pytest
import torch

from kenspeckle import device
from kenspeckle.errors import DeviceError

pytestmark = pytest.mark.usefixtures("all_cores")


def test_auto_settles_everything_and_says_why():
    chosen = device.choose()
    assert chosen.device in ("cpu", "cuda")
    assert chosen.precision in ("fp32", "bf16")
    assert chosen.threads == len(os.sched_getaffinity(0))
    assert chosen.reason


def test_where_cores_cannot_be_reserved_all_of_them_are_counted(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert device.choose().threads == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert device.choose().threads == 1


def test_what_the_user_sets_is_taken():
    chosen = device.choose("cpu", "fp32", 3)
    assert (chosen.device, chosen.precision, chosen.threads) == ("cpu", "fp32", 3)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_missing_device_is_an_error_and_not_a_fallback():
    with pytest.raises(DeviceError, match="device cuda is not available here"):
        device.choose("cuda")


def test_a_generator_depends_on_its_key_alone():
    def draw(*key):
        return torch.rand(4, generator=device.generator(*key)).tolist()

    first = draw(1, 2, "order")
    torch.manual_seed(9)
    assert draw(1, 2, "order") == first
    others = [draw(1, 2, "augment"), draw(1, 3, "order"), draw(2, 2, "order"), draw(12, "order")]
    assert first not in others


def test_what_is_borrowed_from_the_process_is_given_back():
    threads = torch.get_num_threads()
    torch.set_flush_denormal(False)
    tiny = torch.full((1,), 1e-310, dtype=torch.float64)
    compute = device.Compute(device="cpu", precision="fp32", threads=threads + 1, reason="")
    with pytest.raises(RuntimeError), device.borrowed(compute):
        assert torch.get_num_threads() == threads + 1 and float(tiny * 0.5) == 0
        raise RuntimeError
    assert torch.get_num_threads() == threads and float(tiny * 0.5) > 0


def test_autocast_follows_the_precision():
    layer = torch.nn.Linear(4, 4)
    for precision, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        compute = device.Compute(device="cpu", precision=precision, threads=1, reason="")
        with compute.autocast():
            assert layer(torch.ones(2, 4)).dtype is kind


def test_the_description_names_what_bits_depend_on():
    facts = device.describe(device.choose("cpu", "fp32", 2))
    assert {"device", "precision", "threads", "processor", "vector_instructions"} <= facts.keys()
