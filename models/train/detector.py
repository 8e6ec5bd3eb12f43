"""Trains the embedded object detector: anchor-free, three grids, the output layout of YOLOX.

    python models/train/detector.py --data DIR --out models/town/town-detector.onnx

Sources: the head, the assignment of cells to boxes (SimOTA) and the output layout are those of Ge et al.,
"YOLOX: Exceeding YOLO Series in 2021", arXiv:2107.08430; the pyramid is that of Lin et al., "Feature Pyramid
Networks for Object Detection", arXiv:1612.03144; the pooling that of He et al., arXiv:1406.4729; the box
loss that of Rezatofighi et al., "Generalized Intersection over Union", arXiv:1902.09630.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from detector_pictures import CROP, FILL, INPUT_HEIGHT, INPUT_WIDTH, Pictures
from detector_score import KINDS, Found, decode, score, table
from world_data import HEIGHT, WorldSet

STRIDES = (8, 16, 32)


class ConvUnit(nn.Module):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs, momentum=0.05)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)), inplace=True)


class Residual(nn.Module):
    """x + 3x3(1x1(x)), the middle narrower."""

    def __init__(self, channels: int, middle: int) -> None:
        super().__init__()
        self.narrow = ConvUnit(channels, middle, 1)
        self.wide = ConvUnit(middle, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.wide(self.narrow(x))


class Pooling(nn.Module):
    """Maxima over growing windows beside the features themselves."""

    def __init__(self, channels: int, middle: int) -> None:
        super().__init__()
        self.narrow = ConvUnit(channels, middle, 1)
        self.wide = ConvUnit(middle * 3, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.narrow(x)
        first = F.max_pool2d(x, 5, 1, 2)
        second = F.max_pool2d(first, 5, 1, 2)
        return self.wide(torch.cat([x, first, second], dim=1))


class Detector(nn.Module):
    """[B, 3, H, W] RGB 0..255 to [B, cells, 5 + classes]; scores are logits while `scores` is false."""

    def __init__(self, classes: int, width: int = 32) -> None:
        super().__init__()
        self.scores = False
        self.stem = ConvUnit(3, 16, 3, 2)
        self.stage4 = nn.Sequential(ConvUnit(16, 24, 3, 2), Residual(24, 8))
        self.stage8 = nn.Sequential(ConvUnit(24, 48, 3, 2), Residual(48, 24), Residual(48, 24))
        self.stage16 = nn.Sequential(ConvUnit(48, 72, 3, 2), Residual(72, 40), Residual(72, 40))
        self.stage32 = nn.Sequential(ConvUnit(72, 64, 3, 2), Pooling(64, 32), Residual(64, 32))
        self.side8, self.side16, self.side32 = (ConvUnit(c, width, 1) for c in (48, 72, 64))
        self.mix16 = ConvUnit(width, width, 3)
        self.boxes = ConvUnit(width, width, 3)
        self.kinds = ConvUnit(width, width, 3)
        self.box = nn.Conv2d(width, 4, 1)
        self.objectness = nn.Conv2d(width, 1, 1)
        self.kind = nn.Conv2d(width, classes, 1)
        with torch.no_grad():
            # Boxes begin in the middle of their cells, three cells a side; scores at 1 %.
            self.box.weight.mul_(0.1)
            self.box.bias.copy_(torch.tensor([0.5, 0.5, math.log(3), math.log(3)]))
            self.objectness.bias.fill_(-math.log(99))
            self.kind.bias.fill_(-math.log(6))
            # Pixels are 0 to 255; a plain factor of the first weights, so that it needs no operator.
            self.stem.conv.weight.mul_(1 / 64)

    def forward(self, x: Tensor) -> Tensor:
        x4 = self.stage4(self.stem(x))
        x8 = self.stage8(x4)
        x16 = self.stage16(x8)
        p32 = self.side32(self.stage32(x16))
        p16 = self.mix16(self.side16(x16) + F.interpolate(p32, scale_factor=2.0, mode="nearest"))
        p8 = self.side8(x8) + F.interpolate(p16, scale_factor=2.0, mode="nearest")
        return torch.cat([self.head(p).flatten(2) for p in (p8, p16, p32)], dim=2).transpose(1, 2)

    def head(self, x: Tensor) -> Tensor:
        """One grid's [B, 5 + classes, rows, columns]; the same weights on every grid."""
        where, what = self.boxes(x), self.kinds(x)
        objectness, kind = self.objectness(where), self.kind(what)
        if self.scores:
            objectness, kind = torch.sigmoid(objectness), torch.sigmoid(kind)
        return torch.cat([self.box(where), objectness, kind], dim=1)


