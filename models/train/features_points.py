"""Where a point of one picture is in another, corners to learn key points from, and Framewise's way to read them.

Positions are columns and rows in pixels; the first pixel covers 0 to 1, its middle is at 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as functional

from world_data import CLASSES, HEIGHT, WIDTH, Truth, WorldSet

SIGN = CLASSES.index("sign")  # the one class that stays where it is
DEPTH_TOLERANCE = 0.05  # share of the depth by which two pictures may disagree about one surface
RADIUS = 4  # heat maps, in Framewise: a key point is the largest of 9 x 9 pixels
THRESHOLD = 0.005  # and larger than this
BORDER = 4  # and this far from the edges


def movable_ids(truth: Truth, frames: range) -> np.ndarray:
    """Numbers of the things in some frames of one town that are no fixture of it."""
    things = truth.objects
    rows = slice(int(things.starts[frames.start]), int(things.starts[frames.stop]))
    return np.unique(things.ids[rows][things.classes[rows] != SIGN])


@dataclass(frozen=True)
class View:
    """A picture with its camera."""

    depths: np.ndarray  # [240, 320] float32 metres, 0 for the sky
    moving: np.ndarray  # [240, 320] bool: shows something that can move
    position: np.ndarray
    rotation: np.ndarray
    focal: float
    centre: np.ndarray
    distortion: np.ndarray

    def rays(self, points: np.ndarray) -> np.ndarray:
        """[n, 2] positions to [n, 2] directions at depth 1, by Newton's method on Brown's model."""
        drawn = (points - self.centre) / self.focal
        far = np.linalg.norm(drawn, axis=1)
        r = far.copy()
        k1, k2 = self.distortion
        for _ in range(8):
            wrong = r * (1 + k1 * r**2 + k2 * r**4) - far
            r -= wrong / (1 + 3 * k1 * r**2 + 5 * k2 * r**4)
        return drawn * np.divide(r, far, out=np.ones_like(r), where=far > 0)[:, None]

    def project(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """[n, 3] points of the world to [n, 2] positions and [n] depths; behind the camera they are not finite."""
        seen = (places - self.position) @ self.rotation.T
        depth = seen[:, 2]
        before = depth > 0.05
        flat = np.full((len(places), 2), np.nan)
        flat[before] = seen[before, :2] / depth[before, None]
        k1, k2 = self.distortion
        r2 = (flat**2).sum(axis=1)
        with np.errstate(invalid="ignore", over="ignore"):
            # Brown's model folds back far outside the picture; what is that far out is not seen.
            grows = (1 + 3 * k1 * r2 + 5 * k2 * r2**2) > 0.2
            bent = np.where((grows & (r2 < 4))[:, None], flat * (1 + k1 * r2 + k2 * r2**2)[:, None], np.nan)
        return bent * self.focal + self.centre, depth

    def around(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The depths of the nine pixels around each position [n, 9] (the first is its own), and if one shows a thing."""
        columns = np.clip(np.floor(points[:, 0]).astype(int), 1, WIDTH - 2)
        rows = np.clip(np.floor(points[:, 1]).astype(int), 1, HEIGHT - 2)
        steps = [(0, 0)] + [(v, u) for v in (-1, 0, 1) for u in (-1, 0, 1) if (v, u) != (0, 0)]
        depths = np.stack([self.depths[rows + v, columns + u] for v, u in steps], axis=1)
        moving = np.stack([self.moving[rows + v, columns + u] for v, u in steps], axis=1)
        return depths, moving.any(axis=1)


def view(data: WorldSet, frame: int, movable: np.ndarray) -> View:
    """A frame of a set."""
    truth = data.truth
    return View(
        depths=np.asarray(data.depths[frame]),
        moving=np.isin(data.ids[frame], movable),
        position=truth.positions[frame],
        rotation=truth.rotations[frame],
        focal=float(truth.focals[frame]),
        centre=truth.centres[frame],
        distortion=truth.distortions[frame],
    )


@dataclass(frozen=True)
class Carried:
    """Points of one picture in another."""

    points: np.ndarray  # [n, 2] true positions; not finite where there is none
    inside: np.ndarray  # [n] bool: of something fixed, and within the other picture
    visible: np.ndarray  # [n] bool: inside, and nothing hides it there
    scales: np.ndarray  # [n] how much larger it is in the other picture


def carry(here: View, there: View, points: np.ndarray, nearest: bool = True) -> Carried:
    """Where the points of `here` are in `there`.

    A point at the edge of a surface belongs to it: its depth is the least of the nine pixels around, the sky left
    out. With `nearest` false it is that of its own pixel and nothing else.
    """
    depths, thing = here.around(points)
    own = np.where(depths > 0, depths, np.inf).min(axis=1) if nearest else depths[:, 0].astype(np.float64)
    fixed = np.isfinite(own) & (own > 0) & ~thing
    depth = np.where(fixed, own, 1.0)
    flat = here.rays(points)
    seen = np.concatenate([flat, np.ones((len(points), 1))], axis=1) * depth[:, None]
    found, far = there.project(seen @ here.rotation + here.position)
    with np.errstate(invalid="ignore"):
        inside = fixed & (found > 1).all(axis=1) & (found[:, 0] < WIDTH - 1) & (found[:, 1] < HEIGHT - 1)
    at = np.where(inside[:, None], found, 1.0)
    others, other_thing = there.around(at)
    agree = (np.abs(others - far[:, None]) < DEPTH_TOLERANCE * np.abs(far)[:, None]).any(axis=1)
    scales = there.focal * depth / (here.focal * np.maximum(far, 1e-6))
    return Carried(np.where(inside[:, None], found, np.nan), inside, inside & agree & ~other_thing, scales)


