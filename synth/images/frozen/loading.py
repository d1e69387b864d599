"""From a folder in diffusers' layout to the imager that it allows."""

from dataclasses import dataclass, replace

from synth.errors import WeightsError
from synth.images.codec import PatchCodec
from synth.images.denoisers import FrozenDenoiser
from synth.images.frozen.base import ForeignImager
from synth.images.frozen.controllers import ControllerImager
from synth.images.frozen.controlnet import ControlNetImager
from synth.images.frozen.pipeline_parts import PipelineParts
from synth.images.frozen.pipelines import PipelineFolder
from synth.images.frozen.rough_latents import ReencodedRough, RoughLatents
from synth.images.trial import try_out
from synth.settings import SynthesisSettings
from synth.weights import SHIPPED, verify_folder


@dataclass(frozen=True)
class ForeignBase:
    """A text-to-image base: its images have ``colours`` channels, its latent cells ``factor`` pixels a side.

    ``digests``: relative name to SHA-256 of each file that went in.
    """

    base: FrozenDenoiser
    colours: int
    factor: int
    parts: PipelineParts
    digests: dict[str, str]

    @classmethod
    def load(cls, pipeline: PipelineFolder, device: str = "cpu", precision: str = "fp32") -> "ForeignBase":
        """Load a checkpoint, and its ControlNet if ``pipeline`` has one.

        Raises WeightsError, one line, for what cannot be used.
        """
        digests = pipeline.digests()
        parts = PipelineParts.load(pipeline, device)
        try:
            base = replace(FrozenDenoiser.of_pipeline(parts), device=device, precision=precision)
        except ValueError as error:  # the scheduler is none that can be sampled by
            raise WeightsError(f"{pipeline.field}: {pipeline.folder}, {error}") from error
        base.embed([""])  # the tokenizer's padding and cutting are set here, before threads share it
        return cls(base, parts.vae.config["in_channels"], pipeline.factor, parts, digests)


def load_foreign(settings: SynthesisSettings) -> tuple[ForeignImager, dict[str, str]]:
    """The imager of the settings' checkpoint, and the SHA-256 of each file that went in.

    Raises WeightsError, one line, for a checkpoint or ControlNet that cannot be used, and for a size or
    number of steps that it cannot be sampled with.
    """
    if settings.images is None:
        raise ValueError("images.checkpoint: None, expected a folder in diffusers' layout")
    pipeline = PipelineFolder.read(settings.images, settings.controlnet)
    pipeline.check_size(settings.size)
    found = ForeignBase.load(pipeline, settings.device, settings.precision)
    base, parts, digests = found.base, found.parts, found.digests
    imager: ForeignImager
    if parts.controlnet is not None:
        imager = ControlNetImager(base, parts.tokenizer, pipeline.factor, parts.controlnet)
    else:
        rough, pinned = _rough(base, found.colours, pipeline.factor)
        imager, digests = ControllerImager(base, parts.tokenizer, pipeline.factor, rough), digests | pinned
    try:
        imager.check(settings)
    except (ValueError, IndexError) as error:
        raise WeightsError(f"images.steps: {settings.steps}, too many for the scheduler: {error}") from error
    try_out(imager, settings)
    return imager, digests


def _rough(base: FrozenDenoiser, colours: int, factor: int) -> tuple[ReencodedRough, dict[str, str]]:
    pinned = {f"rough_latents/{k}": v for k, v in verify_folder(SHIPPED / "rough_latents").items()}
    shipped = verify_folder(SHIPPED / "images")
    pinned |= {f"codec/{k.removeprefix('vae/')}": v for k, v in shipped.items() if k.startswith("vae/")}
    options = {"use_safetensors": True, "local_files_only": True, "low_cpu_mem_usage": False}
    codec = PatchCodec.from_pretrained(SHIPPED / "images" / "vae", **options)
    rough = RoughLatents.load().to(base.device)
    codec = codec.float().to(base.device).requires_grad_(False).eval()
    return ReencodedRough(rough, codec, base, colours, factor), pinned
