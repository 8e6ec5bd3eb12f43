"""OpenCV's ORB features of raw pictures.

    python3 opencv_orb.py WIDTH HEIGHT MOST < pictures.rgb > features

Reads rgb24 pictures one after the other. Writes for each, little-endian: their number (uint32), columns and rows
(float32; (0, 0) is the middle of the first pixel), and descriptors of 32 bytes, strongest first.
"""

from __future__ import annotations

import sys

import cv2
import numpy as np


def main() -> None:
    """Finds the features of all pictures on standard input."""
    width, height, most = (int(text) for text in sys.argv[1:4])
    cv2.setNumThreads(1)
    orb = cv2.ORB_create(nfeatures=most)
    while picture := sys.stdin.buffer.read(width * height * 3):
        rgb = np.frombuffer(picture, np.uint8).reshape(height, width, 3)
        found, descriptors = orb.detectAndCompute(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), None)
        order = sorted(range(len(found)), key=lambda i: -found[i].response)[:most]
        points = np.array([found[i].pt for i in order], "<f4").reshape(-1, 2)
        rows = descriptors[order] if order else np.empty((0, 32), np.uint8)
        sys.stdout.buffer.write(np.uint32(len(order)).astype("<u4").tobytes() + points.tobytes() + rows.tobytes())


if __name__ == "__main__":
    main()
