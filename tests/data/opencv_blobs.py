"""Writes opencv_blobs.json: what OpenCV's blobFromImage makes of small images of floats.

python3 opencv_blobs.py > opencv_blobs.json        (opencv-python-headless 5.0.0)

The images are not stored: byte i of one is (i * 7919 + i // 3 * 104729) // 13 % 256, in BGR order row by row.
"""
import json

import cv2
import numpy as np


def image(width, height):
    i = np.arange(width * height * 3, dtype=np.int64)
    return ((i * 7919 + i // 3 * 104729) // 13 % 256).astype(np.float32).reshape(height, width, 3)


def blob(width, height, size, fit, swap, scale, mean):
    params = cv2.dnn.Image2BlobParams()
    params.scalefactor = (scale,) * 4
    params.size = size
    params.mean = tuple(mean) + (0,)
    params.swapRB = swap
    params.paddingmode = {
        "stretch": cv2.dnn.DNN_PMODE_NULL,
        "center-crop": cv2.dnn.DNN_PMODE_CROP_CENTER,
        "letterbox-center": cv2.dnn.DNN_PMODE_LETTERBOX,
    }[fit]
    params.borderValue = (114.0, 114.0, 114.0, 114.0)
    if fit == "letterbox-center":
        return cv2.dnn.blobFromImageWithParams(image(width, height), params)
    return cv2.dnn.blobFromImage(image(width, height), scale, size, mean, swap, fit == "center-crop")


cases = []
for fit in ["stretch", "center-crop", "letterbox-center"]:
    for width, height, size in [(23, 17, (8, 8)), (9, 31, (12, 7)), (40, 12, (11, 13)), (5, 4, (16, 9)), (1, 1, (3, 2))]:
        swap = (width + len(cases)) % 2 == 0
        scale, mean = (1.0, (0, 0, 0)) if len(cases) % 3 else (1 / 128, (127, 120, 110))
        values = blob(width, height, size, fit, swap, scale, mean)
        assert values.shape == (1, 3, size[1], size[0])
        cases.append({
            "fit": fit, "source": [width, height], "size": size, "swap": swap, "scale": scale, "mean": mean,
            "values": [round(float(v), 5) for v in values.ravel()],
        })
print("[" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "]")