def make_grid(height: int = INPUT_HEIGHT, width: int = INPUT_WIDTH) -> Tensor:
    """[cells, 3]: column, row and stride of every cell, in the order of the output."""
    parts = []
    for stride in STRIDES:
        rows, columns = torch.meshgrid(
            torch.arange(height // stride), torch.arange(width // stride), indexing="ij"
        )
        parts.append(torch.stack([columns.flatten(), rows.flatten(), torch.full((rows.numel(),), stride)], dim=1))
    return torch.cat(parts).float()


def to_corners(rows: Tensor, grid: Tensor) -> Tensor:
    """[..., cells, 4] boxes in pixels from the network's rows."""
    centres = (rows[..., 0:2] + grid[:, 0:2]) * grid[:, 2:]
    halves = torch.exp(rows[..., 2:4].clamp(max=5)) * grid[:, 2:] / 2
    return torch.cat([centres - halves, centres + halves], dim=-1)


def pair_overlaps(a: Tensor, b: Tensor) -> Tensor:
    """IoU of [B, m, 4] with [B, n, 4]: [B, m, n]."""
    low = torch.maximum(a[:, :, None, :2], b[:, None, :, :2])
    high = torch.minimum(a[:, :, None, 2:], b[:, None, :, 2:])
    both = (high - low).clamp(min=0).prod(dim=3)
    area_a = (a[..., 2:] - a[..., :2]).prod(dim=2)[:, :, None]
    area_b = (b[..., 2:] - b[..., :2]).prod(dim=2)[:, None]
    return both / (area_a + area_b - both).clamp(min=1e-6)


def generalised_overlap(a: Tensor, b: Tensor) -> Tensor:
    """GIoU of [n, 4] with [n, 4], pair by pair."""
    both = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(dim=1)
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(dim=1)
    union = (a[:, 2:] - a[:, :2]).prod(dim=1) + (b[:, 2:] - b[:, :2]).prod(dim=1) - both
    return both / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)


@torch.no_grad()
def assign(
    rows: Tensor, corners: Tensor, boxes: Tensor, classes: Tensor, real: Tensor, grid: Tensor
) -> tuple[Tensor, Tensor]:
    """Which box each cell is to find: [B, cells] indices, -1 for none; and the overlaps of [B, m, cells].

    As SimOTA: among cells inside a box or near its middle, the cheapest k, where k is the sum of the ten
    largest overlaps. Near is 1.5 cells, and cells whose grid does not suit the size of the box cost more,
    as there is no time for the network to find that out.
    """
    overlaps = pair_overlaps(boxes, corners) * real[..., None]
    middle = (grid[:, 0:2] + 0.5) * grid[:, 2:]
    offsets = middle[None, None] - (boxes[:, :, None, :2] + boxes[:, :, None, 2:]) / 2
    near = offsets.abs().amax(dim=3) < 1.5 * grid[:, 2]
    inside = torch.minimum(middle - boxes[:, :, None, :2], boxes[:, :, None, 2:] - middle).amin(dim=3) > 0
    chance = (rows[..., 4:5].sigmoid() * rows[..., 5:].sigmoid()).sqrt().clamp(1e-6, 1 - 1e-6)
    wrong = -torch.log1p(-chance)
    own = torch.gather(-torch.log(chance) - wrong, 2, classes[:, None].expand(-1, chance.shape[1], -1))
    size = torch.log2((boxes[..., 2:] - boxes[..., :2]).clamp(min=1).amax(dim=2))
    misfit = (size[..., None] - torch.log2(4 * grid[:, 2])).abs()
    cost = wrong.sum(dim=2)[:, None] + own.transpose(1, 2) - 3 * torch.log(overlaps + 1e-6)
    cost = cost + (misfit - 1).clamp(min=0) + 100 * ~(near & inside) + 1e6 * ~((near | inside) & real[..., None])
    wanted = overlaps.topk(10, dim=2).values.sum(dim=2).int().clamp(min=1)
    cheapest, cells = cost.topk(10, dim=2, largest=False)
    taken = (torch.arange(10) < wanted[..., None]) & (cheapest < 1e5)
    chosen = torch.full_like(cost, math.inf)
    chosen.scatter_(2, cells, torch.where(taken, cheapest, math.inf))
    least, owner = chosen.min(dim=1)
    return torch.where(least < math.inf, owner, -1), overlaps


def losses(rows: Tensor, targets: dict[str, Tensor], grid: Tensor, tight: bool = False) -> dict[str, Tensor]:
    """Loss of the boxes, of objectness and of the classes, per cell that has an object.

    With `tight` objectness is to be the overlap that a cell's box reaches, and only boxes that meet an ignored
    object as well as the measure asks for are ignored: loose ones are wrong.
    """
    corners = to_corners(rows, grid)
    owner, overlaps = assign(
        rows.detach(), corners.detach(), targets["boxes"], targets["classes"], targets["real"], grid
    )
    with torch.no_grad():
        middle = (grid[:, 0:2] + 0.5) * grid[:, 2:]
        ignored = targets["ignored"]
        centres = (ignored[:, :, None, :2] + ignored[:, :, None, 2:]) / 2
        on_ignored = ((middle - centres).abs().amax(dim=3) < 0.75 * grid[:, 2]).any(dim=1)
        met = (pair_overlaps(ignored, corners.detach()) > (0.5 if tight else 0.35)).any(dim=1)
        weight = ((owner >= 0) | ~(met if tight else on_ignored | met)).float()
    picture, cell = torch.nonzero(owner >= 0, as_tuple=True)
    box = owner[picture, cell]
    count = max(len(picture), 1)
    quality = overlaps[picture, box, cell]
    kinds = F.one_hot(targets["classes"][picture, box], rows.shape[2] - 5).float() * quality[:, None]
    found = rows[picture, cell]
    there = (owner >= 0).float()
    if tight:
        there[picture, cell] = quality
    presence = F.binary_cross_entropy_with_logits(rows[..., 4], there, weight, reduction="sum")
    return {
        "box": 5 * (1 - generalised_overlap(corners[picture, cell], targets["boxes"][picture, box])).sum() / count,
        "object": presence / count,
        "class": F.binary_cross_entropy_with_logits(found[:, 5:], kinds, reduction="sum") / count,
    }


