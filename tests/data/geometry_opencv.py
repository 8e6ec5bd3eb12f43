"""Writes geometry_opencv.json: what OpenCV makes of pairs of points of drawn scenes.

python3 geometry_opencv.py > geometry_opencv.json        (opencv-python-headless 5.0.0, NumPy)

"exact" has solvers without RANSAC: the models through the first seven and the first five pairs, and the eight-point matrix of
all; "scenes" has RANSAC with cv2's defaults and the bounds of GeometricCheck: how many
inliers, and of the essential matrix the pose of cv2.recoverPose. Points are of the earlier frame (x1, y1), then the new one.
"""
import json

import cv2
import numpy as np

K = np.array([[520, 0, 322], [0, 510, 238], [0, 0, 1.0]])
random = np.random.default_rng(5)


def turn(angles):
    return cv2.Rodrigues(np.radians(angles).reshape(3, 1))[0]


def draw(kind, count, outliers, noise):
    rotation = turn(random.uniform(-6, 6, 3) if kind != "turning" else random.uniform(4, 8, 3))
    translation = {"forward": np.array([0.1, -0.05, -1.5]), "turning": np.zeros(3)}.get(kind, random.uniform(-1, 1, 3))
    rows = []
    while len(rows) < count:
        first = random.uniform([0, 0], [640, 480])
        ray = np.linalg.solve(K, [*first, 1])
        depth = 7 / (1 + 0.3 * ray[0] - 0.4 * ray[1]) if kind == "planar" else random.uniform(4, 12)
        second = K @ (rotation @ (depth * ray) + translation)
        second = second[:2] / second[2]
        if second.min() >= 0 and second[0] < 640 and second[1] < 480:
            rows.append([*(first + random.normal(0, noise, 2)), *(second + random.normal(0, noise, 2))])
    wrong = round(count * outliers)
    for i in range(wrong):
        rows[i] = random.uniform([0, 0, 0, 0], [640, 480, 640, 480])
    length = np.linalg.norm(translation)
    # Whole 64ths of a pixel: OpenCV computes with floats of 32 bits.
    return np.round(np.array(rows) * 64) / 64, rotation, translation / length if length else translation, wrong


def numbers(matrix):
    return [float(f"{value:.9g}") for value in np.asarray(matrix).ravel()]


def unit(matrix):
    return numbers(matrix / np.linalg.norm(matrix))


out = {"exact": [], "scenes": []}
for _ in range(6):
    points, rotation, translation, _ = draw("general", 12, 0, 0.5)
    first, second = points[:, :2], points[:, 2:]
    seven = cv2.findFundamentalMat(first[:7], second[:7], cv2.FM_7POINT)[0]
    five = cv2.findEssentialMat(first[:5], second[:5], K, cv2.RANSAC, 0.999, 1.0)[0]
    out["exact"].append({
        "points": numbers(points),
        "seven": [unit(seven[i:i + 3]) for i in range(0, len(seven), 3)],
        "five": [] if five is None else [unit(five[i:i + 3]) for i in range(0, len(five), 3)],
        "eight": unit(cv2.findFundamentalMat(first, second, cv2.FM_8POINT)[0]),
    })
for kind in ["general", "planar", "turning", "forward"]:
    for outliers in [0, 0.3, 0.5]:
        points, rotation, translation, wrong = draw(kind, 80, outliers, 0.5)
        first, second = points[:, :2], points[:, 2:]
        _, fundamental = cv2.findFundamentalMat(first, second, cv2.FM_RANSAC, 3.84 ** 0.5, 0.99, 4000)
        _, homography = cv2.findHomography(first, second, cv2.RANSAC, 5.99 ** 0.5, maxIters=1000, confidence=0.99)
        essential, mask = cv2.findEssentialMat(first, second, K, cv2.RANSAC, 0.99, 3.84 ** 0.5, 1000)
        _, turned, moved, _ = cv2.recoverPose(essential, first, second, K, mask=mask.copy())
        out["scenes"].append({
            "kind": kind,
            "wrong": wrong,
            "points": numbers(points),
            "rotation": numbers(rotation),
            "translation": numbers(translation),
            "fundamental": int(fundamental.sum()),
            "homography": int(homography.sum()),
            "essential": int(mask.sum()),
            "pose": {"rotation": numbers(turned), "translation": numbers(moved)},
        })
print(json.dumps(out, separators=(",", ":")))
