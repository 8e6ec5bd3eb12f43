"""Trains town-features: key points and their descriptors, from the drawn town's own geometry.

    python models/train/features.py --data DIR --out models/town/town-features.onnx

DIR has the sets that `world_data.py` makes. Four pictures of one place, in any light, with other traffic and
through another lens, say exactly which of their points are the same. See models/town/town-features.md.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as functional
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from features_points import THRESHOLD, carry, corners, movable_ids, sample, view
from world_data import HEIGHT, WIDTH, WorldSet

GROUP = 4  # pictures of one place
POINTS = 256  # corners of a picture that are trained on
LEAST_CORNER = 0.003
REPEATED = 1.5  # pixels within which a corner of another picture is the same
APART = 5.0  # pixels: nearer points are no negatives of each other
RIGHT = 3.0  # pixels: a match that is nearer to the truth is right
DIMENSIONS = 32
CELL = 4  # pixels a side of the network's cells
NOWHERE = -1e4  # a position that no picture has


def block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """A 3 x 3 convolution, normalisation, rectifier."""
    convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def corner_filters() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Fixed weights: derivatives of a Gaussian [2, 1, 7, 7], a Gaussian for each of three [3, 1, 7, 7], and a cell's
    pixels as channels [16, 1, 4, 4]."""
    steps = torch.arange(-3, 4, dtype=torch.float32)
    narrow, wide = (torch.exp(-0.5 * (steps / sigma) ** 2) for sigma in (1.0, 1.5))
    narrow, wide = narrow / narrow.sum(), wide / wide.sum()
    across = narrow[:, None] * (steps * narrow)[None, :]
    slopes = torch.stack([across, across.T])[:, None]
    window = (wide[:, None] * wide[None, :]).expand(3, 1, 7, 7).clone()
    return slopes, window, torch.eye(CELL**2).view(CELL**2, 1, CELL, CELL)


