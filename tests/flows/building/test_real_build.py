"""The whole build with the shipped models: bad weights, bad prompts, and bytes that repeat."""

import json
import random
import shutil
import time

import pytest
from standins import digests
from told import is_one_line

from synth.weights import SHIPPED, SUMS, digest, pins

shipped = pytest.mark.skipif(
    not (SHIPPED / "images").is_dir(), reason="the checkpoints are not in this checkout yet"
)
REAL = {
    "candidates": 12,
    "shard_size": 4,
    "images": {"size": 256, "steps": 2, "batch_size": 4},
    "workers": {"count": 1},
}


def test_missing_weights(invoke, write_config, tmp_path):
    path = write_config(anatomy={"weights": str(tmp_path / "nowhere")})
    code, _, err = invoke("build", path, real=True)
    assert code == 2
    assert is_one_line(err, "nowhere", "not found")
    assert not (tmp_path / "out").exists()


@shipped
def test_tampered_weights(invoke, write_config, tmp_path):
    folder = tmp_path / "images"
    shutil.copytree(SHIPPED / "images", folder)
    weights = max(folder.rglob("*.safetensors"), key=lambda p: p.stat().st_size)
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    code, _, err = invoke("build", write_config(images={"checkpoint": str(folder)}), real=True)
    assert code == 2
    assert is_one_line(err, weights.name, "SHA-256")
    assert not (tmp_path / "out").exists()


@shipped
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"small left effusion\nm\xe4ssige Stauung\n", "UTF-8"),
        (b"", "prompts"),
    ],
)
def test_a_broken_prompt_file(invoke, write_config, tmp_path, content, told):
    prompts = tmp_path / "prompts.txt"
    prompts.write_bytes(content)
    code, _, err = invoke("build", write_config(prompts={"file": str(prompts)}), real=True)
    assert code == 2
    assert is_one_line(err, told)
    assert not (tmp_path / "out").exists()


@shipped
def test_a_prompt_file_that_is_not_there(invoke, write_config, tmp_path):
    path = write_config(prompts={"file": str(tmp_path / "none.csv")})
    code, _, err = invoke("build", path, real=True)
    assert code == 2
    assert is_one_line(err, "prompts.file", "none.csv")


@shipped
def test_a_finding_that_the_model_cannot_draw(invoke, write_config, tmp_path):
    weights = shutil.copytree(SHIPPED / "images", tmp_path / "images")
    (weights / "synthorax.json").write_text(json.dumps({"findings": ["effusion"]}))
    pinned = {**pins(weights), "synthorax.json": digest(weights / "synthorax.json")}
    (weights / SUMS).write_text("".join(f"{d}  {name}\n" for name, d in pinned.items()))
    path = write_config(images={"checkpoint": str(weights)}, prompts={"findings": ["emphysema"]})
    code, _, err = invoke("build", path, real=True)
    assert code == 2
    assert is_one_line(err, "emphysema", "can draw (effusion)")


@shipped
def test_other_workers_give_the_same_bytes(invoke, write_config, tmp_path):
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    for out, count in ((one, 1), (two, 3)):
        path = write_config(**{**REAL, "output": out, "workers": {"count": count}})
        code, text, err = invoke("build", path, real=True)
        assert code == 0, err
        assert "12 candidates" in text
    assert digests(one) == digests(two)


@shipped
@pytest.mark.slow
def test_killed_five_times_and_resumed_gives_the_same_bytes(start, invoke, write_config, tmp_path):
    clean = write_config("clean.yaml", **{**REAL, "output": str(tmp_path / "clean")})
    assert invoke("build", clean, real=True)[0] == 0
    path, out, chance = write_config(**REAL), tmp_path / "out", random.Random(5)
    for _ in range(5):
        process = start("build", path, real=True)
        end = time.monotonic() + 300
        while not (out / "build.json").exists() and process.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.05)
        time.sleep(chance.uniform(0, 12))
        process.kill()
        process.wait()
    assert invoke("build", path, real=True)[0] == 0
    assert digests(out) == digests(tmp_path / "clean")
