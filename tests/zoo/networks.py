"""Networks written out here, after the shapes of well-known ones: a U-Net, YOLOv5 and YOLOv8, super-resolution."""

import torch
from torch import nn


class Conv(nn.Module):
    """Convolution, batch normalisation, SiLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.act = nn.SiLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(self.norm(self.conv(x)))


class Bottleneck(nn.Module):
    """Two convolutions, with a way around them."""

    def __init__(self, channels: int, first_kernel: int, shortcut: bool) -> None:
        super().__init__()
        self.first = Conv(channels, channels, first_kernel)
        self.second = Conv(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.second(self.first(x))
        return x + y if self.shortcut else y


class C3(nn.Module):
    """YOLOv5's stage: bottlenecks on one half of the channels."""

    def __init__(self, inputs: int, outputs: int, depth: int, shortcut: bool = True) -> None:
        super().__init__()
        half = outputs // 2
        self.left = Conv(inputs, half)
        self.right = Conv(inputs, half)
        self.join = Conv(2 * half, outputs)
        self.chain = nn.Sequential(*(Bottleneck(half, 1, shortcut) for _ in range(depth)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.join(torch.cat((self.chain(self.left(x)), self.right(x)), 1))


class C2f(nn.Module):
    """YOLOv8's stage: the result of each bottleneck is kept and joined."""

    def __init__(self, inputs: int, outputs: int, depth: int, shortcut: bool = False) -> None:
        super().__init__()
        self.half = outputs // 2
        self.split = Conv(inputs, 2 * self.half)
        self.join = Conv((2 + depth) * self.half, outputs)
        self.chain = nn.ModuleList(Bottleneck(self.half, 3, shortcut) for _ in range(depth))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = list(self.split(x).split((self.half, self.half), 1))
        for block in self.chain:
            parts.append(block(parts[-1]))
        return self.join(torch.cat(parts, 1))


class Sppf(nn.Module):
    """Three max poolings in a row, joined with what went in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.narrow = Conv(channels, channels // 2)
        self.widen = Conv(2 * channels, channels)
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = [self.narrow(x)]
        for _ in range(3):
            parts.append(self.pool(parts[-1]))
        return self.widen(torch.cat(parts, 1))


class Pyramid(nn.Module):
    """Backbone of five stages, then a path down and one up; gives maps at strides 8, 16 and 32."""

    def __init__(self, stage: type[nn.Module], widths: tuple[int, int, int, int, int], stem: int) -> None:
        super().__init__()
        a, b, c, d, e = widths
        self.stem = Conv(3, a, stem, 2)
        self.stage2 = nn.Sequential(Conv(a, b, 3, 2), stage(b, b, 1, True))
        self.stage3 = nn.Sequential(Conv(b, c, 3, 2), stage(c, c, 2, True))
        self.stage4 = nn.Sequential(Conv(c, d, 3, 2), stage(d, d, 2, True))
        self.stage5 = nn.Sequential(Conv(d, e, 3, 2), stage(e, e, 1, True), Sppf(e))
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.down4 = stage(d + e, d, 1, False)
        self.down3 = stage(c + d, c, 1, False)
        self.back4 = Conv(c, c, 3, 2)
        self.up4 = stage(c + d, d, 1, False)
        self.back5 = Conv(d, d, 3, 2)
        self.up5 = stage(d + e, e, 1, False)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        c3 = self.stage3(self.stage2(self.stem(x)))
        c4 = self.stage4(c3)
        c5 = self.stage5(c4)
        d4 = self.down4(torch.cat((self.up(c5), c4), 1))
        p3 = self.down3(torch.cat((self.up(d4), c3), 1))
        p4 = self.up4(torch.cat((self.back4(p3), d4), 1))
        p5 = self.up5(torch.cat((self.back5(p4), c5), 1))
        return [p3, p4, p5]


WIDTHS = (16, 32, 64, 128, 256)
STRIDES = (8, 16, 32)


def grid(height: int, width: int) -> torch.Tensor:
    """The x and y of each cell, [height, width, 2]."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack((x, y), 2).float()


class YoloV5(nn.Module):
    """Anchors; boxes, objectness and classes of all cells as [1, anchors, 5 + classes]."""

    def __init__(self, classes: int = 20) -> None:
        super().__init__()
        self.outputs = classes + 5
        self.pyramid = Pyramid(C3, WIDTHS, 6)
        # A stem of 6 pads by 2, so that the extents are halved.
        self.pyramid.stem.conv.padding = (2, 2)
        self.heads = nn.ModuleList(nn.Conv2d(c, 3 * self.outputs, 1) for c in WIDTHS[2:])
        anchors = torch.tensor(
            [[10, 13, 16, 30, 33, 23], [30, 61, 62, 45, 59, 119], [116, 90, 156, 198, 373, 326]]
        )
        self.register_buffer("anchors", anchors.float().view(3, 1, 3, 1, 1, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = []
        for level, features in enumerate(self.pyramid(x)):
            y = self.heads[level](features)
            batch, _, height, width = y.shape
            y = y.view(batch, 3, self.outputs, height, width).permute(0, 1, 3, 4, 2).contiguous().sigmoid()
            cells = grid(height, width).view(1, 1, height, width, 2)
            xy = (y[..., 0:2] * 2 - 0.5 + cells) * STRIDES[level]
            wh = (y[..., 2:4] * 2) ** 2 * self.anchors[level]
            found.append(torch.cat((xy, wh, y[..., 4:]), -1).view(batch, -1, self.outputs))
        return torch.cat(found, 1)


class YoloV8(nn.Module):
    """No anchors; distances as distributions. Boxes and classes of all cells as [1, 4 + classes, cells]."""

    BINS = 16

    def __init__(self, classes: int = 20) -> None:
        super().__init__()
        self.classes = classes
        self.pyramid = Pyramid(C2f, WIDTHS, 3)
        self.boxes = nn.ModuleList(
            nn.Sequential(Conv(c, 64, 3), Conv(64, 64, 3), nn.Conv2d(64, 4 * self.BINS, 1)) for c in WIDTHS[2:]
        )
        self.scores = nn.ModuleList(
            nn.Sequential(Conv(c, 64, 3), Conv(64, 64, 3), nn.Conv2d(64, classes, 1)) for c in WIDTHS[2:]
        )
        self.bins = nn.Conv2d(self.BINS, 1, 1, bias=False).requires_grad_(False)
        self.bins.weight.data[:] = torch.arange(self.BINS).float().view(1, self.BINS, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = [
            torch.cat((boxes(features), scores(features)), 1)
            for features, boxes, scores in zip(self.pyramid(x), self.boxes, self.scores)
        ]
        batch = x.shape[0]
        centres = torch.cat([grid(m.shape[2], m.shape[3]).view(-1, 2) + 0.5 for m in maps]).t()
        strides = torch.cat([torch.full((m.shape[2] * m.shape[3],), float(s)) for m, s in zip(maps, STRIDES)])
        joined = torch.cat([m.flatten(2) for m in maps], 2)
        boxes, scores = joined.split((4 * self.BINS, self.classes), 1)
        bins = boxes.view(batch, 4, self.BINS, -1).transpose(2, 1).softmax(1)
        distances = self.bins(bins).view(batch, 4, -1)
        near, far = distances.chunk(2, 1)
        first, second = centres - near, centres + far
        box = torch.cat(((first + second) / 2, second - first), 1) * strides
        return torch.cat((box, scores.sigmoid()), 1)


class UNet(nn.Module):
    """Four levels, transposed convolutions upwards."""

    def __init__(self, classes: int = 3, width: int = 16) -> None:
        super().__init__()
        widths = [width << level for level in range(4)]
        self.down = nn.ModuleList()
        inputs = 3
        for outputs in widths:
            self.down.append(self.double(inputs, outputs))
            inputs = outputs
        self.pool = nn.MaxPool2d(2)
        self.widen = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, 2) for w in reversed(widths[:-1]))
        self.up = nn.ModuleList(self.double(2 * w, w) for w in reversed(widths[:-1]))
        self.last = nn.Conv2d(width, classes, 1)

    @staticmethod
    def double(inputs: int, outputs: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else self.pool(x))
            kept.append(x)
        for widen, block, other in zip(self.widen, self.up, reversed(kept[:-1])):
            x = block(torch.cat((other, widen(x)), 1))
        return self.last(x)


class PixelShuffleNet(nn.Module):
    """Super-resolution by 3: convolutions, then channels laid out as pixels."""

    def __init__(self, scale: int = 3) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 64, 5, padding=2),
            nn.Tanh(),
            nn.Conv2d(64, 64, 3, padding=1),
            nn.Tanh(),
            nn.Conv2d(64, 32, 3, padding=1),
            nn.Tanh(),
            nn.Conv2d(32, scale * scale, 3, padding=1),
            nn.PixelShuffle(scale),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.layers(x))