class Corners(nn.Module):
    """How much of a corner each pixel is, a cell's pixels as channels: the logarithm of the lesser eigenvalue of the
    gradients' moments (J. Shi and C. Tomasi, Good features to track, 1994). Nothing of it is learned; it is where the
    learning of key points begins."""

    def __init__(self) -> None:
        super().__init__()
        slopes, window, cells = corner_filters()
        self.register_buffer("slopes", slopes)
        self.register_buffer("window", window)
        self.register_buffer("cells", cells)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures [n, 3, h, w] of about unit variance to [n, 16, h/4, w/4]."""
        slopes = functional.conv2d(pictures.mean(dim=1, keepdim=True), self.slopes, padding=3)
        across, down = slopes[:, :1], slopes[:, 1:]
        moments = torch.cat([across * across, down * down, across * down], dim=1)
        moments = functional.conv2d(moments, self.window, padding=3, groups=3)
        xx, yy, xy = moments[:, :1], moments[:, 1:2], moments[:, 2:]
        half = (xx - yy) * 0.5
        lesser = (xx + yy) * 0.5 - torch.sqrt(half * half + xy * xy + 1e-12)
        response = torch.log(lesser.clamp(min=0) + 1e-4) + 5.0
        return functional.conv2d(response, self.cells, stride=CELL)


class FeatureNet(nn.Module):
    """Scores of pixels and descriptors of cells of 4 x 4 pixels, from the pictures' own contrast.

    An hourglass: detail from half and quarter size, context from a sixteenth.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = block(3, 12, 2)
        self.quarter = nn.Sequential(block(12, 32, 2), block(32, 32))
        self.eighth = nn.Sequential(block(32, 48, 2), block(48, 48))
        self.sixteenth = nn.Sequential(block(48, 48, 2), block(48, 48))
        self.lift_eighth = nn.Conv2d(48, 48, 1)
        self.merge_eighth = block(48, 48)
        self.lift_quarter = nn.Conv2d(48, 32, 1)
        self.merge_quarter = block(32, 48)
        self.describe = nn.Conv2d(48, DIMENSIONS, 1)
        # Of each cell: its pixels, none of them, and how far a match is to be relied on.
        self.score = nn.Conv2d(48, CELL**2 + 2, 1)
        self.corners = Corners()
        self.corner_detail = block(CELL**2, 32)
        self.corner_score = nn.Conv2d(32, CELL**2 + 2, 1)

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Pictures [n, 3, h, w] to descriptors [n, 32, h/4, w/4], logits [n, 17, ..] and of reliability [n, 1, ..]."""
        pictures = functional.instance_norm(pictures)
        with torch.no_grad():
            corner = self.corners(pictures)
        quarter = self.trunk(pictures)
        detail = self.corner_score(self.corner_detail(corner))
        scores = self.score(quarter) + detail + functional.pad(corner, (0, 0, 0, 0, 0, 2))
        return self.describe(quarter), scores[:, : CELL**2 + 1], scores[:, CELL**2 + 1 :]

    def trunk(self, pictures: torch.Tensor) -> torch.Tensor:
        """Normalised pictures [n, 3, h, w] to what the heads share [n, 48, h/4, w/4]."""
        quarter = self.quarter(self.stem(pictures))
        eighth = self.eighth(quarter)
        context = self.lift_eighth(self.sixteenth(eighth))
        eighth = self.merge_eighth(eighth + functional.interpolate(context, scale_factor=2.0, mode="nearest"))
        context = self.lift_quarter(eighth)
        return self.merge_quarter(quarter + functional.interpolate(context, scale_factor=2.0, mode="nearest"))


class Shipped(nn.Module):
    """The network as it is shipped: a heat map whose key points are above Framewise's threshold for such maps.

    It computes what `FeatureNet` does, arranged so that little is copied from place to place.
    """

    def __init__(self, network: FeatureNet, cut: float) -> None:
        super().__init__()
        self.network = network
        self.gain = THRESHOLD / cut
        slopes, window, cells = corner_filters()
        # Squares of a, d and a + d have all of their products: those of a row are the sum, or difference and twice a d.
        self.register_buffer("grey", torch.full((1, 3, 1, 1), 1 / 3))
        self.register_buffer("slopes", torch.cat([slopes, slopes.sum(dim=0, keepdim=True)]))
        self.register_buffer("window", window)
        self.register_buffer("trace", torch.tensor([[0.5, 0.5, 0]])[..., None, None])
        self.register_buffer("rest", torch.tensor([[0.5, -0.5, 0], [-0.5, -0.5, 0.5]])[..., None, None])
        self.register_buffer("both", torch.ones(1, 2, 1, 1))
        self.register_buffer("cells", cells)
        self.register_buffer("same", torch.eye(CELL**2 + 2, CELL**2)[..., None, None])

    def corners(self, pictures: torch.Tensor) -> torch.Tensor:
        """As `Corners`."""
        slopes = functional.conv2d(functional.conv2d(pictures, self.grey), self.slopes, padding=3)
        moments = functional.conv2d(slopes * slopes, self.window, padding=3, groups=3)
        rest = functional.conv2d(moments, self.rest)
        length = torch.sqrt(functional.conv2d(rest * rest, self.both) + 1e-12)
        lesser = torch.relu(functional.conv2d(moments, self.trace) - length)
        return functional.conv2d(torch.log(lesser + 1e-4), self.cells, torch.full((CELL**2,), 5.0), stride=CELL)

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A picture [1, 3, h, w] to scores [1, 1, h, w] and descriptors [1, 32, h/4, w/4]."""
        pictures = functional.instance_norm(pictures)
        corner, quarter = self.corners(pictures), self.network.trunk(pictures)
        scores = self.network.score(quarter) + self.network.corner_score(self.network.corner_detail(corner))
        scores = scores + functional.conv2d(corner, self.same)
        # The fourth root: how sharp a corner is says less about matches than the reliability does.
        pixels = torch.sqrt(torch.sqrt(torch.softmax(scores[:, : CELL**2 + 1], dim=1)[:, : CELL**2]))
        pixels = pixels * (torch.sigmoid(scores[:, CELL**2 + 1 :]) * self.gain)
        return functional.pixel_shuffle(pixels, CELL), self.network.describe(quarter)


