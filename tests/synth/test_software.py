"""Which synthorax made something is its version and, from a checkout, the commit."""

import subprocess
from importlib.metadata import version

import synth.software
from synth.software import software


def git(folder, *command):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    subprocess.run(["git", "-C", str(folder), *identity, *command], check=True, capture_output=True)


def test_the_version_is_the_installed_one():
    assert software()["synthorax"] == version("synthorax")


def test_a_checkout_tells_its_commit_and_whether_it_was_changed(tmp_path):
    git(tmp_path, "init", "--quiet")
    (tmp_path / "file").write_text("a")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    git(tmp_path, "tag", "v1")  # a tag would hide the hash
    clean = synth.software._commit(tmp_path)
    assert len(clean) == 40
    (tmp_path / "file").write_text("b")
    assert synth.software._commit(tmp_path) == f"{clean}-dirty"


def test_an_installed_one_has_no_commit(tmp_path):
    assert synth.software._commit(tmp_path) == ""
