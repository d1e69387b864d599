"""`synthorax convert`: pickled weights to safetensors, once."""

from pathlib import Path


def run(source: str, out: Path, sha256: str | None, model: str | None) -> None:
    """Converts a torchxrayvision model, by name or file, or a folder in diffusers' layout; prints digests."""
    if Path(source).is_dir():
        from flows.preparing.conversion import convert_folder

        for name, value in convert_folder(Path(source), out).items():
            print(f"{value}  {out / name}")
        return
    from filters.experts import convert

    if source in convert.urls():
        path, model = convert.fetch(source), source
    else:
        path = Path(source)
    print(f"{convert.convert(path, out, model, sha256)}  {out}")
