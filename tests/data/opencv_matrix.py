"""Writes opencv_matrix.json: what OpenCV makes of small matrices.

python3 opencv_matrix.py > opencv_matrix.json        (opencv-python-headless 5.0.0)

The sources are not stored: see source(). Results are base64 of the elements, little endian, row by row.
"""
import base64
import json

import cv2
import numpy as np

DEPTHS = {
    "8U": np.uint8, "8S": np.int8, "16U": np.uint16, "16S": np.int16, "32S": np.int32, "32F": np.float32,
    "16F": np.float16,
}
CV = {"8U": cv2.CV_8U, "8S": cv2.CV_8S, "16U": cv2.CV_16U, "16S": cv2.CV_16S, "32S": cv2.CV_32S, "32F": cv2.CV_32F}
cases = []


def split(kind):
    depth, channels = kind.split("C")
    return depth, int(channels)


def source(rows, cols, kind, seed):
    """Noise; with seed 100 all colours of six levels, of which the first row is gray."""
    depth, channels = split(kind)
    i = np.arange(rows * cols * channels, dtype=np.int64)
    v = (i * 7919 + seed * 104729) // 13
    if seed == 100:
        pixel, c = i // channels, i % channels
        v = np.where(pixel < cols, pixel % 6, pixel // 6**c % 6) * 51
        v = v if depth == "8U" else v / 255
    elif depth == "8U":
        v = v % 256
    elif depth == "8S":
        v = v % 256 - 128
    elif depth == "16U":
        v = v * 37 % 65536
    elif depth == "16S":
        v = v * 37 % 65536 - 32768
    elif depth == "32S":
        v = v * 1237 % 200001 - 100000
    else:
        v = (v % 2048 - 1024) / 64
    image = v.astype(DEPTHS[depth]).reshape(rows, cols, channels)
    return image[:, :, 0].copy() if channels == 1 else image


def add(op, sources, result, **options):
    result = np.ascontiguousarray(result)
    cases.append({
        "op": op, "sources": sources, "shape": result.shape, "depth": next(d for d in DEPTHS if DEPTHS[d] == result.dtype),
        **options, "data": base64.b64encode(result.astype(result.dtype.newbyteorder("<")).tobytes()).decode(),
    })


def one(rows, cols, kind, seed=1):
    return [[rows, cols, kind, seed]], source(rows, cols, kind, seed)


orders = ["BGR", "RGB", "BGRA", "RGBA"]
channels = {"GRAY": 1, "BGR": 3, "RGB": 3, "BGRA": 4, "RGBA": 4, "HSV": 3}
codes = [
    "BGR2GRAY", "RGB2GRAY", "BGRA2GRAY", "RGBA2GRAY", "GRAY2BGR", "GRAY2RGBA", "BGR2RGB", "BGR2BGRA", "RGB2BGRA", "RGBA2BGR",
    "BGRA2BGR", "BGRA2RGBA", "BGR2HSV", "RGB2HSV", "HSV2BGR", "HSV2RGB", "BGR2HSV_FULL", "HSV2RGB_FULL",
]
for n, code in enumerate(codes):
    count = channels[code.split("2")[0]]
    many = ["8U", "16U", "32F"] if code in ("BGR2GRAY", "RGB2BGRA") else ["8U", "32F"] if code in ("BGR2HSV", "HSV2BGR") else ["8U"]
    for depth in many:
        hsv = "HSV" in code
        sources, image = one(9, 25, f"{depth}C{count}", 100) if hsv else one(*[(3, 5), (1, 1), (7, 9)][n % 3], f"{depth}C{count}", n)
        if code.startswith("HSV") and depth == "32F":
            image = image * np.float32([360, 1, 1])
        if code.startswith("HSV") and depth == "8U" and "FULL" not in code:
            image = np.minimum(image, np.uint8([179, 255, 255]))
        add("cvtColor", sources, cv2.cvtColor(image, getattr(cv2, "COLOR_" + code)), code=code)
for rows, cols in [(4, 6), (10, 12), (2, 2)]:
    for code in ["YUV2BGR_I420", "YUV2RGBA_I420", "YUV2RGB_NV12", "YUV2BGRA_NV12", "YUV2GRAY_I420"]:
        sources, image = one(rows * 3 // 2, cols, "8UC1", cols)
        add("cvtColor", sources, cv2.cvtColor(image, getattr(cv2, "COLOR_" + code)), code=code)
    for code in ["BGR2YUV_I420", "RGBA2YUV_I420"]:
        sources, image = one(rows, cols, "8UC" + ("3" if code[3] == "2" else "4"), cols)
        add("cvtColor", sources, cv2.cvtColor(image, getattr(cv2, "COLOR_" + code)), code=code)

filters = {"nearest": cv2.INTER_NEAREST, "linear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA, "cubic": cv2.INTER_CUBIC}
shapes = [(7, 5, 9, 13), (17, 23, 8, 11), (1, 1, 3, 2), (12, 16, 4, 8), (17, 33, 9, 33), (5, 24, 11, 7), (20, 20, 10, 10)]
for name, flag in filters.items():
    kinds = {
        "nearest": ["8UC1", "8UC3", "8UC4", "16SC2", "32FC3"], "linear": ["8UC1", "8UC3", "8UC4", "16UC1", "32FC1"],
        "area": ["8UC3", "16UC1", "32FC1"], "cubic": ["8UC3", "16SC2", "32FC1"],
    }[name]
    for kind in kinds:
        for n, (rows, cols, to_rows, to_cols) in enumerate(shapes):
            if kind in ("16SC2", "16UC1", "8UC4", "32FC3") and n not in (0, 1):
                continue
            sources, image = one(rows, cols, kind, n)
            add("resize", sources, cv2.resize(image, (to_cols, to_rows), interpolation=flag), interpolation=name)

borders = {
    "constant": cv2.BORDER_CONSTANT, "replicate": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT,
    "reflect101": cv2.BORDER_REFLECT_101, "wrap": cv2.BORDER_WRAP,
}
for name, flag in borders.items():
    for kind, rows, cols, sides in [("8UC3", 4, 5, (2, 1, 3, 4)), ("8UC1", 1, 1, (1, 0, 2, 3)), ("32FC1", 3, 2, (7, 8, 5, 0)), ("16UC2", 2, 3, (0, 1, 1, 0))]:
        sources, image = one(rows, cols, kind, 3)
        add("copyMakeBorder", sources, cv2.copyMakeBorder(image, *sides, flag, value=(7, 8, 9, 10)), border=name, sides=sides)
for code in [0, 1, -1]:
    for kind, rows, cols in [("8UC3", 4, 5), ("8UC1", 1, 1), ("32FC1", 3, 2), ("16UC2", 5, 9), ("32SC1", 3, 7)]:
        sources, image = one(rows, cols, kind, 4)
        add("flip", sources, cv2.flip(image, code), flipCode=code)

norms = {"minmax": cv2.NORM_MINMAX, "inf": cv2.NORM_INF, "L1": cv2.NORM_L1, "L2": cv2.NORM_L2}
for name, flag in norms.items():
    for kind, depth, alpha, beta in [("8UC3", "8U", 20, 200), ("8UC1", "32F", 1, 0), ("16SC1", "32F", -3, 2.5), ("32FC3", "32F", 1, 5), ("32SC1", "16U", 1000, 50000)]:
        sources, image = one(*((9, 13) if kind != "8UC1" else (3, 5)), kind, 5)
        add("normalize", sources, cv2.normalize(image, None, alpha, beta, flag, CV[depth]), alpha=alpha, beta=beta, norm=name)

for name, kind, depth in [("minmax", "16SC1", "8U"), ("L1", "8UC1", "32F"), ("L2", "8UC3", "32F"), ("inf", "32FC3", "32F")]:
    sources, image = one(9, 13, kind, 5)
    mask = source(9, 13, "8UC1", 7)
    mask[mask < 99] = 0
    result = np.zeros(image.shape, DEPTHS[depth])
    cv2.normalize(image, result, 20, 200, norms[name], CV[depth], mask)
    add("normalize", sources, result, alpha=20, beta=200, norm=name, masked=True)

for kind, depth in [("8UC3", "32F"), ("32FC3", "8U"), ("32FC1", "16S"), ("16SC1", "8S"), ("16UC1", "8U"), ("8SC1", "16U"), ("32SC1", "16S"), ("32FC1", "32S")]:
    for alpha, beta in [(0.5, 0.25), (-1.75, 100), (10, 0)]:
        sources, image = one(3, 5, kind, 6)
        # Python has no convertTo; this saturates and rounds as it does.
        add("convertTo", sources, cv2.addWeighted(image, alpha, image, 0, beta, dtype=CV[depth]), alpha=alpha, beta=beta)

modes = {"null": cv2.dnn.DNN_PMODE_NULL, "cropCenter": cv2.dnn.DNN_PMODE_CROP_CENTER, "letterbox": cv2.dnn.DNN_PMODE_LETTERBOX}
plain = {"scalefactor": [1, 1, 1, 1], "mean": [0, 0, 0, 0], "swapRB": False, "ddepth": "32F", "datalayout": "NCHW", "borderValue": [0, 0, 0, 0]}
for n, (kind, sizes, size, options) in enumerate([
    ("8UC3", [(17, 23)], (9, 8), {"scalefactor": [1 / 64, 0.5, 2, 1], "mean": [100, 110, 120, 0], "swapRB": True}),
    ("32FC3", [(17, 23)], (9, 8), {"swapRB": True}),
    ("8UC3", [(4, 5), (9, 3), (7, 7)], (7, 5), {"scalefactor": [0.25] * 4, "mean": [1, 2, 3, 0], "borderValue": [114, 115, 116, 0]}),
    ("8UC1", [(12, 31)], (13, 7), {"scalefactor": [1 / 255] * 4, "mean": [9, 0, 0, 0], "borderValue": [50, 0, 0, 0]}),
    ("8UC4", [(5, 6), (5, 6)], (4, 4), {"scalefactor": [1, 2, 3, 4], "swapRB": True, "mean": [1, 2, 3, 4]}),
    ("8UC3", [(17, 9), (4, 4)], (5, 9), {"swapRB": True, "ddepth": "8U", "borderValue": [1, 2, 3, 0]}),
    ("8UC3", [(5, 7), (8, 3)], (5, 3), {"swapRB": True, "datalayout": "NHWC", "scalefactor": [0.5, 1, 2, 1], "mean": [10, 20, 30, 0], "borderValue": [9, 8, 7, 0]}),
    ("32FC1", [(1, 1)], (3, 2), {}),
]):
    for mode, flag in modes.items():
        given = {**plain, **options}
        params = cv2.dnn.Image2BlobParams()
        params.scalefactor, params.mean, params.swapRB = given["scalefactor"], given["mean"], given["swapRB"]
        params.size, params.ddepth, params.paddingmode = size, CV[given["ddepth"]], flag
        params.datalayout = cv2.DATA_LAYOUT_NCHW if given["datalayout"] == "NCHW" else cv2.DATA_LAYOUT_NHWC
        params.borderValue = given["borderValue"]
        sources = [[rows, cols, kind, n + k] for k, (rows, cols) in enumerate(sizes)]
        images = [source(*one) for one in sources]
        rects = [[1, 1, 2, 2], [0, 0, *size], [size[0] // 2, size[1] // 2, 3, 1]]
        image_size = (sizes[0][1], sizes[0][0])
        add("blob", sources, cv2.dnn.blobFromImagesWithParams(images, params), params={**given, "size": size, "paddingmode": mode},
            rects=rects, imageRects=[params.blobRectToImageRect(rect, image_size) for rect in rects])
print("[" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "]")