def folded(model: Detector) -> Detector:
    """A copy for use: normalisation inside the convolutions, scores from 0 to 1."""
    model = copy.deepcopy(model).eval()
    for unit in model.modules():
        if isinstance(unit, ConvUnit):
            unit.conv = fuse_conv_bn_eval(unit.conv, unit.norm)
            unit.norm = nn.Identity()
    model.scores = True
    return model


@torch.no_grad()
def find(model: Detector, one: WorldSet, frames: int | None = None) -> list[Found]:
    """What a folded model finds in the frames of a set."""
    grid = make_grid().numpy()
    found: list[Found] = []
    count = frames or len(one)
    for start in range(0, count, 16):
        part = one.rgb[start : min(start + 16, count)]
        x = np.full((len(part), INPUT_HEIGHT, INPUT_WIDTH, 3), FILL, np.uint8)
        x[:, :HEIGHT] = part
        rows = model(torch.from_numpy(x).permute(0, 3, 1, 2).float()).numpy()
        found += [decode(picture, grid) for picture in rows]
    return found


def export(model: Detector, path: Path) -> None:
    """Writes a folded model as ONNX: "image" [1, 3, 256, 320] to "boxes" [1, 1680, 10]."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        model,
        (torch.full((1, 3, INPUT_HEIGHT, INPUT_WIDTH), float(FILL)),),
        str(path),
        input_names=["image"],
        output_names=["boxes"],
        opset_version=17,
        dynamo=False,
    )
    made = onnx.load(path)
    onnx.checker.check_model(made)
    for node in made.graph.node:
        node.doc_string = ""
    onnx.save(made, path)


def train(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(arguments.seed)
    model = Detector(len(KINDS)).to(memory_format=torch.channels_last).train()
    print(f"{sum(p.numel() for p in model.parameters())} parameters", flush=True)
    average = copy.deepcopy(model)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}], lr=arguments.rate
    )
    pictures = Pictures([WorldSet(arguments.data, name) for name in arguments.sets.split(",")], arguments.seed)
    grids = {True: make_grid(*CROP), False: make_grid()}
    sums: dict[str, float] = {}
    began = time.monotonic()
    warm = min(300, arguments.steps // 10)
    for step in range(arguments.steps if arguments.stop is None else arguments.stop):
        done = max(0, step - warm) / max(1, arguments.steps - warm)
        rate = arguments.rate * min((step + 1) / warm, 0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2)
        for group in optimiser.param_groups:
            group["lr"] = rate
        cropped = step < arguments.steps * arguments.cropped
        x, targets = pictures.batch(arguments.batch, cropped)
        parts = losses(model(x), targets, grids[cropped], tight=not cropped)
        total = torch.stack(list(parts.values())).sum()
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 20.0)
        optimiser.step()
        keep = min(0.999, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, now in zip(average.state_dict().values(), model.state_dict().values()):
                mean.lerp_(now, 1 - keep) if mean.is_floating_point() else mean.copy_(now)
        if arguments.stop is not None:
            print(step, total.item().hex(), flush=True)
        for name, value in parts.items():
            sums[name] = sums.get(name, 0.0) + value.item()
        if (step + 1) % 100 == 0:
            text = " ".join(f"{name} {value / 100:.3f}" for name, value in sums.items())
            print(f"step {step + 1}: {text}; {time.monotonic() - began:.0f} s", flush=True)
            sums = {}
        if arguments.save_every and (step + 1) % arguments.save_every == 0:
            export(folded(average), arguments.out)
    if arguments.stop is not None:
        return
    use = folded(average)
    export(use, arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size} bytes, {time.monotonic() - began:.0f} s")
    for name in arguments.judged.split(","):
        one = WorldSet(arguments.data, name)
        print(f"{name}\n{table(score(one.truth, find(use, one)))}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains the embedded object detector.")
    parser.add_argument("--data", type=Path, required=True, help="folder of world_data.py")
    parser.add_argument("--out", type=Path, required=True, help="the ONNX file")
    parser.add_argument("--steps", type=int, default=28000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--cropped", type=float, default=0.68, help="share of the steps that see crops; the others are tight")
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sets", default="train_a,train_b")
    parser.add_argument("--judged", default="val_a,val_b", help="sets to judge the result by")
    parser.add_argument("--save-every", type=int, default=0, help="also write the file after every so many steps")
    parser.add_argument("--stop", type=int, help="stop after so many steps, printing each exact loss; write nothing")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
