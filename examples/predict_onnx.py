"""Use a file of `ken export` with numpy, Pillow and ONNX Runtime alone: MODEL.onnx PICTURE."""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

model = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
about = json.loads(model.get_modelmeta().custom_metadata_map["kenspeckle"])
picture = ImageOps.exif_transpose(Image.open(sys.argv[2])).convert("RGBA")
paper = Image.new("RGBA", picture.size, "white")  # under what is transparent
pixels = np.asarray(Image.alpha_composite(paper, picture).convert("RGB"))[np.newaxis]
if about["note"]:  # a model of digits, which takes them in the form of MNIST
    if picture.size != (28, 28):
        sys.exit(about["note"])
    pixels = pixels[..., :1]
(shares,) = model.run(["probabilities"], {"pictures": pixels})[0]
best = int(shares.argmax())
print(about["description"]["class_names"][best], f"{shares[best]:.1%}")
