"""Measures town-features beside OpenCV's ORB, on sets of the drawn world or on real pictures.

    python models/train/features_evaluation.py --data DIR --features models/town/town-features.onnx
    python models/train/features_evaluation.py --pictures FOLDER --pairs loops.json --features ...

The network runs in ONNX Runtime, and its outputs are read as Framewise reads them.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import torch

from features_points import View, carry, decode, movable_ids, mutual, view
from world_data import HEIGHT, LIGHTS, WIDTH, WorldSet

GROUP = 4
MOST = 500  # features of a picture
RIGHT = 3.0  # pixels
TURN = 20.0  # degrees
SCALE = 1.2
LEAST_COSINE = 0.82  # of matched descriptors: what Framewise's matching takes by default, after XFeat
SEEN = 0.2  # share of the pictures' grid points that the other has to show


@dataclass
class Tally:
    """Sums over pairs."""

    pairs: int = 0
    points: int = 0
    matches: int = 0
    known: int = 0  # of something fixed that the other picture shows
    right: int = 0
    exact: int = 0  # right too if a point has the depth of its own pixel, and none of those around
    shown: int = 0  # points that the other picture shows
    again: int = 0  # of these, the ones with a point of the other within 3 pixels

    def line(self) -> str:
        """The figures in a row."""
        n, m = max(self.pairs, 1), max(self.matches, 1)
        return (
            f"{self.pairs} pairs, a picture's points {self.points / n:.0f}, matches {self.matches / n:.1f}, "
            f"right {self.right / n:.1f}: {self.right / m:.3f} of all, {self.right / max(self.known, 1):.3f} of those "
            f"whose true place is shown, own pixel's depth {self.exact / m:.3f}; repeated {self.again / max(self.shown, 1):.3f}"
        )


@dataclass
class Found:
    """Points [k, 2] and descriptors of one picture."""

    points: np.ndarray
    descriptors: np.ndarray
    bits: bool = field(default=False)


class Network:
    """The ONNX file in ONNX Runtime."""

    def __init__(self, path: Path, most: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.most = most

    def find(self, rgb: np.ndarray) -> Found:
        """Features of a picture, in its own pixels."""
        height, width = rgb.shape[:2]
        if (height, width) != (HEIGHT, WIDTH):
            rgb = cv2.resize(rgb, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
        image = np.ascontiguousarray(rgb.transpose(2, 0, 1)[None], np.float32)
        heat, maps = (torch.from_numpy(output) for output in self.session.run(None, {"image": image}))
        points, _, descriptors = decode(heat, maps, self.most)
        return Found(points * [width / WIDTH, height / HEIGHT], descriptors)


class Orb:
    """OpenCV's ORB as it comes."""

    def __init__(self, most: int) -> None:
        self.orb = cv2.ORB_create(most)

    def find(self, rgb: np.ndarray) -> Found:
        """Features of a picture, in its own pixels."""
        points, descriptors = self.orb.detectAndCompute(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), None)
        if descriptors is None:
            return Found(np.zeros((0, 2)), np.zeros((0, 32), np.uint8), True)
        return Found(np.array([point.pt for point in points]) + 0.5, descriptors, True)


def match(first: Found, second: Found) -> np.ndarray:
    """Pairs (a, b) that are each other's nearest, without a ratio test; those of the network are near enough too."""
    if not first.bits:
        pairs = mutual(first.descriptors, second.descriptors)
        likeness = np.sum(first.descriptors[pairs[:, 0]] * second.descriptors[pairs[:, 1]], axis=1)
        return pairs[likeness >= LEAST_COSINE]
    if len(first.points) == 0 or len(second.points) == 0:
        return np.zeros((0, 2), int)
    found = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(first.descriptors, second.descriptors)
    return np.array([(m.queryIdx, m.trainIdx) for m in found], int).reshape(-1, 2)


def is_asked(first: View, second: View) -> bool:
    """Whether two views are under 20 degrees and 20 % of scale apart and show a fifth of each other."""
    turned = (np.trace(first.rotation @ second.rotation.T) - 1) / 2
    if np.degrees(np.arccos(np.clip(turned, -1, 1))) >= TURN:
        return False
    grid = np.stack(np.meshgrid(np.arange(4.5, WIDTH, 8), np.arange(4.5, HEIGHT, 8)), axis=2).reshape(-1, 2)
    for here, there in ((first, second), (second, first)):
        carried = carry(here, there, grid, nearest=False)
        if carried.visible.mean() < SEEN:
            return False
        scale = float(np.median(carried.scales[carried.visible]))
        if not 1 / SCALE < scale < SCALE:
            return False
    return True


