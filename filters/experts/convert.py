"""Published torchxrayvision pickles to safetensors: once, explicitly, pinned.

The command is ``synthorax convert densenet121-res224-all OUT.safetensors --sha256 DIGEST``, which
downloads by the package's own means; a path to a local file works the same.
"""

import hashlib
import json
import warnings
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError

import torch
import torchxrayvision as xrv
from safetensors.torch import save_file
from torch import Tensor, nn
from torchxrayvision.models import model_urls

from filters.experts.embedded import fit
from filters.experts.torchxrayvision import MODEL_KEY, PSPNET, network
from synth.errors import WeightsError
from synth.weights import digest

PSPNET_URL = "https://github.com/mlmed/torchxrayvision/releases/download/v1/pspnet_chestxray_best_model_4.pth"


def urls() -> dict[str, str]:
    """Model name to the address of its published weights."""
    named = {n: e["weights_url"] for n, e in model_urls.items() if "-res" in n}
    return {PSPNET: PSPNET_URL, **named}


def fetch(model: str, folder: Path | None = None) -> Path:
    """The published file of a model, downloaded by the package when it is not in ``folder`` yet.

    ``folder`` None is the package's own cache. What comes back is checked by :func:`convert`.
    """
    cache = folder or Path(xrv.utils.get_cache_dir())
    path = cache / urls()[model].rsplit("/", 1)[-1]
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        try:
            xrv.utils.download(urls()[model], str(path))
        except OSError as error:  # requests' errors are OSErrors
            first = str(error).splitlines()[0]
            raise WeightsError(f"weights: {model} could not be downloaded: {first}") from None
    return path


def convert(path: Path, out: Path, model: str | None = None, sha256: str | None = None) -> str:
    """Write a published pickle's tensors to ``out`` (.safetensors); the digest of what was written.

    ``model`` is its name, by default read from the published file name. ``sha256`` is the
    pickle's: checked when given, and demanded for the DenseNets, whose files are whole pickled
    modules and run code when opened. State dicts are opened with ``weights_only=True`` and need no
    pin. What is opened is what was hashed: the file is read once.
    Raises WeightsError in one line; nothing is written then.
    """
    model = model or _model_by_name(path)
    if out.suffix != ".safetensors":
        raise WeightsError(f"out: {out}, expected a name that ends in .safetensors")
    if not path.is_file():
        raise WeightsError(f"weights: {path} not found, expected a torchxrayvision pickle")
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != sha256:
        raise WeightsError(f"weights: {path} has SHA-256 {found}, expected {sha256}")
    tensors = _module(path, data, sha256) if _is_module(model) else _state_dict(path, data)
    net = network(model)
    fit(net, tensors, path)
    partial = out.with_name(f".{out.name}.partial")
    # One entry only: safetensors writes several in an order that changes from run to run.
    metadata = {MODEL_KEY: json.dumps({"model": model, "source_sha256": found})}
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, partial, metadata)
    partial.replace(out)
    return digest(out)


def _is_module(model: str) -> bool:
    """Whether the published file is a whole pickled module: all but ResNet and PSPNet are."""
    return model != PSPNET and not model.startswith("resnet")


def _model_by_name(path: Path) -> str:
    for model, url in urls().items():
        if path.name == url.rsplit("/", 1)[-1]:
            return model
    raise WeightsError(f"model: {path.name} is no published name, expected one of {', '.join(urls())}")


def _state_dict(path: Path, data: bytes) -> dict[str, Tensor]:
    """Tensors of a plain state dict, without what data parallelism put before each key."""
    try:
        tensors = torch.load(BytesIO(data), map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"weights: {path} is not a plain state dict: {first}") from None
    return {key.removeprefix("module."): value for key, value in tensors.items()}


def _module(path: Path, data: bytes, sha256: str | None) -> dict[str, Tensor]:
    """Tensors of a whole pickled module. This runs code from the file: only once it is pinned."""
    if sha256 is None:
        raise WeightsError(
            f"weights: {path} is a pickled module and runs code when opened, expected its sha256"
        )
    warnings.warn(f"opening {path.name} runs code from it (pickled module)", stacklevel=3)
    module = torch.load(BytesIO(data), map_location="cpu", weights_only=False)
    if not isinstance(module, nn.Module):
        raise WeightsError(f"weights: {path} holds {type(module).__name__}, expected a module")
    # Modules saved by old versions of torch lack this attribute, which state_dict() reads.
    for part in module.modules():
        part.__dict__.setdefault("_non_persistent_buffers_set", set())
    tensors = module.state_dict()
    tensors.pop("op_threshs", None)  # the package's own table is used
    return tensors
