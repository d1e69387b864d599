"""The detector: torchvision's FCOS on three levels of EfficientNet-Lite0, taught only where anybody knows."""

from typing import Any

import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.fcos import FCOS, FCOSHead
from torchvision.ops import FeaturePyramidNetwork

from flows.evaluation.downstream.task import ENCODER, load_backbone

#: Channels of the pyramid, convolutions of each head, and the strides of its levels.
WIDTH, DEPTH, STRIDES = 96, 2, (8, 16, 32)
#: A logit at which nothing is lost and nothing taught.
SILENT = -30.0


class Pyramid(nn.Module):
    """The encoder's three deepest features, joined from the coarsest down: (N, WIDTH, S/8, S/8) and on."""

    out_channels = WIDTH

    def __init__(self, backbone: str) -> None:
        super().__init__()
        self.encoder: Any = smp.encoders.get_encoder(f"tu-{ENCODER}", in_channels=1, depth=5, weights=None)
        load_backbone(self.encoder, backbone)
        self.pyramid = FeaturePyramidNetwork(self.encoder.out_channels[-3:], WIDTH)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.encoder(x)[-3:]
        joined: dict[str, Tensor] = self.pyramid({str(i): f for i, f in enumerate(features)})
        return joined


class PartlyKnownHead(FCOSHead):
    """FCOS's head whose targets also say which classes are ``known`` (K,) of a film, and ``doubt`` (J, 4)
    with ``doubt_labels``: boxes in which nobody knows of a class. There nothing is lost."""

    def compute_loss(
        self, targets: list[dict], head_outputs: dict, anchors: list[Tensor], matched_idxs: list[Tensor]
    ) -> dict:
        """FCOS's own, over what is known."""
        logits = head_outputs["cls_logits"].clone()
        for i, target in enumerate(targets):
            silent = (~target["known"])[None].expand(len(anchors[i]), -1).clone()
            centres = (anchors[i][:, :2] + anchors[i][:, 2:]) / 2
            for box, label in zip(target["doubt"], target["doubt_labels"], strict=True):
                silent[((centres > box[:2]) & (centres < box[2:])).all(1), label] = True
            silent[matched_idxs[i] >= 0] = False
            logits[i] = logits[i].masked_fill(silent, SILENT)
        loss: dict = super().compute_loss(
            targets, head_outputs | {"cls_logits": logits}, anchors, matched_idxs
        )
        return loss


def detector(classes: int, size: int, backbone: str) -> FCOS:
    """For a list of (1, S, S) in [0, 1]; 30 boxes a film at most."""
    anchors = AnchorGenerator(tuple((s,) for s in STRIDES), ((1.0,),) * len(STRIDES))
    return FCOS(
        Pyramid(backbone),
        classes,
        min_size=size,
        max_size=size,
        image_mean=[0.5],
        image_std=[0.5],
        anchor_generator=anchors,
        head=PartlyKnownHead(WIDTH, 1, classes, num_convs=DEPTH),
        score_thresh=0.02,
        nms_thresh=0.5,
        detections_per_img=30,
    )


def target_of(truth: Any, size: int, device: str) -> dict[str, Tensor]:
    """A film's boxes as the detector is taught them, in pixels."""

    def tensor(values: Any, kind: torch.dtype) -> Tensor:
        return torch.as_tensor(values, dtype=kind, device=device)

    return {
        "boxes": tensor(truth.boxes * size, torch.float32).reshape(-1, 4),
        "labels": tensor(truth.labels, torch.int64),
        "known": tensor(truth.known, torch.bool),
        "doubt": tensor(truth.doubt * size, torch.float32).reshape(-1, 4),
        "doubt_labels": tensor(truth.doubt_labels, torch.int64),
    }
