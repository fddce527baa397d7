"""Features of pictures: what a pretrained network makes of them before its last layer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from kenspeckle.data.images import Images
from kenspeckle.device import Compute
from kenspeckle.errors import DataError
from kenspeckle.models.backbone import Backbone
from kenspeckle.models.layers import use_channels_last

# pictures at a time; on processors 8 and 32 were slower by a tenth to a half, 64 by two thirds
BATCH = {"cpu": 16, "cuda": 256}


def features(
    backbone: Backbone,
    images: Images,
    compute: Compute,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """(N, D) for `images` (N, H, W, C) of uint8, in order; C = 1 stands for equal channels.

    `progress` is told after each batch how many are done, and of how many. Raises `DataError`
    where the pictures have channels that the network does not look at.
    """
    channels = images.shape[3]
    if channels not in (1, backbone.channels):
        raise DataError(
            f"the backbone takes pictures of {backbone.channels} channel, got {channels}; "
            "make them grey"
        )
    network = backbone.network.to(compute.torch_device)
    use_channels_last(network)
    size = BATCH[compute.device]
    found = np.empty((len(images), backbone.features), dtype=np.float32)
    with torch.inference_mode(), compute.autocast():
        for start in range(0, len(images), size):
            batch = torch.from_numpy(np.asarray(images[start : start + size]))
            # a view of channels-last pictures already lies in memory as the kernels like it
            pixels = batch.to(compute.torch_device).permute(0, 3, 1, 2).float()
            found[start : start + len(batch)] = network(pixels).float().cpu().numpy()
            if progress:
                progress(start + len(batch), len(images))
    return found
