"""Where and how numbers are computed: device, precision, threads, and keyed randomness.

The only module that changes global state of torch or of the process, and only when it is called.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch

from kenspeckle.errors import DeviceError
from kenspeckle.processor import cores, keep_freed_batches

DeviceName = Literal["auto", "cpu", "cuda"]
PrecisionName = Literal["auto", "fp32", "bf16"]


@dataclass(frozen=True, kw_only=True)
class Compute:
    """The choice that was made, with its reason for people."""

    device: Literal["cpu", "cuda"]
    precision: Literal["fp32", "bf16"]
    threads: int
    reason: str

    @property
    def words(self) -> str:
        """Such as "cpu, 2 threads, fp32"."""
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.device}, {threads}, {self.precision}"

    @property
    def torch_device(self) -> torch.device:
        """The device as torch names it."""
        return torch.device(self.device)

    def autocast(self) -> torch.autocast:
        """The context in which the forward pass runs in the chosen precision."""
        return torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bf16")


def choose(
    device: DeviceName = "auto", precision: PrecisionName = "auto", threads: int = 0
) -> Compute:
    """Settle what is "auto" by probing this machine once; `threads` 0 means one per core.

    Raises `DeviceError` where the machine lacks what was asked for.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError("device cuda is not available here; use --set device=cpu or auto")
    chosen: Literal["cpu", "cuda"] = "cpu"
    if device == "cuda" or (device == "auto" and torch.cuda.is_available()):
        chosen = "cuda"
    fast_bf16, reason = _bf16(chosen)
    if precision == "bf16" and not fast_bf16:
        raise DeviceError(
            f"precision bf16 is not available here: {reason}; use --set precision=fp32"
        )
    if precision != "auto":
        reason = "as set"
    return Compute(
        device=chosen,
        precision="bf16" if precision == "bf16" or (precision == "auto" and fast_bf16) else "fp32",
        threads=threads or cores(),
        reason=reason,
    )


def prepare(compute: Compute) -> None:
    """Set up this process for `compute`: threads, denormals, deterministic kernels, allocator."""
    torch.set_num_threads(compute.threads)
    # weights that decay towards zero become denormal, which slows convolutions 5x to 100x
    torch.set_flush_denormal(True)
    if compute.device == "cuda":
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
    keep_freed_batches()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on this thread alone: for what is over before another has woken up."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def borrowed(compute: Compute) -> Iterator[None]:
    """`prepare` for a while: other code in this process gets its threads and denormals back."""
    threads, flushed = torch.get_num_threads(), _flushes_denormals()
    prepare(compute)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(flushed)


def _flushes_denormals() -> bool:
    return float(torch.full((1,), 1e-310, dtype=torch.float64) * 0.5) == 0.0


def generator(*key: int | str, device: torch.device | str = "cpu") -> torch.Generator:
    """A random generator that depends on `key` alone, such as (seed, epoch, step, "augment")."""
    digest = hashlib.blake2b("/".join(map(str, key)).encode(), digest_size=8).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest, "little", signed=True))


def describe(compute: Compute) -> dict[str, str | int]:
    """The facts about this machine on which bit-identical repetition depends."""
    return {
        "device": compute.device,
        "precision": compute.precision,
        "precision_reason": compute.reason,
        "threads": compute.threads,
        "processor": _processor(),
        "vector_instructions": torch.backends.cpu.get_cpu_capability(),
        "system": platform.platform(),
    }


def load() -> float:
    """How many processes wanted to run, on average over the last minute."""
    return os.getloadavg()[0]


def _bf16(device: str) -> tuple[bool, str]:
    """Whether bf16 is computed by hardware here, and why."""
    if device == "cuda":
        name = torch.cuda.get_device_name()
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return True, f"{name} computes in bf16"
        return False, f"{name} does not compute in bf16"
    cpu = torch.cpu.get_capabilities()
    for flag, name in (("amx_bf16", "AMX"), ("avx512_bf16", "AVX512-BF16")):
        if cpu.get(flag):
            return True, f"the processor has {name}"
    return False, "the processor has neither AMX nor AVX512-BF16"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [
                line.partition(":")[2].strip() for line in lines if line.startswith("model name")
            ]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
