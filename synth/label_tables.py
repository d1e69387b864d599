from importlib.util import find_spec
from pathlib import Path
def torchxrayvision_data() -> Path:
    spec = find_spec("torchxrayvision")
    if spec is None or spec.origin is None:
        raise ValueError("torchxrayvision: not installed, expected its data folder")
    return Path(spec.origin).parent / "data"
