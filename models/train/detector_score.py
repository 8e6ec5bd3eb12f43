"""Judges detections: mAP50, by class and by light.

The rules are those of `src/detect/average_precision.ts` with all points of the curve. An object counts if at
least 100 pixels of it show and at least 40 % of it is visible; others are neither asked for nor held against
a detection that meets them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from world_data import CLASSES, LIGHTS, Truth

# What the detector tells apart. A van is a car: in pictures of this size few people would say which. Dogs are too
# few and too small to be learnt, and are neither asked for nor taught.
KINDS = ("person", "bicycle", "car", "bus", "sign")
_KIND_OF_CLASS = {**{name: kind for kind, name in enumerate(KINDS)}, "van": KINDS.index("car"), "dog": -1}
KIND_OF = np.array([_KIND_OF_CLASS[name] for name in CLASSES])

FEWEST_PIXELS = 100
LEAST_VISIBLE = 0.4
LOWEST_SCORE = 0.01
MOST_BOXES = 100


@dataclass(frozen=True)
class Found:
    """Boxes found in one picture, best first."""

    boxes: np.ndarray  # [n, 4] x1, y1, x2, y2
    scores: np.ndarray  # [n]
    classes: np.ndarray  # [n]


def counts(pixels: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Whether objects count."""
    return (pixels >= FEWEST_PIXELS) & (visible >= LEAST_VISIBLE)


def overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU of [n, 4] with [m, 4] boxes: [n, m]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.prod(np.clip(high - low, 0, None), axis=2)
    areas_a = np.prod(a[:, 2:] - a[:, :2], axis=1)
    areas_b = np.prod(b[:, 2:] - b[:, :2], axis=1)
    return both / np.maximum(areas_a[:, None] + areas_b[None] - both, 1e-9)


def decode(rows: np.ndarray, grid: np.ndarray, limit: float = 0.5) -> Found:
    """Boxes of one picture from [n, 5 + classes] rows; grid is [n, 3]: column, row, stride."""
    labels = rows[:, 5:].argmax(axis=1)
    scores = rows[:, 4] * rows[np.arange(len(rows)), 5 + labels]
    order = np.argsort(-scores, kind="stable")[:400]
    order = order[scores[order] > LOWEST_SCORE]
    rows, labels, scores, grid = rows[order], labels[order], scores[order], grid[order]
    centres = (rows[:, 0:2] + grid[:, 0:2]) * grid[:, 2:]
    halves = np.exp(rows[:, 2:4]) * grid[:, 2:] / 2
    boxes = np.concatenate([centres - halves, centres + halves], axis=1)
    iou = overlaps(boxes, boxes)
    iou[labels[:, None] != labels[None]] = 0
    kept: list[int] = []
    gone = np.zeros(len(order), bool)
    for i in range(len(order)):
        if gone[i]:
            continue
        kept.append(i)
        gone |= iou[i] > limit
        if len(kept) == MOST_BOXES:
            break
    return Found(boxes[kept], scores[kept], labels[kept])


def average_precision(truth: Truth, found: list[Found], kind: int, frames: np.ndarray) -> tuple[float, int]:
    """AP50 of a kind over some frames, and how many of it count; NaN where none does."""
    objects = truth.objects
    asked = 0
    scores: list[float] = []
    right: list[bool] = []
    for frame in frames:
        rows = objects.of(frame)
        mine = KIND_OF[objects.classes[rows]] == kind
        boxes = objects.boxes[rows][mine]
        matters = counts(objects.pixels[rows], objects.visible[rows])[mine]
        asked += int(matters.sum())
        picture = found[frame]
        chosen = picture.classes == kind
        iou = overlaps(picture.boxes[chosen], boxes) if len(boxes) else None
        taken = np.zeros(len(boxes), bool)
        for i, score in enumerate(picture.scores[chosen]):
            best = int(iou[i].argmax()) if iou is not None else -1
            if iou is None or iou[i, best] < 0.5:
                scores.append(float(score))
                right.append(False)
            elif matters[best]:
                scores.append(float(score))
                right.append(not taken[best])
                taken[best] = True
    if asked == 0:
        return float("nan"), 0
    order = np.argsort(-np.asarray(scores), kind="stable")
    hits = np.asarray(right, bool)[order]
    recalls = np.cumsum(hits) / asked
    precisions = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    precisions = np.maximum.accumulate(precisions[::-1])[::-1]
    steps = np.diff(np.concatenate([[0.0], recalls]))
    return float(np.sum(steps * precisions)), asked


def score(truth: Truth, found: list[Found]) -> dict[str, dict[str, float]]:
    """AP50 by light ("all" and each that is there) and by class, "mean" over the classes that count there."""
    result: dict[str, dict[str, float]] = {}
    everything = np.arange(len(found))
    lights = truth.lights[: len(found)]
    parts = {"all": everything} | {name: everything[lights == i] for i, name in enumerate(LIGHTS)}
    for name, frames in parts.items():
        if len(frames) == 0:
            continue
        values = {label: average_precision(truth, found, i, frames)[0] for i, label in enumerate(KINDS)}
        result[name] = {"mean": float(np.nanmean(list(values.values()))), **values}
    return result


def table(result: dict[str, dict[str, float]]) -> str:
    """The result as lines of text."""
    head = f"{'':6}" + "".join(f"{name:>9}" for name in ("mean", *KINDS))
    rows = [f"{part:6}" + "".join(f"{value:9.3f}" for value in row.values()) for part, row in result.items()]
    return "\n".join([head, *rows])