def judge(first: View, second: View, one: Found, two: Found, tally: Tally) -> None:
    """Adds a pair's figures: a match is right if its second point is within 3 pixels of where its first is, and
    nothing hides it there. Everything else is wrong, things that can move and places outside included."""
    pairs = match(one, two)
    carried = carry(first, second, one.points)
    strict = carry(first, second, one.points, nearest=False)
    a, b = pairs[:, 0], pairs[:, 1]
    with np.errstate(invalid="ignore"):
        right = carried.visible[a] & (np.linalg.norm(carried.points[a] - two.points[b], axis=1) < RIGHT)
        exact = strict.visible[a] & (np.linalg.norm(strict.points[a] - two.points[b], axis=1) < RIGHT)
        shown = carried.points[carried.visible]
        again = np.linalg.norm(shown[:, None] - two.points[None], axis=2) < RIGHT
    tally.pairs += 1
    tally.points += len(one.points)
    tally.matches += len(pairs)
    tally.known += int(carried.visible[a].sum())
    tally.right += int(right.sum())
    tally.exact += int(exact.sum())
    tally.shown += len(shown)
    tally.again += int(again.any(axis=1).sum()) if again.shape[1] else 0


def measure_sets(folder: Path, names: list[str], finders: dict[str, Network | Orb], groups: int | None) -> None:
    """Prints the figures of each set, by lights, and of all."""
    total: dict[tuple[str, str], Tally] = defaultdict(Tally)
    for name in names:
        data = WorldSet(folder, name)
        for group in range(min(groups or len(data), len(data) // GROUP)):
            frames = range(group * GROUP, group * GROUP + GROUP)
            movable = movable_ids(data.truth, frames)
            views = [view(data, frame, movable) for frame in frames]
            asked = [(i, j) for i in range(GROUP) for j in range(i + 1, GROUP) if is_asked(views[i], views[j])]
            for finder, tool in finders.items():
                found = [tool.find(np.array(data.rgb[frame])) for frame in frames]
                for i, j in asked:
                    lights = sorted((int(data.truth.lights[frames[i]]), int(data.truth.lights[frames[j]])))
                    kinds = ["all", name, "same light" if lights[0] == lights[1] else "other light"]
                    kinds.append(" and ".join(LIGHTS[light] for light in lights))
                    once = Tally()
                    judge(views[i], views[j], found[i], found[j], once)
                    for kind in kinds:
                        tally = total[kind, finder]
                        for key, value in vars(once).items():
                            setattr(tally, key, getattr(tally, key) + value)
    for kind, finder in sorted(total):
        print(f"{kind:14} {finder:8} {total[kind, finder].line()}", flush=True)


def measure_pictures(folder: Path, pairs: Path, finders: dict[str, Network | Orb]) -> None:
    """Prints how many matches of true pairs, and of as many pairs of other places, fit one motion of a camera."""
    true = [tuple(pair) for pair in json.loads(pairs.read_text())["pairs"]]
    names = sorted({name for pair in true for name in pair})
    kept = {pair for pair in true} | {(b, a) for a, b in true}
    random = np.random.default_rng(1)
    false: list[tuple[int, int]] = []
    while len(false) < len(true):
        a, b = (int(name) for name in random.choice(names, 2, replace=False))
        if (a, b) not in kept and abs(a - b) > 10:
            false.append((a, b))
    for finder, tool in finders.items():
        found = {
            name: tool.find(cv2.cvtColor(cv2.imread(str(folder / f"{name}.jpg")), cv2.COLOR_BGR2RGB)) for name in names
        }
        for kind, asked in (("same place", true), ("other place", false)):
            counts, fits = [], []
            for a, b in asked:
                matched = match(found[a], found[b])
                inliers = 0
                if len(matched) >= 8:
                    cv2.setRNGSeed(1)
                    ends = (found[a].points[matched[:, 0]], found[b].points[matched[:, 1]])
                    _, mask = cv2.findFundamentalMat(*ends, cv2.FM_RANSAC, 2.0, 0.999, 2000)
                    inliers = 0 if mask is None else int(mask.sum())
                counts.append(len(matched))
                fits.append(inliers)
            print(
                f"{kind:12} {finder:8} {len(asked)} pairs, matches {np.mean(counts):.1f}, of one motion "
                f"{np.mean(fits):.1f} (median {np.median(fits):.0f}, a tenth has {np.percentile(fits, 10):.0f} or fewer, "
                f"a tenth {np.percentile(fits, 90):.0f} or more)",
                flush=True,
            )


def main() -> None:
    """Measures what is named."""
    parser = argparse.ArgumentParser(description="Measures town-features beside ORB.")
    parser.add_argument("--features", type=Path, required=True, help="the ONNX file")
    parser.add_argument("--data", type=Path, help="folder with the sets of world_data.py")
    parser.add_argument("--sets", nargs="+", default=["val_a", "val_b"])
    parser.add_argument("--groups", type=int, help="only the first of each set")
    parser.add_argument("--pictures", type=Path, help="folder of real pictures N.jpg")
    parser.add_argument("--pairs", type=Path, help='{"pairs": [[41, 1], ...]}: pictures of one place')
    parser.add_argument("--most", type=int, default=MOST)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    finders = {"network": Network(arguments.features, arguments.most), "orb": Orb(arguments.most)}
    if arguments.data:
        measure_sets(arguments.data, arguments.sets, finders, arguments.groups)
    if arguments.pictures and arguments.pairs:
        measure_pictures(arguments.pictures, arguments.pairs, finders)


if __name__ == "__main__":
    main()
