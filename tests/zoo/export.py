"""Makes the networks that zoo_test.ts runs: real architectures with random weights, exported by PyTorch.

    python -m venv /tmp/zoo && /tmp/zoo/bin/pip install -r tests/zoo/requirements.txt
    /tmp/zoo/bin/python tests/zoo/export.py [FOLDER] [--only NAME]...

FOLDER is tests/zoo/models unless told. Nothing is downloaded: weights are drawn with a seed, and the statistics of
batch normalisations are those of random pictures, so that activations are neither zero nor infinite. zoo.json in the
folder lists what was made, and NAME.f32 holds a picture to put in. A network that cannot be exported is told at the
end, and makes the exit code 1.
"""

import argparse
import json
import pathlib
import sys
import traceback
import warnings
from dataclasses import dataclass
from typing import Callable

import onnx
import timm
import torch
import torchvision
from torch import nn
from torchvision.models import detection, segmentation

from networks import PixelShuffleNet, UNet, YoloV5, YoloV8


@dataclass
class Export:
    """A network and how it is exported."""

    name: str
    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    # ("classic", 13) is torch.onnx's exporter by tracing for operator set 13, ("dynamo", 18) the one by torch.export.
    exporters: tuple[tuple[str, int], ...]
    # Batches of this many pictures set the statistics of batch normalisations.
    calibration: int = 4
    # Extents that the file leaves open, by axis of the input.
    free: tuple[int, ...] = ()
    # The range of the pictures' values.
    low: float = -1.0
    high: float = 1.0


