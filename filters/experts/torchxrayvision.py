"""The torchxrayvision experts (Cohen et al., 2022): its classifiers and its PSPNet.

Only converted weights are loaded here: safetensors, pinned by SHA-256, made once from the published
pickles by :mod:`filters.experts.convert`. Networks, labels and operating thresholds are the package's
own.
"""

from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
import torchvision
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional
from torchxrayvision.baseline_models.chestx_det import PSPNet
from torchxrayvision.baseline_models.chestx_det.ptsemseg.pspnet import pspnet
from torchxrayvision.models import DenseNet, model_urls, op_norm

from filters.experts.embedded import ask, enlarge, fit, logistic
from filters.experts.opinion import Expert, Opinion
from synth.errors import UserError, WeightsError
from synth.findings import FINDINGS
from synth.strict_json import parse_json
from synth.weights import load_safetensors

#: The name that the anatomy segmenter goes by; classifiers go by theirs in ``model_urls``.
PSPNET = "pspnet"
#: The metadata entry of a converted file, JSON: which network its tensors are of, and their source.
MODEL_KEY = "torchxrayvision"
#: Our structure to PSPNet's channel.
_CHANNELS = {
    "right_lung": "Right Lung",
    "left_lung": "Left Lung",
    "heart": "Heart",
    "right_clavicle": "Right Clavicle",
    "left_clavicle": "Left Clavicle",
}
_CONVERT = "synthorax convert {path} OUT.safetensors --sha256 DIGEST"


def network(model: str) -> nn.Module:
    """The package's own network for a model name, randomly initialised; its keys are as published.

    Raises UserError for a name that torchxrayvision does not know.
    """
    if model == PSPNET:
        return pspnet(len(PSPNet.targets))
    if model not in model_urls:
        known = sorted(name for name in model_urls if "-res" in name)
        raise UserError(f"torchxrayvision model: {model!r}, expected {PSPNET} or {', '.join(known)}")
    labels = len(model_urls[model]["labels"])
    if not model.startswith("resnet"):
        return DenseNet(num_classes=labels)
    # The package builds its ResNet only around a downloaded file; this is the network inside.
    build = torchvision.models.resnet101 if "101" in model else torchvision.models.resnet50
    net = build(num_classes=labels, weights=None)
    net.conv1 = nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    return net


def load(path: Path, sha256: str, batch_size: int = 8, device: str = "cpu") -> Expert:
    """The expert of a converted file: a classifier or the PSPNet, as its metadata says.

    Raises WeightsError in one line for a missing file, a wrong digest, a pickle (naming the command
    that converts it) or tensors that are not the network's.
    """
    if path.is_file() and path.suffix != ".safetensors":
        command = _CONVERT.format(path=path)
        raise WeightsError(f"weights: {path} is a pickle and may run code, convert it: `{command}`")
    tensors = load_safetensors(path, sha256=sha256)
    model = _model_of(path)
    net = network(model)
    fit(net, tensors, path)
    net.requires_grad_(False).eval().to(device)
    if model == PSPNET:
        return XrvAnatomy(net, sha256, batch_size, device)
    return XrvClassifier(net, model, sha256, batch_size, device)


def _model_of(path: Path) -> str:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise WeightsError(f"weights: {path} is not valid safetensors: {error}") from None
    if MODEL_KEY not in metadata:
        command = _CONVERT.format(path="PICKLE")
        raise WeightsError(f"weights: {path} names no torchxrayvision model, make it by `{command}`")
    try:
        return str(parse_json(metadata[MODEL_KEY].encode())["model"])
    except (UserError, KeyError, TypeError, IndexError) as error:
        raise WeightsError(f"weights: {path}, its metadata {MODEL_KEY} names no model: {error}") from None


def prepare(images: np.ndarray, resolution: int, device: str) -> Tensor:
    """uint8 (N, H, W) as the package takes it: (N, 1, R, R) float32 in [-1024, 1024].

    The same scaling and antialiased bilinear resize as its ``normalize`` and ``fix_resolution``.
    """
    x = torch.from_numpy(np.ascontiguousarray(images)).to(device).float()
    x = (2 * (x / 255) - 1)[:, None] * 1024
    if x.shape[-1] != resolution:
        size = (resolution, resolution)
        x = functional.interpolate(x, size=size, mode="bilinear", antialias=True)
    return x


