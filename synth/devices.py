"""Where networks compute: refused in one line, before anything is loaded, when it is not there."""

from synth.errors import UserError


def check_device(device: str, field: str = "device") -> None:
    """Raises UserError when torch cannot compute on ``device`` (cpu, cuda, cuda:N or mps); ``field`` is what
    the user calls it."""
    if device == "cpu":
        return
    import torch

    kind, _, number = device.partition(":")
    if kind == "mps":
        if not torch.backends.mps.is_available():
            raise UserError(f"{field}: mps, expected cpu: torch finds no such device")
    elif kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if not count:
            raise UserError(f"{field}: {device}, expected cpu: torch finds no CUDA device, or no driver")
        if number and not (number.isdecimal() and int(number) < count):
            raise UserError(f"{field}: {device}, expected one of cuda:0 to cuda:{count - 1}")
    else:
        raise UserError(f"{field}: {device!r}, expected cpu, cuda, cuda:N or mps")