class Ssdlite(nn.Module):
    """SSDLite320 whole: boxes, scores and labels of one picture, after non-maximum suppression.

    The features and heads are torchvision's. What comes after them is written as a deployed network has it: the best
    candidates of all classes, then suppression within each class. torchvision's own way chooses how many to keep by
    counts that are known only while it runs, which the exporter turns into an If.
    """

    CANDIDATES = 200

    def __init__(self) -> None:
        super().__init__()
        network = detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=21)
        self.backbone, self.head = network.backbone, network.head
        with torch.no_grad():
            images = detection.image_list.ImageList(torch.zeros(1, 3, 320, 320), [(320, 320)])
            self.eval()
            anchors = network.anchor_generator(images, list(self.backbone(images.tensors).values()))[0]
        self.register_buffer("centres", (anchors[:, :2] + anchors[:, 2:]) / 2)
        self.register_buffer("sizes", anchors[:, 2:] - anchors[:, :2])

    def raw(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """All that has batch normalisations, for pictures of any number."""
        return tuple(self.head(list(self.backbone(x).values())).values())

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        deltas, logits = (part[0] for part in self.raw(x))
        centres = self.centres + 0.1 * deltas[:, :2] * self.sizes
        halves = 0.5 * torch.exp(torch.clamp(0.2 * deltas[:, 2:], max=4.0)) * self.sizes
        boxes = torch.cat((centres - halves, centres + halves), 1).clamp(0, 320)
        scores, best = torch.softmax(logits, 1)[:, 1:].flatten().topk(self.CANDIDATES)
        labels = best % 20
        boxes = boxes[best // 20]
        # Boxes of different classes are moved apart, so that one suppression serves all classes.
        kept = torchvision.ops.nms(boxes + 321.0 * labels[:, None].float(), scores, 0.5)
        return boxes[kept], scores[kept], labels[kept] + 1


class Heads(nn.Module):
    """Backbone and heads of one of torchvision's detectors, as they are before decoding and suppression."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.backbone = network.backbone
        self.head = network.head

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self.head(list(self.backbone(x).values())).values())


class Segmentation(nn.Module):
    """One of torchvision's segmentation networks, its main output only."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.network(x)["out"]


def vision(name: str, **options: object) -> Callable[[], nn.Module]:
    return lambda: torchvision.models.get_model(name, weights=None, **options)


def from_timm(name: str, **options: object) -> Callable[[], nn.Module]:
    return lambda: timm.create_model(name, pretrained=False, **options)


def exports() -> list[Export]:
    small = (1, 3, 128, 128)
    no_weights = {"weights": None, "weights_backbone": None}
    return [
        Export("resnet18", vision("resnet18"), small, (("classic", 11), ("classic", 17), ("dynamo", 18))),
        Export("resnet50", vision("resnet50"), small, (("classic", 12),)),
        Export("mobilenet-v2", vision("mobilenet_v2"), small, (("classic", 11), ("dynamo", 18))),
        Export("mobilenet-v3-large", vision("mobilenet_v3_large"), small, (("classic", 13), ("dynamo", 18))),
        Export("mobilenet-v3-small", vision("mobilenet_v3_small"), (1, 3, 224, 224), (("classic", 14),)),
        Export("efficientnet-b0", vision("efficientnet_b0"), small, (("classic", 14), ("dynamo", 18))),
        Export("shufflenet-v2", vision("shufflenet_v2_x1_0"), small, (("classic", 11), ("dynamo", 18))),
        Export("densenet121", vision("densenet121"), small, (("classic", 12),)),
        Export("vgg11", vision("vgg11"), (1, 3, 224, 224), (("classic", 13),)),
        Export("squeezenet", vision("squeezenet1_1"), small, (("classic", 11),)),
        Export("regnet-y-400mf", vision("regnet_y_400mf"), small, (("classic", 15),)),
        Export("convnext-tiny", vision("convnext_tiny"), small, (("classic", 17), ("dynamo", 20))),
        Export("inception-v3", vision("inception_v3", aux_logits=False), (1, 3, 139, 139), (("classic", 13),)),
        Export(
            "vit-tiny",
            from_timm("vit_tiny_patch16_224", img_size=128),
            small,
            (("classic", 14), ("classic", 17), ("dynamo", 18)),
        ),
        Export(
            "swin-tiny",
            from_timm("swin_tiny_patch4_window7_224", img_size=112),
            (1, 3, 112, 112),
            (("classic", 16), ("dynamo", 18)),
        ),
        Export("mobilevit-xxs", from_timm("mobilevit_xxs"), small, (("classic", 14),)),
        Export("hrnet-w18-small", from_timm("hrnet_w18_small"), small, (("classic", 12),)),
        Export("ghostnet", from_timm("ghostnet_100"), small, (("classic", 11),)),
        Export("ssdlite320", Ssdlite, (1, 3, 320, 320), (("classic", 11), ("classic", 16)), low=0.0),
        Export(
            "ssdlite320-heads",
            lambda: Heads(detection.ssdlite320_mobilenet_v3_large(**no_weights)),
            (1, 3, 192, 192),
            (("classic", 12), ("dynamo", 18)),
        ),
        Export(
            "fcos-heads",
            lambda: Heads(detection.fcos_resnet50_fpn(**no_weights, num_classes=21)),
            (1, 3, 96, 128),
            (("classic", 13),),
        ),
        Export(
            "retinanet-heads",
            lambda: Heads(detection.retinanet_resnet50_fpn_v2(**no_weights, num_classes=21)),
            (1, 3, 96, 128),
            (("classic", 13),),
        ),
        Export(
            "deeplabv3",
            lambda: Segmentation(segmentation.deeplabv3_mobilenet_v3_large(**no_weights)),
            small,
            (("classic", 12), ("dynamo", 18)),
        ),
        Export(
            "lraspp",
            lambda: Segmentation(segmentation.lraspp_mobilenet_v3_large(**no_weights)),
            small,
            (("classic", 11),),
        ),
        Export("unet", UNet, small, (("classic", 11), ("dynamo", 18))),
        Export("yolov5-shaped", YoloV5, (1, 3, 160, 192), (("classic", 12), ("dynamo", 18)), free=(2, 3)),
        Export("yolov8-shaped", YoloV8, (1, 3, 160, 192), (("classic", 17), ("dynamo", 18)), free=(2, 3)),
        Export("pixel-shuffle", PixelShuffleNet, (1, 1, 48, 64), (("classic", 11), ("dynamo", 18)), free=(0, 2, 3)),
    ]


def pictures(count: int, shape: tuple[int, ...], low: float, high: float) -> torch.Tensor:
    """Smooth colours with noise."""
    _, channels, height, width = shape
    coarse = torch.rand(count, channels, max(2, height // 16), max(2, width // 16))
    smooth = nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return low + (high - low) * (0.8 * smooth + 0.2 * torch.rand(count, channels, height, width))


def calibrate(network: nn.Module, x: torch.Tensor) -> None:
    """Gives each batch normalisation the statistics of what reaches it, somewhat off, and scales and shifts of its own.

    Layer by layer, so that each one is set for what the ones before it give. Where a channel hardly varies about a
    large mean, part of the mean counts as variance: else rounding errors would grow from layer to layer.
    """

    def set_statistics(layer: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        values = inputs[0].transpose(0, 1).flatten(1)
        mean, variance = values.mean(1), values.var(1, unbiased=False)
        variance = variance.clamp(min=0.1 * variance.mean().item()) + 0.2 * mean.square()
        layer.running_mean.copy_(mean + 0.1 * variance.sqrt() * torch.randn_like(mean))
        layer.running_var.copy_(variance * torch.empty_like(mean).uniform_(0.7, 1.4))

    network.eval()
    norms = [layer for layer in network.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)):
                if layer.weight is not None:
                    layer.weight.mul_(torch.empty_like(layer.weight).uniform_(0.8, 1.2))
                if layer.bias is not None:
                    layer.bias.add_(0.1 * torch.randn_like(layer.bias))
            for scale in ("gamma", "layer_scale"):
                if isinstance(getattr(layer, scale, None), nn.Parameter):
                    getattr(layer, scale).uniform_(0.5, 1.0)
        hooks = [layer.register_forward_pre_hook(set_statistics) for layer in norms]
        getattr(network, "raw", network)(x)
        for hook in hooks:
            hook.remove()


def write(export: Export, exporter: str, opset: int, folder: pathlib.Path) -> dict[str, object]:
    torch.manual_seed(sum(map(ord, export.name)))
    network = export.make()
    calibrate(network, pictures(export.calibration, export.shape, export.low, export.high))
    x = pictures(export.shape[0], export.shape, export.low, export.high)
    picture = f"{export.name}.f32"
    (folder / picture).write_bytes(x.contiguous().numpy().astype("<f4").tobytes())
    with torch.no_grad():
        network(x)
    file = f"{export.name}-{exporter}-{opset}.onnx"
    path = folder / file
    names = {axis: f"axis{axis}" for axis in export.free}
    if exporter == "classic":
        axes = {"input": names} if names else None
        torch.onnx.export(
            network, (x,), str(path), dynamo=False, opset_version=opset, input_names=["input"], dynamic_axes=axes
        )
    else:
        shapes = ({axis: torch.export.Dim(name, min=1) if axis == 0 else torch.export.Dim.DYNAMIC
                   for axis, name in names.items()},) if names else None
        torch.onnx.export(
            network, (x,), str(path), dynamo=True, opset_version=opset, input_names=["input"], dynamic_shapes=shapes
        )
    model = onnx.load(str(path), load_external_data=False)
    written = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    return {
        "name": export.name,
        "file": file,
        "exporter": exporter,
        "opset": written,
        "nodes": len(model.graph.node),
        "shape": list(export.shape),
        "input": picture,
        "torch": torch.__version__.split("+")[0],
    }


def main() -> int:
    default = pathlib.Path(__file__).parent / "models"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=default)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a network; may be repeated")
    options = parser.parse_args()
    known = {export.name for export in exports()}
    if unknown := set(options.only) - known:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}")
    options.folder.mkdir(parents=True, exist_ok=True)
    index = options.folder / "zoo.json"
    made = {entry["file"]: entry for entry in json.loads(index.read_text())} if index.exists() else {}
    failed: list[str] = []
    warnings.simplefilter("ignore")
    for export in exports():
        if options.only and export.name not in options.only:
            continue
        for exporter, opset in export.exporters:
            what = f"{export.name}, {exporter}, operator set {opset}"
            try:
                entry = write(export, exporter, opset, options.folder)
            except Exception:
                failed.append(what)
                print(f"failed: {what}\n{traceback.format_exc(limit=-3)}", file=sys.stderr, flush=True)
                continue
            made[entry["file"]] = entry
            index.write_text(json.dumps(list(made.values()), indent=2) + "\n")
            print(f"{entry['file']}: {entry['nodes']} nodes", flush=True)
    for what in failed:
        print(f"not exported: {what}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
