"""Finds the pairs of samples of OpenCV's ORB from its descriptors and writes src/place/orb_pattern.ts.

python3 orb_pattern.py > ../../src/place/orb_pattern.ts        (opencv-python-headless 5.0.0)

A single bright pixel, blurred, sets the bits whose second sample it is nearer to; a single dark one those whose first
sample it is nearer to. Only one pair of places gives the bits that are seen.
"""
import cv2
import numpy as np

MIDDLE, SIDE, REACH = 60, 121, 18
orb = cv2.ORB_create(nfeatures=10, nlevels=1)


def bits(image):
    points, rows = orb.compute(image, [cv2.KeyPoint(float(MIDDLE), float(MIDDLE), 31.0, 0.0, 1.0, 0)])
    assert len(points) == 1
    return np.unpackbits(rows[0], bitorder="little")


size = 2 * REACH + 1
bright = np.zeros((256, size, size), bool)
dark = np.zeros((256, size, size), bool)
for y in range(size):
    for x in range(size):
        image = np.zeros((SIDE, SIDE), np.uint8)
        image[MIDDLE + y - REACH, MIDDLE + x - REACH] = 255
        bright[:, y, x] = bits(image)
        dark[:, y, x] = bits(255 - image)

impulse = np.zeros((SIDE, SIDE), np.uint8)
impulse[MIDDLE, MIDDLE] = 255
spot = cv2.GaussianBlur(impulse, (7, 7), 2, sigmaY=2)[MIDDLE - 3:MIDDLE + 4, MIDDLE - 3:MIDDLE + 4]
seen = {}
for x in range(-14, 15):
    for y in range(-14, 15):
        seen[x, y] = np.zeros((size, size), int)
        seen[x, y][y + REACH - 3:y + REACH + 4, x + REACH - 3:x + REACH + 4] = spot


def places(mask):
    ys, xs = np.nonzero(mask)
    return [(x, y) for x, y in seen
            if abs(xs - REACH - x).max() <= 3 and abs(ys - REACH - y).max() <= 3]


rows = []
for i in range(256):
    fits = [(*a, *b) for a in places(dark[i]) for b in places(bright[i])
            if ((seen[b] > seen[a]) == bright[i]).all() and ((seen[a] > seen[b]) == dark[i]).all()]
    assert len(fits) == 1, (i, fits)
    rows.append(",".join(map(str, fits[0])))

print("""/**
 * The 256 pairs of samples of ORB's descriptors, as OpenCV has them (so that vocabularies made with it fit): x and y of
 * the first and of the second sample from the key point. They were learned by E. Rublee, V. Rabaud, K. Konolige and
 * G. Bradski (ORB: an efficient alternative to SIFT or SURF, 2011). The numbers were found from the descriptors that OpenCV
 * (Apache License 2.0; its ORB under the BSD license, (c) 2009 Willow Garage) computes, by tests/data/orb_pattern.py.
 *
 * @module
 */

const PAIRS = `""")
for i in range(0, 256, 8):
    print(" ".join(rows[i:i + 8]))
print("""`;

/** The numbers, four a pair. */
export const ORB_PATTERN: Int8Array = Int8Array.from(PAIRS.match(/-?\\d+/g)!, Number);""")