@dataclass(frozen=True)
class Targets:
    """What is to be learned of a set; `NOWHERE` fills what is not there."""

    into: np.ndarray  # [groups, 4, 4, POINTS, 2]: into picture j from picture i; of j itself the corners found
    visible: np.ndarray  # [groups, 4, 4, POINTS] bool: the carried point is seen there
    keys: np.ndarray  # [groups, 4, POINTS, 2]: key points to be found
    unknown: np.ndarray  # [groups, 4, POINTS] bool: corners that no other picture can confirm or deny


def make_targets(data: WorldSet) -> Targets:
    """Finds corners in every picture of a set and carries them into the others of their group."""
    groups = len(data) // GROUP
    into = np.full((groups, GROUP, GROUP, POINTS, 2), NOWHERE, np.float32)
    visible = np.zeros((groups, GROUP, GROUP, POINTS), bool)
    keys = np.full((groups, GROUP, POINTS, 2), NOWHERE, np.float32)
    unknown = np.zeros((groups, GROUP, POINTS), bool)
    for group in range(groups):
        frames = range(group * GROUP, group * GROUP + GROUP)
        movable = movable_ids(data.truth, frames)
        views = [view(data, frame, movable) for frame in frames]
        found = corners(data.rgb[frames.start : frames.stop], POINTS, LEAST_CORNER)
        repeated = [np.zeros(len(points), int) for points in found]
        for i in range(GROUP):
            count = len(found[i])
            into[group, i, i, :count] = found[i]
            visible[group, i, i, :count] = True
            for j in range(GROUP):
                if i == j:
                    continue
                carried = carry(views[i], views[j], found[i])
                into[group, j, i, :count] = np.where(carried.inside[:, None], carried.points, NOWHERE)
                visible[group, j, i, :count] = carried.visible
                near = np.linalg.norm(carried.points[:, None] - found[j][None], axis=2) < REPEATED
                repeated[i] += near.any(axis=1) & carried.visible
        for j in range(GROUP):
            own = found[j]
            others = [i for i in range(GROUP) if i != j]
            kept = [own[repeated[j] > 0]]
            # What others find again and again, and this light or noise hides.
            for i in others:
                points = into[group, j, i][visible[group, j, i]]
                strong = repeated[i][visible[group, j, i, : len(repeated[i])]] > 0
                points = points[strong]
                taken = np.concatenate(kept)
                if len(points) and len(taken):
                    apart = np.linalg.norm(points[:, None] - taken[None], axis=2).min(axis=1) > 3.0
                    points = points[apart]
                kept.append(points)
            chosen = np.concatenate(kept)[:POINTS]
            keys[group, j, : len(chosen)] = chosen
            seen = np.stack([visible[group, i, j, : len(own)] for i in others]).any(axis=0)
            moving = views[j].around(own)[1]
            unknown[group, j, : len(own)] = ~seen & ~moving
    return Targets(into, visible, keys, unknown)


def load_targets(folder: Path, name: str) -> Targets:
    """The targets of a set, made once and kept beside it."""
    path = folder / f"{name}-features.npz"
    if not path.exists():
        print(f"{name}: corners and where they are in the other pictures", flush=True)
        np.savez(path, **vars(make_targets(WorldSet(folder, name))))
    with np.load(path) as kept:
        return Targets(**{field: kept[field] for field in ("into", "visible", "keys", "unknown")})


