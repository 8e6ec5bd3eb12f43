"""Writes orb_opencv.json: what OpenCV's FAST and ORB find in drawn pictures.

python3 orb_opencv.py > orb_opencv.json        (opencv-python-headless 5.0.0)

The pictures are not stored: see draw() and warp(), which tests/place/orb_picture.ts has as well. "fast" has x, y, score of
each corner; "orb" x, y, angle and descriptor of key points of level 0; "matches" how many mutual nearest neighbours of the
pair of pictures are right within 3 pixels, of how many.
"""
import json

import cv2
import numpy as np


def draw(width, height, shapes, seed):
    """Halves of rectangles in random greys, softened by the mean of 3 x 3 pixels."""
    state = seed

    def random(count):
        nonlocal state
        state = (state * 75 + 74) % 65537
        return state % count

    image = np.full((height, width), 128, np.int64)
    ys, xs = np.mgrid[0:height, 0:width]
    for _ in range(shapes):
        cx, cy, rx, ry = random(width), random(height), 3 + random(28), 3 + random(28)
        a, b, grey = random(21) - 10, random(21) - 10, random(256)
        inside = (abs(xs - cx) <= rx) & (abs(ys - cy) <= ry) & (a * (xs - cx) + b * (ys - cy) >= 0)
        image[inside] = grey
    padded = np.pad(image, 1, mode="edge")
    total = sum(padded[y:y + height, x:x + width] for y in range(3) for x in range(3))
    return ((total + 4) // 9).astype(np.uint8)


def warp(image, m):
    """Bilinear, in whole numbers; m: where a pixel comes from, from the middle, in 1/65536. Outside is 128."""
    height, width = image.shape
    ys, xs = np.mgrid[0:height, 0:width]
    dx, dy = xs - width // 2, ys - height // 2
    u = m[0] * dx + m[1] * dy + (width // 2) * 65536
    v = m[2] * dx + m[3] * dy + (height // 2) * 65536
    left, top = u // 65536, v // 65536
    inside = (left >= 0) & (top >= 0) & (left < width - 1) & (top < height - 1)
    left, top = np.clip(left, 0, width - 2), np.clip(top, 0, height - 2)
    fx, fy = u % 65536 // 256, v % 65536 // 256
    p = image.astype(np.int64)
    above = p[top, left] * (256 - fx) + p[top, left + 1] * fx
    below = p[top + 1, left] * (256 - fx) + p[top + 1, left + 1] * fx
    return np.where(inside, (above * (256 - fy) + below * fy + 32768) // 65536, 128).astype(np.uint8)


out = {"fast": [], "orb": [], "matches": []}
for width, height, shapes, seed in [(97, 83, 60, 3), (160, 121, 150, 8)]:
    found = cv2.FastFeatureDetector_create(20, True).detect(draw(width, height, shapes, seed))
    out["fast"].append({
        "picture": [width, height, shapes, seed],
        "corners": [[int(k.pt[0]), int(k.pt[1]), int(k.response)] for k in found],
    })

picture = [240, 200, 160, 5]
points, rows = cv2.ORB_create(nfeatures=120, nlevels=1, scoreType=cv2.ORB_FAST_SCORE).detectAndCompute(draw(*picture), None)
out["orb"].append({
    "picture": picture,
    "points": [[int(k.pt[0]), int(k.pt[1]), round(k.angle, 3), row.tobytes().hex()] for k, row in zip(points, rows)],
})

picture = [400, 320, 260, 12]
for degrees, scale in [(0, 1.25), (25, 1.0), (50, 0.8), (160, 1.1)]:
    c, s = np.cos(np.radians(degrees)) / scale, np.sin(np.radians(degrees)) / scale
    m = [round(65536 * value) for value in (c, s, -s, c)]
    first = draw(*picture)
    second = warp(first, m)
    orb = cv2.ORB_create(nfeatures=500)
    (k1, d1), (k2, d2) = orb.detectAndCompute(first, None), orb.detectAndCompute(second, None)
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(d1, d2)
    right = 0
    for pair in pairs:
        dx, dy = k2[pair.trainIdx].pt[0] - 200, k2[pair.trainIdx].pt[1] - 160
        x, y = (m[0] * dx + m[1] * dy) / 65536 + 200, (m[2] * dx + m[3] * dy) / 65536 + 160
        right += np.hypot(x - k1[pair.queryIdx].pt[0], y - k1[pair.queryIdx].pt[1]) <= 3
    out["matches"].append({"picture": picture, "warp": m, "features": 500, "right": int(right), "of": len(pairs)})
print(json.dumps(out, separators=(",", ":")))
