"""Judges a detector's ONNX file with ONNX Runtime: on validation pictures, on drives, on photographs.

    python models/train/detector_judge.py --onnx models/town/town-detector.onnx --data DIR [--photographs DIR]

None of the pictures was trained on, and none is of the seeds below 1000, which `deno task eval:embedded`
looks at. The photographs are those of a folder NAME/*.jpg with boxes in NAME-truth/*.txt, a line a box:
class, left, top, right, bottom, and "difficult" where it is.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from PIL import Image

from detector import make_grid
from detector_pictures import FILL, INPUT_HEIGHT, INPUT_WIDTH, resize
from detector_score import KIND_OF, KINDS, Found, average_precision, counts, decode, overlaps, score, table
from world_data import CLASSES, HEIGHT, WIDTH, Objects, Truth, WorldSet, read_truth

# Two laps, the second in other light; `place.py drives` draws them. One frame of so many is looked at.
DRIVES = ("laps_3001_day", "laps_3002_dusk", "laps_3003_rain", "laps_3004_day")
EVERY = 6
OBJECT_FIELDS = ("boxes", "classes", "pixels", "visible", "cut", "ids", "depths")
VOC_NAMES = ("person", "bicycle", "car", "bus")
# Scores from which boxes could be shown.
THRESHOLDS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)


class Network:
    """The ONNX file in ONNX Runtime, one thread."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.grid = make_grid().numpy()

    def find(self, image: np.ndarray) -> Found:
        """What is in a [h, w, 3] uint8 picture that fits into the input."""
        x = np.full((INPUT_HEIGHT, INPUT_WIDTH, 3), FILL, np.float32)
        x[: image.shape[0], : image.shape[1]] = image
        (rows,) = self.session.run(None, {"image": x.transpose(2, 0, 1)[None]})
        return decode(rows[0], self.grid)


def judge(name: str, network: Network, sets: list[tuple[Truth, np.ndarray]], every: int) -> None:
    """Prints AP50 and recall over one frame of every so many of all the sets together."""
    truth = join([some_of(truth, every) for truth, _ in sets])
    found = [network.find(frame) for _, frames in sets for frame in frames[::every]]
    parts = table(score(truth, found)), by_size(truth, found), by_threshold(truth, found)
    print("\n".join([name, *parts]), flush=True)


def some_of(truth: Truth, every: int) -> Truth:
    """The truth of one frame of every so many."""
    if every == 1:
        return truth
    frames = np.arange(0, len(truth), every)
    objects = truth.objects
    rows = np.concatenate([np.arange(len(objects.classes))[objects.of(frame)] for frame in frames])
    lengths = np.diff(objects.starts)[frames]
    chosen = {name: getattr(objects, name)[rows] for name in OBJECT_FIELDS}
    return replace(
        truth,
        lights=truth.lights[frames],
        groups=truth.groups[frames],
        objects=Objects(starts=np.concatenate([[0], np.cumsum(lengths)]), **chosen),
        same_place=[truth.same_place[frame] for frame in frames],
    )


def join(truths: list[Truth]) -> Truth:
    """One truth of several, for what the score looks at."""
    objects = [truth.objects for truth in truths]
    lengths = np.concatenate([np.diff(one.starts) for one in objects])
    first = truths[0]
    return Truth(
        lights=np.concatenate([truth.lights for truth in truths]),
        groups=np.concatenate([truth.groups for truth in truths]),
        positions=first.positions,
        rotations=first.rotations,
        focals=first.focals,
        centres=first.centres,
        distortions=first.distortions,
        objects=Objects(
            starts=np.concatenate([[0], np.cumsum(lengths)]),
            **{name: np.concatenate([getattr(one, name) for one in objects]) for name in OBJECT_FIELDS},
        ),
        same_place=[pairs for truth in truths for pairs in truth.same_place],
    )


def by_size(truth: Truth, found: list[Found]) -> str:
    """Share of the objects that count that are found with a score of 0.25 or more, by pixels that show."""
    edges = (100, 200, 400, 1000, 4000, 10**9)
    asked = np.zeros((len(KINDS), len(edges) - 1), int)
    met = np.zeros_like(asked)
    objects = truth.objects
    for frame, picture in enumerate(found):
        sure = picture.scores >= 0.25
        rows = objects.of(frame)
        kinds, pixels = KIND_OF[objects.classes[rows]], objects.pixels[rows]
        matter = np.nonzero(counts(pixels, objects.visible[rows]) & (kinds >= 0))[0]
        iou = overlaps(objects.boxes[rows], picture.boxes[sure])
        best = np.where(kinds[:, None] == picture.classes[sure][None], iou, 0).max(axis=1, initial=0)
        for i in matter:
            size = int(np.searchsorted(edges, pixels[i], side="right")) - 1
            asked[kinds[i], size] += 1
            met[kinds[i], size] += best[i] >= 0.5
    lines = [f"{'recall':8}" + "".join(f"{f'from {low}':>14}" for low in edges[:-1])]
    for name, a, m in zip(KINDS, asked, met):
        cells = (f"{hit / max(count, 1):.2f} of {count}" for hit, count in zip(m, a))
        lines.append(f"{name:8}" + "".join(f"{cell:>14}" for cell in cells))
    return "\n".join(lines)


