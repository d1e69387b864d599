"""The training of the one-pass model: what it takes up again and what not."""

import pytest

from flows.training.recipes import one_pass


class Begun(Exception):
    pass


@pytest.mark.parametrize("resume", [True, False])
def test_what_another_guide_saw_in_films_is_used_again_only_to_resume(tmp_path, monkeypatch, resume):
    kept = tmp_path / "runs" / "one_pass" / "films" / "nih.safetensors"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"what the guide before saw")

    def films(*_):
        raise Begun

    monkeypatch.setattr(one_pass, "_guide", lambda *_: None)
    monkeypatch.setattr(one_pass, "load_films", films)
    with pytest.raises(Begun):
        one_pass.train(tmp_path / "data", tmp_path, 0, "cpu", resume, 1.0)
    assert kept.exists() == resume