class Disturbance:
    """Other exposures, curves, white balances, noise and sharpness, for each picture its own."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.noise = torch.from_numpy(random.standard_normal(1 << 22, dtype=np.float32))

    def __call__(self, pictures: np.ndarray) -> torch.Tensor:
        """Bytes [n, h, w, 3] to levels [n, 3, h, w] of 0 to 255."""
        draw = self.random.uniform
        levels = np.maximum(np.arange(256) / 255, 1e-3)
        levelled = np.empty((len(pictures), 3, *pictures.shape[1:3]), np.float32)
        for picture, into in zip(pictures, levelled):
            curve = levels ** draw(0.75, 1.35) * draw(0.7, 1.4) * 255
            for channel in range(3):
                table = (curve * draw(0.9, 1.1)).astype(np.float32)
                into[channel] = table[picture[:, :, channel]]
        light = torch.from_numpy(levelled)
        for picture in light:
            softness, noisiness = draw(-0.6, 0.9), draw(0.0, 5.0)
            if softness > 0:
                soft = functional.avg_pool2d(picture[None], 3, 1, 1, count_include_pad=False)[0]
                picture.lerp_(soft, softness)
            at = int(self.random.integers(0, len(self.noise) - picture.numel()))
            picture.add_(self.noise[at : at + picture.numel()].view_as(picture), alpha=noisiness)
        return light.clamp_(0, 255)


def key_labels(keys: torch.Tensor, own: torch.Tensor, unknown: torch.Tensor) -> torch.Tensor:
    """For each cell the pixel that is a key point, 16 for none, -100 where that is not known: [n, 60, 80]."""
    rows, columns = HEIGHT // CELL, WIDTH // CELL
    labels = torch.full((len(keys), rows * columns), CELL**2, dtype=torch.long)

    def put(points: torch.Tensor, values: torch.Tensor | None) -> None:
        pixels = points.floor().long()
        inside = (points >= 0).all(-1) & (points[..., 0] < WIDTH) & (points[..., 1] < HEIGHT)
        picture, which = inside.nonzero(as_tuple=True)
        x, y = pixels[picture, which].unbind(1)
        cell = y // CELL * columns + x // CELL
        value = y % CELL * CELL + x % CELL if values is None else values[picture, which]
        # One after the other, the strongest last, so that a cell with two has the stronger on any machine.
        flat, order = labels.view(-1), torch.arange(len(cell) - 1, -1, -1)
        for at, number in zip((picture * rows * columns + cell)[order].tolist(), value[order].tolist()):
            flat[at] = number

    put(torch.where(unknown[..., None], own, NOWHERE), torch.full(unknown.shape, -100))
    put(keys, None)
    return labels.view(-1, rows, columns)


class Batches:
    """Groups of pictures in a seeded order, some of them mirrored."""

    def __init__(self, folder: Path, names: list[str], groups: int, seed: int) -> None:
        self.sets = [(WorldSet(folder, name), load_targets(folder, name)) for name in names]
        self.all = [(which, group) for which, (_, t) in enumerate(self.sets) for group in range(len(t.keys))]
        self.groups = groups
        self.random = np.random.default_rng(seed)
        self.disturb = Disturbance(self.random)
        self.waiting: list[tuple[int, int]] = []

    def next(self) -> tuple[torch.Tensor, ...]:
        """Pictures [g * 4, 3, h, w], and `into`, `visible`, `keys`, `unknown` of these groups."""
        pictures, targets = [], []
        for _ in range(self.groups):
            if not self.waiting:
                self.waiting = [self.all[i] for i in self.random.permutation(len(self.all))]
            which, group = self.waiting.pop()
            data, kept = self.sets[which]
            rgb = np.array(data.rgb[group * GROUP : group * GROUP + GROUP])
            into, keys = kept.into[group].copy(), kept.keys[group].copy()
            if self.random.random() < 0.5:
                rgb = rgb[:, :, ::-1].copy()
                for positions in (into, keys):
                    there = positions[..., 0] != NOWHERE
                    positions[..., 0][there] = WIDTH - positions[..., 0][there]
            pictures.append(self.disturb(rgb))
            targets.append((into, kept.visible[group], keys, kept.unknown[group]))
        stacked = [torch.from_numpy(np.stack(column)) for column in zip(*targets)]
        return torch.cat(pictures), *stacked


def losses(
    network: FeatureNet, scale: torch.Tensor, batch: tuple[torch.Tensor, ...], random: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """What descriptors, key points and reliability cost, and the share of points whose nearest is right."""
    pictures, into, visible, keys, unknown = batch
    groups = len(into)
    maps, logits, reliability = network(pictures.contiguous(memory_format=torch.channels_last))
    own = torch.stack([into[:, i, i] for i in range(GROUP)], dim=1)
    labels = key_labels(keys.flatten(0, 1), own.flatten(0, 1), unknown.flatten(0, 1))
    weights = torch.cat([torch.ones(CELL**2), torch.full((1,), 0.25)])
    key_loss = functional.cross_entropy(logits, labels, weights)

    shaken = into + torch.from_numpy(random.normal(0, 0.6, into.shape).astype(np.float32))
    found = sample(maps.float(), shaken.view(groups * GROUP, GROUP * POINTS, 2))
    found = found.view(groups, GROUP, GROUP, POINTS, DIMENSIONS)
    pairs = [(i, j) if random.random() < 0.5 else (j, i) for i in range(GROUP) for j in range(i)]
    here, there = torch.tensor([i for i, _ in pairs]), torch.tensor([j for _, j in pairs])

    # Rows: corners of one picture. Columns: the same points in the other, and the other's own corners.
    rows, same, other = found[:, here, here], found[:, there, here], found[:, there, there]
    true, corner = into[:, there, here], into[:, there, there]
    seen = visible[:, there, here]
    to_same = torch.cdist(true, true, compute_mode="donot_use_mm_for_euclid_dist")
    to_corner = torch.cdist(true, corner, compute_mode="donot_use_mm_for_euclid_dist")
    itself = torch.eye(POINTS, dtype=torch.bool)
    shut_same = ((to_same < APART) & ~itself) | ~seen[:, :, None, :]
    shut_corner = (to_corner < APART) | (corner[..., 0] == NOWHERE)[:, :, None, :]
    like_same, like_corner = rows @ same.transpose(2, 3), rows @ other.transpose(2, 3)
    across = torch.cat([like_same.masked_fill(shut_same, -4), like_corner.masked_fill(shut_corner, -4)], dim=3) * scale
    down = like_same.masked_fill(((to_same < APART) & ~itself) | ~seen[:, :, :, None], -4).transpose(2, 3) * scale
    answer = torch.arange(POINTS).expand(seen.shape)[seen]
    describe_loss = functional.cross_entropy(across[seen], answer) + functional.cross_entropy(down[seen], answer)
    with torch.no_grad():
        accuracy = (across[seen].argmax(dim=1) == answer).float().mean()
        # Matching as it will be done, corners with corners: which of them come out right?
        there_is, here_is = corner[..., 0] != NOWHERE, own[:, here][..., 0] != NOWHERE
        likeness = like_corner.masked_fill(~there_is[:, :, None, :] | ~here_is[:, :, :, None], -4)
        best, back = likeness.argmax(dim=3), likeness.argmax(dim=2)
        is_mutual = (torch.gather(back, 2, best) == torch.arange(POINTS)) & here_is
        miss = torch.gather(to_corner, 3, best[..., None])[..., 0]
        right = is_mutual & seen & (miss < RIGHT)
        weight = torch.where(is_mutual, 1.0, 0.3) * here_is
    relied = functional.grid_sample(
        reliability.float(),
        (own.view(groups * GROUP, 1, POINTS, 2) / torch.tensor([WIDTH, HEIGHT]) * 2 - 1).clamp(-2, 2),
        mode="nearest",
        align_corners=False,
    ).view(groups, GROUP, POINTS)[:, here]
    rely_loss = functional.binary_cross_entropy_with_logits(relied, right.float(), weight, reduction="sum") / weight.sum()
    return describe_loss, key_loss, rely_loss, accuracy


def train(
    folder: Path, names: list[str], steps: int, groups: int, rate: float, seed: int, keep: Path | None = None,
    start: Path | None = None,
) -> FeatureNet:
    """Trains for a fixed number of steps; the same seed gives the same network on the same machine."""
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    network = FeatureNet().to(memory_format=torch.channels_last)
    if start:
        network.load_state_dict(torch.load(start, weights_only=True))
    warmth = nn.Parameter(torch.tensor(math.log(25.0 if start else 15.0)))
    decayed = [p for p in network.parameters() if p.dim() > 1]
    plain = [p for p in network.parameters() if p.dim() == 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 1e-2}, {"params": [*plain, warmth], "weight_decay": 0.0}], lr=rate
    )
    warm = max(1, min(200, steps // 10))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min((step + 1) / warm, 0.005 + 0.995 * (0.5 + 0.5 * math.cos(math.pi * min(step / steps, 1)))),
    )
    batches = Batches(folder, names, groups, seed)
    random = np.random.default_rng(seed + 1)
    network.train()
    sums, began = np.zeros(4), time.time()
    for step in range(1, steps + 1):
        parts = losses(network, warmth.exp().clamp(max=50), batches.next(), random)
        optimiser.zero_grad(set_to_none=True)
        (parts[0] + 2 * parts[1] + parts[2]).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        sums += [float(part.detach()) for part in parts]
        every = 1 if step <= 20 else 50
        if step % every == 0 or step == steps:
            told = " ".join(f"{value / every:.6f}" for value in sums)
            print(f"{step} describe, keys, rely, right {told}  {(time.time() - began) / step:.2f} s a step", flush=True)
            sums[:] = 0
        if keep and step % 500 == 0:
            torch.save(network.state_dict(), keep)
    return network.eval()


def folded(network: FeatureNet) -> FeatureNet:
    """The same network with each normalisation folded into its convolution."""
    copy = FeatureNet()
    copy.load_state_dict(network.state_dict())
    copy.eval()
    for module in copy.modules():
        if isinstance(module, nn.Sequential) and isinstance(module[0], nn.Conv2d):
            module[0], module[1] = fuse_conv_bn_eval(module[0], module[1]), nn.Identity()
    return copy


def export(network: FeatureNet, cut: float, path: Path) -> None:
    """Writes the ONNX file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        Shipped(folded(network), cut).eval(),
        (torch.zeros(1, 3, HEIGHT, WIDTH),),
        str(path),
        input_names=["image"],
        output_names=["scores", "descriptors"],
        opset_version=17,
        dynamo=False,
    )
    onnx.checker.check_model(onnx.load(str(path)), full_check=True)


def main() -> None:
    """Trains and writes the file."""
    parser = argparse.ArgumentParser(description="Trains town-features.")
    parser.add_argument("--data", type=Path, required=True, help="folder with the sets of world_data.py")
    parser.add_argument("--out", type=Path, required=True, help="the ONNX file")
    parser.add_argument("--weights", type=Path, help="where to keep the weights, to export again with another cut")
    parser.add_argument("--from-weights", type=Path, help="export these instead of training")
    parser.add_argument("--start", type=Path, help="weights to go on from: a further round")
    parser.add_argument("--steps", type=int, default=2800)
    parser.add_argument("--groups", type=int, default=1, help="groups of four pictures a step")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cut", type=float, default=0.2, help="least score of a key point")
    parser.add_argument("--sets", nargs="+", default=["train_a", "train_b"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.from_weights:
        network = FeatureNet()
        network.load_state_dict(torch.load(arguments.from_weights, weights_only=True))
        network.eval()
    else:
        network = train(
            arguments.data, arguments.sets, arguments.steps, arguments.groups, arguments.rate, arguments.seed,
            arguments.weights, arguments.start,
        )
        if arguments.weights:
            torch.save(network.state_dict(), arguments.weights)
    export(network, arguments.cut, arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    main()
