"""The detector's training pictures: frames of the world with what is to be found in them, changed a little.

Rare classes come more often: frames that have one are drawn more often, and bicycles are copied,
pixel by pixel as the numbers of things tell, into other frames of the same light (after Ghiasi et al.,
"Simple Copy-Paste is a Strong Data Augmentation Method for Instance Segmentation", arXiv:2012.07177).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from detector_score import KIND_OF, KINDS
from world_data import CLASSES, HEIGHT, LIGHTS, WIDTH, Objects, WorldSet

INPUT_HEIGHT, INPUT_WIDTH = 256, 320
FILL = 114
# Rows and columns of a crop: less than half the work of a whole frame, and most of what is to be learnt.
CROP = (160, 224)
# How much rather a crop is made around a thing of each class.
CLASS_WEIGHTS = np.array([1.3, 3.0, 1.0, 1.5, 3.0, 0.5, 1.5])
# Learnt as objects: some more than those that count, as there is no harm in finding them. Others are ignored,
# and those too small to look like anything are left out altogether.
LEARNT_PIXELS, LEARNT_VISIBLE, IGNORED_PIXELS = 60, 0.3, 12
# How much rather frames by day are drawn: most is asked for there.
DAY_WEIGHT = 1.5
COPIED = tuple(CLASSES.index(name) for name in ("bicycle",))
COPY_CHANCE = 0.4
# Where the horizon is, about: things further away stand nearer to it.
HORIZON = HEIGHT / 2


@dataclass(frozen=True)
class Cutout:
    """A thing, cut out of its frame."""

    image: np.ndarray  # [h, w, 3] uint8
    shape: np.ndarray  # [h, w] float32, 1 where it shows
    foot: float  # its lowest row in its frame
    class_id: int


@dataclass(frozen=True)
class Shown:
    """The objects of a picture."""

    boxes: np.ndarray  # [n, 4] float32
    classes: np.ndarray  # [n]
    pixels: np.ndarray  # [n]
    visible: np.ndarray  # [n]


class Pictures:
    """Batches of training pictures; the same seed gives the same batches."""

    def __init__(self, sets: list[WorldSet], seed: int) -> None:
        self.sets = sets
        self.random = np.random.default_rng(seed)
        self.frames = [(one, frame) for one in sets for frame in range(len(one))]
        self.weights = np.concatenate([rarity(one.truth.objects, len(one)) for one in sets])
        by_day = np.concatenate([one.truth.lights == LIGHTS.index("day") for one in sets])
        self.weights = np.where(by_day, DAY_WEIGHT, 1.0) * self.weights
        self.weights /= self.weights.sum()
        self.cutouts = [cut_out(sets, light) for light in range(len(LIGHTS))]

    def batch(self, size: int, cropped: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
        """[size, 3, 256, 320] or crops, float32; boxes, classes and ignored boxes, filled up to one length."""
        chosen = self.random.choice(len(self.frames), size, replace=False, p=self.weights)
        made = [self.picture(*self.frames[i], cropped) for i in chosen]
        x = torch.from_numpy(np.stack([image for image, *_ in made])).permute(0, 3, 1, 2).float()
        gains = torch.from_numpy(self.random.uniform(0.9, 1.1, (size, 3, 1, 1)).astype(np.float32))
        gains *= torch.from_numpy(self.random.uniform(0.75, 1.3, (size, 1, 1, 1)).astype(np.float32))
        lifts = torch.from_numpy(self.random.uniform(-20, 20, (size, 1, 1, 1)).astype(np.float32))
        x.mul_(gains).add_(lifts).clamp_(0, 255)
        if not cropped:
            x[:, :, HEIGHT:] = FILL
        return x, {
            "boxes": _stack([boxes for _, boxes, _, _ in made]),
            "classes": _stack([classes for _, _, classes, _ in made]).long(),
            "real": _stack([np.ones(len(classes), bool) for _, _, classes, _ in made]),
            "ignored": _stack([ignored for *_, ignored in made]),
        }

    def picture(
        self, one: WorldSet, frame: int, cropped: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """[256, 320, 3] or a crop, uint8, boxes to learn, their classes, boxes to ignore."""
        random, objects = self.random, one.truth.objects
        rows = objects.of(frame)
        source = one.rgb[frame]
        shown = Shown(objects.boxes[rows], objects.classes[rows], objects.pixels[rows], objects.visible[rows])
        if random.random() < COPY_CHANCE:
            source, shown = self.with_copy(source, shown, self.cutouts[one.truth.lights[frame]])
        view = self.view_of(shown) if cropped else self.view_of_all()
        left, top, width, height, to_width, to_height, to_left, to_top = view
        image = np.full((*(CROP if cropped else (INPUT_HEIGHT, INPUT_WIDTH)), 3), FILL, np.uint8)
        part = source[top : top + height, left : left + width]
        if (width, height) != (to_width, to_height):
            part = resize(part, to_width, to_height).round().astype(np.uint8)
        image[to_top : to_top + to_height, to_left : to_left + to_width] = part
        scale = np.array([to_width / width, to_height / height] * 2, np.float32)
        whole = (shown.boxes - np.array([left, top] * 2)) * scale
        boxes = whole.clip(0, [to_width, to_height] * 2) + np.array([to_left, to_top] * 2)
        sides = boxes[:, 2:] - boxes[:, :2]
        share = sides.prod(axis=1) / (whole[:, 2:] - whole[:, :2]).prod(axis=1)
        if random.random() < 0.5:
            image = image[:, ::-1]
            edge = image.shape[1]
            boxes = np.stack([edge - boxes[:, 2], boxes[:, 1], edge - boxes[:, 0], boxes[:, 3]], axis=1)
        pixels = shown.pixels * scale[0] * scale[1] * share
        there = (sides.min(axis=1) > 0.5) & (pixels >= IGNORED_PIXELS)
        learnt = there & (pixels >= LEARNT_PIXELS) & (shown.visible >= LEARNT_VISIBLE)
        learnt &= KIND_OF[shown.classes] >= 0
        ignored = there & ~learnt
        return image, boxes[learnt].astype(np.float32), KIND_OF[shown.classes[learnt]], boxes[ignored].astype(np.float32)

    def view_of_all(self) -> tuple[int, int, int, int, int, int, int, int]:
        """Which part of a frame is shown (left, top, width, height), how large and where: most of it, or all."""
        random, choice = self.random, self.random.random()
        if choice < 0.2:
            width = int(random.integers(240, WIDTH))
            height = min(int(width * 0.75 * random.uniform(0.92, 1.08)), HEIGHT)
            left, top = int(random.integers(0, WIDTH - width + 1)), int(random.integers(0, HEIGHT - height + 1))
            return left, top, width, height, WIDTH, HEIGHT, 0, 0
        if choice < 0.3:
            to_width = int(random.integers(264, WIDTH))
            to_height = int(to_width * 0.75)
            at = int(random.integers(0, WIDTH - to_width)), int(random.integers(0, HEIGHT - to_height))
            return 0, 0, WIDTH, HEIGHT, to_width, to_height, *at
        return 0, 0, WIDTH, HEIGHT, WIDTH, HEIGHT, 0, 0

    def view_of(self, shown: Shown) -> tuple[int, int, int, int, int, int, int, int]:
        """As `view_of_all`, of a part as large as a crop around one of the objects, rare classes rather."""
        random, choice = self.random, self.random.random()
        scale = 1.0
        if choice < 0.6:
            scale = float(random.uniform(0.72, 1.0) if choice < 0.3 else random.uniform(1.0, 1.5))
        height, width = (round(side / scale) for side in CROP)
        good = np.nonzero((shown.pixels >= LEARNT_PIXELS) & (shown.visible >= LEARNT_VISIBLE))[0]
        x, y = random.uniform(0, WIDTH), random.uniform(0, HEIGHT)
        if len(good) > 0:
            wanted = CLASS_WEIGHTS[shown.classes[good]]
            box = shown.boxes[random.choice(good, p=wanted / wanted.sum())]
            x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        left = int(np.clip(x - width * random.uniform(0.15, 0.85), 0, WIDTH - width))
        top = int(np.clip(y - height * random.uniform(0.15, 0.85), 0, HEIGHT - height))
        return left, top, width, height, CROP[1], CROP[0], 0, 0

    def with_copy(self, source: np.ndarray, shown: Shown, cutouts: list[Cutout]) -> tuple[np.ndarray, Shown]:
        """A frame with one thing more, where it hides no object; as it was where that finds no room."""
        random = self.random
        thing = cutouts[int(random.integers(len(cutouts)))]
        scale = float(np.exp(random.uniform(np.log(0.5), np.log(1.2))))
        width, height = (max(6, round(side * scale)) for side in thing.shape.shape[::-1])
        top = round(HORIZON + (thing.foot - HORIZON) * scale + float(random.uniform(-6, 6))) - height
        mirrored = random.random() < 0.5
        lefts = random.integers(0, WIDTH - width + 1, 5) if width < WIDTH else []
        if top < 0 or top + height > HEIGHT:
            return source, shown
        for left in lefts:
            box = np.array([left, top, left + width, top + height], np.float32)
            sides = np.minimum(shown.boxes[:, 2:], box[2:]) - np.maximum(shown.boxes[:, :2], box[:2])
            if np.any((sides.min(axis=1) > 0) & (shown.pixels >= IGNORED_PIXELS)):
                continue
            shape = resize(thing.shape[..., None], width, height)
            part = resize(thing.image, width, height)
            if mirrored:
                shape, part = shape[:, ::-1], part[:, ::-1]
            source = np.array(source)
            under = source[top : top + height, left : left + width]
            under[...] = (under + shape * (part - under)).round()
            more = (box[None], [thing.class_id], [shape.sum()], [1.0])
            old = (shown.boxes, shown.classes, shown.pixels, shown.visible)
            return source, Shown(*(np.concatenate([a, np.asarray(b, a.dtype)]) for a, b in zip(old, more)))
        return source, shown


def cut_out(sets: list[WorldSet], light: int) -> list[Cutout]:
    """The things of the copied classes in frames of one light that are whole and large enough, each class as often."""
    cutouts: list[list[Cutout]] = [[] for _ in COPIED]
    for one in sets:
        truth, objects = one.truth, one.truth.objects
        owners = np.repeat(np.arange(len(one)), np.diff(objects.starts))
        good = (objects.visible > 0.95) & ~objects.cut & (objects.pixels >= 150) & (truth.lights[owners] == light)
        for row in np.nonzero(good & np.isin(objects.classes, COPIED))[0]:
            x1, y1, x2, y2 = objects.boxes[row].astype(int)
            shape = (one.ids[owners[row], y1:y2, x1:x2] == objects.ids[row]).astype(np.float32)
            image = np.array(one.rgb[owners[row], y1:y2, x1:x2])
            class_id = int(objects.classes[row])
            cutouts[COPIED.index(class_id)].append(Cutout(image, shape, float(y2), class_id))
    most = max(len(some) for some in cutouts)
    if min(len(some) for some in cutouts) == 0:
        raise ValueError(f"light {LIGHTS[light]}: nothing of some of the classes {COPIED} is whole; use larger sets")
    return [some[i % len(some)] for some in cutouts for i in range(most)]


def rarity(objects: Objects, frames: int) -> np.ndarray:
    """How often each frame is to be drawn: by its rarest class, at most four times as often as others."""
    learnt = (objects.pixels >= LEARNT_PIXELS) & (objects.visible >= LEARNT_VISIBLE)
    owners = np.repeat(np.arange(frames), np.diff(objects.starts))
    weights = np.full(frames, 0.6)
    for kind in range(len(KINDS)):
        having = np.unique(owners[learnt & (KIND_OF[objects.classes] == kind)])
        factor = np.clip(np.sqrt(0.5 * frames / max(len(having), 1)), 1, 4)
        weights[having] = np.maximum(weights[having], factor)
    return weights


def resize(part: np.ndarray, width: int, height: int) -> np.ndarray:
    """[h, w, c] to [height, width, c] float32."""
    x = torch.from_numpy(np.array(part)).permute(2, 0, 1)[None].float()
    y = F.interpolate(x, (height, width), mode="bilinear", align_corners=False, antialias=width < part.shape[1])
    return y[0].permute(1, 2, 0).numpy()


def _stack(lists: list[np.ndarray]) -> Tensor:
    most = max(1, max(len(one) for one in lists))
    filled = np.zeros((len(lists), most, *lists[0].shape[1:]), lists[0].dtype)
    for i, one in enumerate(lists):
        filled[i, : len(one)] = one
    return torch.from_numpy(filled)