def by_threshold(truth: Truth, found: list[Found]) -> str:
    """Precision, recall and their harmonic mean where only boxes with at least a score are shown."""
    lines = [f"{'score':8}{'precision':>10}{'recall':>10}{'F1':>10}"]
    objects = truth.objects
    for least in THRESHOLDS:
        right = shown = asked = 0
        for frame, picture in enumerate(found):
            rows = objects.of(frame)
            kinds = KIND_OF[objects.classes[rows]]
            matter = counts(objects.pixels[rows], objects.visible[rows]) & (kinds >= 0)
            sure = picture.scores >= least
            iou = overlaps(objects.boxes[rows], picture.boxes[sure])
            iou[kinds[:, None] != picture.classes[sure][None]] = 0
            best = iou.argmax(axis=0) if len(iou) else np.zeros(0, int)
            meets = iou.max(axis=0, initial=0) >= 0.5
            asked += int(matter.sum())
            right += len({int(i) for i, hit in zip(best, meets) if hit and matter[i]})
            shown += int((~meets).sum()) + sum(bool(hit and matter[i]) for i, hit in zip(best, meets))
        precision, recall = right / max(shown, 1), right / max(asked, 1)
        both = 2 * precision * recall / max(precision + recall, 1e-9)
        lines.append(f"{least:<8}{precision:10.3f}{recall:10.3f}{both:10.3f}")
    return "\n".join(lines)


def read_photographs(folder: Path) -> tuple[list[Path], Truth]:
    """Photographs and their boxes, scaled as the network's input will be; difficult ones do not count."""
    paths = sorted(folder.glob("*.jpg"))
    rows: list[tuple[float, ...]] = []
    starts = [0]
    for path in paths:
        width, height = Image.open(path).size
        scale = min(INPUT_WIDTH / width, INPUT_HEIGHT / height)
        for line in (folder.parent / f"{folder.name}-truth" / f"{path.stem}.txt").read_text().splitlines():
            name, *box = line.split()
            if name in VOC_NAMES:
                hard = box[4:] == ["difficult"]
                rows.append((*(float(v) * scale for v in box[:4]), CLASSES.index(name), 0 if hard else 10**6))
        starts.append(len(rows))
    grid, n = np.asarray(rows, np.float64), len(paths)
    objects = Objects(
        starts=np.asarray(starts),
        boxes=grid[:, :4].astype(np.float32),
        classes=grid[:, 4].astype(np.int16),
        pixels=grid[:, 5].astype(np.int32),
        visible=np.ones(len(grid), np.float32),
        cut=np.zeros(len(grid), bool),
        ids=np.zeros(len(grid), np.int32),
        depths=np.zeros(len(grid), np.float32),
    )
    zeros = np.zeros((n, 3))
    return paths, Truth(
        np.zeros(n, np.int8), np.full(n, -1), zeros, np.zeros((n, 3, 3)), zeros[:, 0], zeros[:, :2], zeros[:, :2],
        objects, [[] for _ in paths],
    )  # fmt: skip


def judge_photographs(network: Network, folder: Path) -> None:
    paths, truth = read_photographs(folder)
    found: list[Found] = []
    for path in paths:
        image = np.asarray(Image.open(path).convert("RGB"))
        height, width = image.shape[:2]
        scale = min(INPUT_WIDTH / width, INPUT_HEIGHT / height)
        small = resize(image, round(width * scale), round(height * scale))
        found.append(network.find(small.round().clip(0, 255).astype(np.uint8)))
    everything = np.arange(len(paths))
    sure = [one.classes[one.scores >= 0.25] for one in found]
    print(f"photographs: {len(paths)}, {sum(map(len, sure))} boxes with a score of 0.25 or more")
    for name in VOC_NAMES:
        kind = KINDS.index(name)
        value, asked = average_precision(truth, found, kind, everything)
        many = sum(int((labels == kind).sum()) for labels in sure)
        print(f"  {name:8} AP50 {value:.3f} of {asked}, {many} boxes")


def main() -> None:
    parser = argparse.ArgumentParser(description="Judges the embedded object detector.")
    parser.add_argument("--onnx", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of world_data.py and of `place.py drives`")
    parser.add_argument("--photographs", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    network = Network(arguments.onnx)
    sets = [WorldSet(arguments.data, name) for name in ("val_a", "val_b")]
    judge("random pictures (val_a, val_b)", network, [(one.truth, one.rgb) for one in sets], 1)
    drives = [
        (
            read_truth(arguments.data / "laps" / f"{name}.jsonl"),
            np.memmap(arguments.data / "laps" / f"{name}.rgb", np.uint8, "r").reshape(-1, HEIGHT, WIDTH, 3),
        )
        for name in DRIVES
    ]
    judge(f"drives ({', '.join(DRIVES)}), one frame of {EVERY}", network, drives, EVERY)
    if arguments.photographs:
        judge_photographs(network, arguments.photographs)


if __name__ == "__main__":
    main()