def _blur(image: torch.Tensor, sigma: float) -> torch.Tensor:
    reach = int(np.ceil(3 * sigma))
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = kernel / kernel.sum()
    image = functional.conv2d(functional.pad(image, (reach, reach, 0, 0), "replicate"), kernel.view(1, 1, 1, -1))
    return functional.conv2d(functional.pad(image, (0, 0, reach, reach), "replicate"), kernel.view(1, 1, -1, 1))


def corners(pictures: np.ndarray, most: int, least: float) -> list[np.ndarray]:
    """Corners of [n, 240, 320, 3] pictures, strongest first: [k, 2] positions each.

    The lesser eigenvalue of the gradients' moments (J. Shi and C. Tomasi, Good features to track, 1994) in the
    logarithm of the luma, as a share of the variance around, so that what is in the shade counts as what is not.
    """
    rgb = torch.from_numpy(np.array(pictures)).float()
    luma = torch.log((rgb @ torch.tensor([0.299, 0.587, 0.114])) + 12)[:, None]
    smooth = _blur(luma, 1.0)
    across = functional.pad(smooth[..., 2:] - smooth[..., :-2], (1, 1, 0, 0)) / 2
    down = functional.pad(smooth[..., 2:, :] - smooth[..., :-2, :], (0, 0, 1, 1)) / 2
    xx, yy, xy = (_blur(product, 1.5) for product in (across * across, down * down, across * down))
    lesser = (xx + yy) / 2 - torch.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    variance = (_blur(luma * luma, 8.0) - _blur(luma, 8.0) ** 2).clamp(min=0)
    response = lesser / (variance + 0.01)
    peaks = (response == functional.max_pool2d(response, 2 * RADIUS + 1, 1, RADIUS)) & (response > least)
    found = []
    for image, peak in zip(response[:, 0].numpy(), peaks[:, 0].numpy()):
        rows, columns = np.nonzero(peak)
        within = (rows >= BORDER) & (rows < HEIGHT - BORDER) & (columns >= BORDER) & (columns < WIDTH - BORDER)
        rows, columns = rows[within], columns[within]
        order = np.argsort(-image[rows, columns], kind="stable")[:most]
        rows, columns = rows[order], columns[order]
        found.append(np.stack([columns, rows], axis=1) + 0.5 + _parabolas(image, rows, columns))
    return found


def _parabolas(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    middle = image[rows, columns]
    steps = []
    for after, before in (
        (image[rows, columns + 1], image[rows, columns - 1]),
        (image[rows + 1, columns], image[rows - 1, columns]),
    ):
        bend = after + before - 2 * middle
        step = np.divide(before - after, 2 * bend, out=np.zeros_like(bend), where=bend < 0)
        steps.append(np.clip(step, -0.5, 0.5))
    return np.stack(steps, axis=1)


def sample(maps: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Descriptors [n, k, d] of unit length at positions [n, k, 2] of maps [n, d, rows, columns], as Framewise has
    them: between cells of unit length, bilinear, cells beyond the edges zero."""
    grid = points / points.new_tensor([WIDTH, HEIGHT]) * 2 - 1
    cells = functional.normalize(maps, dim=1)
    found = functional.grid_sample(cells, grid[:, :, None], mode="bilinear", align_corners=False)[..., 0]
    return functional.normalize(found.transpose(1, 2), dim=2)


def decode(heat: torch.Tensor, maps: torch.Tensor, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Key points of [1, 1, h, w] scores and [1, d, rows, columns] descriptors as Framewise takes them: positions
    [k, 2], scores [k], descriptors [k, d], strongest first."""
    peaks = (heat == functional.max_pool2d(heat, 2 * RADIUS + 1, 1, RADIUS)) & (heat > THRESHOLD)
    image = heat[0, 0].numpy()
    rows, columns = np.nonzero(peaks[0, 0].numpy())
    height, width = image.shape
    within = (rows >= BORDER) & (rows < height - BORDER) & (columns >= BORDER) & (columns < width - BORDER)
    rows, columns = rows[within], columns[within]
    order = np.argsort(-image[rows, columns], kind="stable")[:most]
    rows, columns = rows[order], columns[order]
    points = np.stack([columns, rows], axis=1) + 0.5 + _peaks(image, rows, columns)
    found = sample(maps, torch.from_numpy(points)[None].float())[0].numpy()
    return points, image[rows, columns], found


def _peaks(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Peaks of quadratic forms through nine pixels; where there is none near, each direction's parabola."""
    at = lambda v, u: image[rows + v, columns + u].astype(np.float64)  # noqa: E731
    slope_x, slope_y = (at(0, 1) - at(0, -1)) / 2, (at(1, 0) - at(-1, 0)) / 2
    bend_x, bend_y = at(0, 1) + at(0, -1) - 2 * at(0, 0), at(1, 0) + at(-1, 0) - 2 * at(0, 0)
    twist = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4
    size = bend_x * bend_y - twist**2
    fits = (bend_x < 0) & (size > 0)
    safe = np.where(fits, size, 1)
    step = np.stack([(twist * slope_y - bend_y * slope_x) / safe, (twist * slope_x - bend_x * slope_y) / safe], axis=1)
    fits &= (np.abs(step) <= 0.5).all(axis=1)
    return np.where(fits[:, None], step, _parabolas(image, rows, columns))


def mutual(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Rows (a, b) of descriptors that are each other's nearest."""
    if len(first) == 0 or len(second) == 0:
        return np.zeros((0, 2), int)
    likeness = first @ second.T
    there, back = likeness.argmax(axis=1), likeness.argmax(axis=0)
    own = np.arange(len(first))
    kept = back[there] == own
    return np.stack([own[kept], there[kept]], axis=1)
