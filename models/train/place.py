"""Trains the global descriptor: what a picture of the drawn town is like as a place, in 128 numbers.

    python models/train/place.py drives --data DIR      # draws the drives, for training and for looking
    python models/train/place.py train --data DIR --out trained.onnx
    python models/train/place.py light --data DIR --model trained.onnx --out models/town/town-place.onnx
    python models/train/place.py validate --data DIR --model models/town/town-place.onnx

`train` needs the sets `train_a` and `train_b` of world_data.py and the drives, and takes a fixed number of
steps with fixed seeds on one thread, so that two runs give the same network bit for bit. `light` adds what a
picture tells of the light, by place_light.py. `validate` looks through ONNX Runtime at drives of other seeds.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import place_light
import place_score
import torch
from place_data import (
    BOTTOM,
    HEIGHT,
    OFFSET,
    TOP,
    TRAINING,
    VALIDATION,
    WIDTH,
    Pictures,
    drive_pictures,
    joined,
    make_drives,
    place_batches,
    random_pictures,
    spot_batches,
)
from torch import Tensor, nn
from torch.nn import functional as F

DESCRIPTOR = 128
SEED = 6

# Where similarities should part: pairs of one place above, all others below.
PART = 0.5


class PlaceNetwork(nn.Module):
    """[n, 3, 120, 160] RGB of 0 to 255 to [n, 128] of length 1."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width, size, stride in (
            (12, 3, 2),
            (32, 3, 2),
            (32, 3, 1),
            (64, 3, 2),
            (64, 3, 1),
            (64, 3, 1),
            (32, 1, 1),
        ):
            layers += [
                nn.Conv2d(channels, width, size, stride, size // 2, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            channels = width
        # 12 x 20 positions become 6 x 5 regions: what is seen, and roughly where.
        self.layers = nn.Sequential(*layers, nn.AvgPool2d((2, 4)))
        self.head = nn.Linear(6 * 5 * channels, DESCRIPTOR)

    def forward(self, pixels: Tensor) -> Tensor:
        # In logarithms exposure and the colour of the light are sums, which go with the mean.
        light = torch.log(pixels[:, :, TOP:BOTTOM] + OFFSET)
        features = self.layers(F.instance_norm(light))
        raw = self.head(features.flatten(1))
        return raw / torch.sqrt((raw * raw).sum(1, keepdim=True) + 1e-12)


def augmented(pixels: Tensor, random: torch.Generator) -> Tensor:
    """What must not matter: a little of zoom, turn and shift, colours, exposure, and what stands in the way."""
    count = len(pixels)

    def between(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=random) * (high - low) + low

    zoom, turn = between(0.88, 1.06), between(-0.03, 0.03)
    cos, sin = zoom * torch.cos(turn), zoom * torch.sin(turn)
    ratio = HEIGHT / WIDTH
    rows = torch.stack(
        [cos, -sin * ratio, between(-0.06, 0.06), sin / ratio, cos, between(-0.05, 0.05)], 1
    ).reshape(count, 2, 3)
    grid = F.affine_grid(rows, [count, 3, HEIGHT, WIDTH], align_corners=False)
    image = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    # Exposure, white balance, contrast about the mean, saturation.
    gain = torch.exp(between(-0.3, 0.3, 1, 1, 1)) * torch.exp(between(-0.08, 0.08, 3, 1, 1))
    image = image * gain
    grey = image.mean(1, keepdim=True)
    image = grey + (image - grey) * between(0.7, 1.25, 1, 1, 1)
    mean = grey.mean((2, 3), keepdim=True)
    image = mean + (image - mean) * torch.exp(between(-0.25, 0.2, 1, 1, 1))
    boxes = torch.rand(count, 2, 7, generator=random)
    for i in range(count):
        for k in range(2):
            chance, x, y, w, h, shade, tint = boxes[i, k].tolist()
            if chance < 0.35:
                wide, tall = int(10 + 45 * w), int(10 + 30 * h)
                left, top = int(x * (WIDTH - wide)), int(45 + y * (HEIGHT - 45 - tall))
                colour = torch.tensor([shade, (shade + tint) / 2, tint]).reshape(3, 1, 1) * 200
                image[i, :, top : top + tall, left : left + wide] = colour
    return image.clamp_(0, 255)


@dataclass(frozen=True)
class Relations:
    """Which pictures of a batch show one place, which are of twin places, and which are to be told apart."""

    same: Tensor  # [n, n] bool, without the diagonal
    twin: Tensor  # [n, n] bool
    other: Tensor  # [n, n] bool, twins included


def relations(data: Pictures, rows: np.ndarray) -> Relations:
    """Pictures of one town that may see a good part of each other's place are neither the same nor others."""
    places, towns, twins = data.places[rows], data.towns[rows], data.twins[rows]
    alike = places[:, None] == places[None]
    same = alike & ~np.eye(len(rows), dtype=bool)
    twin = (twins[:, None] >= 0) & (twins[:, None] == (twins[None] ^ 1))
    offset = data.positions[rows][:, None] - data.positions[rows][None]
    near = np.hypot(offset[..., 0], offset[..., 2]) < 20
    facing = data.ways[rows] @ data.ways[rows].T > 0.5
    unclear = (towns[:, None] == towns[None]) & near & facing & ~twin
    return Relations(
        torch.from_numpy(same), torch.from_numpy(twin), torch.from_numpy(~alike & ~unclear)
    )


def loss_of(descriptors: Tensor, relation: Relations) -> Tensor:
    """Supervised contrastive loss with a margin on twins, and the multi-similarity loss, which knows where to part.

    Khosla and others, Supervised Contrastive Learning (2020); Wang and others, Multi-Similarity Loss (2019).
    """
    similarity = descriptors @ descriptors.T
    others = similarity + 0.15 * relation.twin
    infinity = torch.tensor(float("inf"))
    heat = 1 / 0.06
    against = torch.logsumexp(torch.where(relation.other, others * heat, -infinity), 1, keepdim=True)
    pulls = torch.logaddexp(similarity * heat, against) - similarity * heat
    contrast = pulls[relation.same].mean()
    near = F.softplus(torch.logsumexp(torch.where(relation.same, -4 * (similarity - PART), -infinity), 1)) / 4
    far = F.softplus(torch.logsumexp(torch.where(relation.other, 30 * (others - PART), -infinity), 1)) / 30
    return contrast + 2 * (near.mean() + 2 * far.mean())


def train(arguments: argparse.Namespace) -> None:
    """Trains and exports."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    folder: Path = arguments.data
    steps = arguments.steps
    sets = [
        random_pictures(folder, "train_b", True, 0),
        random_pictures(folder, "train_a", False, 1000),
        drive_pictures(folder / "laps", TRAINING, 2000),
    ]
    batches = [
        place_batches(sets[0], 2, steps, SEED),
        place_batches(sets[1], 1, steps, SEED + 1),
        spot_batches(sets[2], 2, 2, steps, SEED + 2),
    ]
    starts = np.cumsum([0] + [len(one.places) for one in sets])
    pixels, table = joined(sets)
    random = torch.Generator().manual_seed(SEED)
    network = PlaceNetwork().to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=arguments.rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, arguments.rate, total_steps=steps, pct_start=0.1, div_factor=20
    )
    began = time.monotonic()
    total = 0.0
    for step in range(steps):
        parts = [one[step] for one in batches]
        batch = np.concatenate([one[rows] for one, rows in zip(pixels, parts, strict=True)])
        rows = np.concatenate([part + start for part, start in zip(parts, starts, strict=False)])
        images = torch.from_numpy(batch).float()
        # The mirror image of a town is another town.
        for town in np.unique(table.towns[rows]):
            if torch.rand(1, generator=random).item() < 0.5:
                own = torch.from_numpy(np.flatnonzero(table.towns[rows] == town))
                images[own] = images[own].flip(3)
        images = augmented(images, random).contiguous(memory_format=torch.channels_last)
        loss = loss_of(network(images), relations(table, rows))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        total += loss.item()
        if arguments.print_all or (step + 1) % 50 == 0:
            shown = loss.item() if arguments.print_all else total / 50
            print(f"step {step + 1}: loss {shown!r} ({time.monotonic() - began:.0f} s)", flush=True)
            total = 0.0
        if (step + 1) % 500 == 0 and step + 1 < steps:
            export(network, arguments.out.with_suffix(f".{step + 1}.onnx"))
            network.to(memory_format=torch.channels_last).train()
    export(network, arguments.out)


def export(network: PlaceNetwork, path: Path) -> None:
    """Writes the ONNX file, normalisation of the batch folded into the convolutions."""
    import onnx

    network = network.to(memory_format=torch.contiguous_format).eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        network,
        (torch.zeros(1, 3, HEIGHT, WIDTH),),
        str(path),
        input_names=["image"],
        output_names=["descriptor"],
        opset_version=17,
        dynamo=False,
    )
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    print(f"{path}: {path.stat().st_size} bytes, {sorted({node.op_type for node in model.graph.node})}")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    drives = commands.add_parser("drives")
    drives.add_argument("--deno", default="deno")
    drives.set_defaults(run=lambda given: make_drives(given.data / "laps", VALIDATION + TRAINING, given.deno))
    training = commands.add_parser("train")
    training.add_argument("--out", type=Path, required=True)
    training.add_argument("--steps", type=int, default=2600)
    training.add_argument("--rate", type=float, default=4e-3)
    training.add_argument("--print-all", action="store_true")
    training.set_defaults(run=train)
    adding = commands.add_parser("light")
    adding.add_argument("--model", type=Path, required=True)
    adding.add_argument("--out", type=Path, required=True)
    adding.set_defaults(run=lambda given: place_light.add_light(given.data / "laps", given.model, given.out))
    looking = commands.add_parser("validate")
    looking.add_argument("--model", type=Path, required=True)
    looking.set_defaults(run=lambda given: place_score.validate(given.data / "laps", given.model))
    for command in (drives, training, adding, looking):
        command.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    given.run(given)


if __name__ == "__main__":
    main()