class XrvClassifier:
    """A DenseNet or ResNet of torchxrayvision: probabilities, and where they come from.

    A probability p is normalised by the label's operating threshold t as the package does: 0.5 at
    p = t, linear on both sides. Labels whose threshold is NaN (not trained) are not spoken of.
    Lesion maps are class activation maps (Zhou et al., 2016): the classifier applied to each cell
    of the last features, normalised the same way; 7 × 7 cells at 224, 16 × 16 at 512.
    """

    structures: tuple[str, ...] = ()

    def __init__(
        self, net: nn.Module, model: str, digest: str, batch_size: int = 8, device: str = "cpu"
    ) -> None:
        entry = model_urls[model]
        self.name, self.digest = f"torchxrayvision {model}", digest
        self.network, self.resolution = net.eval(), int(entry["input_resolution"])
        self.batch_size, self.device = batch_size, device
        column = {label: i for i, label in enumerate(entry["labels"]) if label}
        trained = [f for f in FINDINGS.values() if f.xrv in column]
        trained = [f for f in trained if not np.isnan(entry["op_threshs"][column[f.xrv]])]
        self.findings = tuple(f.name for f in trained)
        self._columns = [column[f.xrv] for f in trained]
        self._thresholds = torch.tensor([entry["op_threshs"][c] for c in self._columns])
        self._features, self._head = _split(net)

    @torch.inference_mode()
    def look(self, images: np.ndarray) -> list[Opinion]:
        """Findings and their activation maps in each image (N, H, W) uint8."""
        return ask(images, self.batch_size, self._look)

    @torch.inference_mode()
    def features(self, images: np.ndarray) -> np.ndarray:
        """(N, F) float32: the last features averaged over the film, as the package's own ``features2``."""
        rows: list[np.ndarray] = ask(images, self.batch_size, self._pooled)
        return np.stack(rows)

    def _pooled(self, batch: np.ndarray) -> list[np.ndarray]:
        features = self._features(prepare(batch, self.resolution, self.device))
        return list(features.mean((2, 3)).float().cpu().numpy())

    def _look(self, batch: np.ndarray) -> list[Opinion]:
        features = self._features(prepare(batch, self.resolution, self.device))
        pooled = features.mean((2, 3))
        probabilities = self._normalised(self._head(pooled)).numpy()
        cells = self._head(features.movedim(1, -1))  # (N, h, w, labels)
        shape = (*cells.shape[:3], len(self._columns))
        maps = self._normalised(cells.flatten(0, 2)).view(shape).movedim(-1, 1)
        large = enlarge(maps, batch.shape[1:])
        return [
            Opinion(
                probabilities=dict(zip(self.findings, map(float, p), strict=True)),
                lesions=dict(zip(self.findings, m, strict=True)),
            )
            for p, m in zip(probabilities, large, strict=True)
        ]

    def _normalised(self, logits: Tensor) -> Tensor:
        """Logits (M, labels) of all labels as normalised probabilities (M, findings)."""
        plain = torch.from_numpy(logistic(logits[:, self._columns]))
        return op_norm(plain, self._thresholds)


def _split(net: nn.Module) -> tuple[nn.Module, nn.Module]:
    """A classifier as (image to last feature maps, pooled features to logits)."""
    if isinstance(net, DenseNet):
        return nn.Sequential(net.features, nn.ReLU()), net.classifier
    children = OrderedDict(net.named_children())
    head = children.pop("fc")
    children.pop("avgpool")
    return nn.Sequential(children), head


class XrvAnatomy:
    """The PSPNet of torchxrayvision: probabilities of five of its 14 structures, at 512 × 512."""

    name = "torchxrayvision pspnet"
    findings: tuple[str, ...] = ()
    structures = tuple(_CHANNELS)
    resolution = 512

    def __init__(self, net: nn.Module, digest: str, batch_size: int = 8, device: str = "cpu") -> None:
        self.network, self.digest = net.eval(), digest
        self.batch_size, self.device = batch_size, device
        self._channels = [PSPNet.targets.index(name) for name in _CHANNELS.values()]
        # The statistics of ImageNet, which its backbone was trained with.
        self._scale = torchvision.transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

    @torch.inference_mode()
    def look(self, images: np.ndarray) -> list[Opinion]:
        """Anatomy of each image: ``images`` (N, H, W) uint8."""
        return ask(images, self.batch_size, self._look)

    def logits(self, images: np.ndarray) -> Tensor:
        """(N, 14, 512, 512), as the package's own ``PSPNet`` gives them."""
        x = prepare(images, self.resolution, self.device).repeat(1, 3, 1, 1)
        return self.network(self._scale((x + 1024) / 2048))

    def _look(self, batch: np.ndarray) -> list[Opinion]:
        maps = self.logits(batch)[:, self._channels].sigmoid()
        large = enlarge(maps, batch.shape[1:])
        return [Opinion(structures=self.structures, anatomy=m) for m in large]
