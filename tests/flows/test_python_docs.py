"""docs/python.md: its examples are run, one after the other, as one session in an empty folder."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text("utf-8")
#: Each block at its own place in the page, so that a traceback names its line.
SESSION = """
import re, sys
page = open(sys.argv[1], encoding="utf-8").read()
space = {"__name__": "__main__"}
for block in re.finditer(r"^```python\\n(.*?)^```$", page, re.DOTALL | re.MULTILINE):
    lines = page.count("\\n", 0, block.start(1))
    exec(compile("\\n" * lines + block[1], sys.argv[1], "exec"), space)
print("end", space["accepted"] in (True, False), space["edited"].pixels.shape)
"""


@pytest.mark.timeout(900)  # half a minute of work, many times that on a busy machine
def test_the_examples_run(tmp_path, environment, server):
    env = environment | {"PYTHONPATH": str(ROOT), "PREFECT_API_URL": server}
    work = tmp_path / "work"
    work.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", SESSION, str(ROOT / "docs" / "python.md")],
        cwd=work,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.splitlines()
    assert lines[0].endswith("accepted of 4")
    assert "images.stepz: unknown key, did you mean steps? (config)" in lines
    assert lines[-1] == "end True (256, 256)"
    assert {p.name for p in work.iterdir()} == {"out", "film.png", "edited.png"}


def test_every_public_name_is_on_the_page():
    import synthorax

    missing = [name for name in synthorax.__all__ if not re.search(rf"`{name}`", PAGE)]
    assert missing == []
