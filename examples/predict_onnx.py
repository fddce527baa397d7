"""Use a file of `ken export` with numpy, Pillow and ONNX Runtime alone: MODEL.onnx PICTURE."""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

model = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
about = json.loads(model.get_modelmeta().custom_metadata_map["kenspeckle"])
picture = np.asarray(ImageOps.exif_transpose(Image.open(sys.argv[2])).convert("RGB"))
(shares,) = model.run(["probabilities"], {"pictures": picture[np.newaxis]})[0]
best = int(shares.argmax())
print(about["description"]["class_names"][best], f"{shares[best]:.1%}")
