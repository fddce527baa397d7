"""Use a file of `ken export` with numpy, Pillow and ONNX Runtime alone: MODEL.onnx PICTURE."""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

model = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
about = json.loads(model.get_modelmeta().custom_metadata_map["kenspeckle"])
picture = ImageOps.exif_transpose(Image.open(sys.argv[2])).convert("RGBA")
picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
_, height, width, channels = model.get_inputs()[0].shape  # names, where any number will do
if isinstance(height, int) and picture.size != (width, height):
    sys.exit(about["note"])  # a model of digits takes them in the form of MNIST
pixels = np.asarray(picture.convert("L") if channels == 1 else picture)
(shares,) = model.run(["probabilities"], {"pictures": np.atleast_3d(pixels)[np.newaxis]})[0]
best = int(shares.argmax())
print(about["description"]["class_names"][best], f"{shares[best]:.1%}")
