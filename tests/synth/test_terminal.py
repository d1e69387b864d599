"""Text from data is one line that a terminal only shows."""

from hypothesis import given
from hypothesis import strategies as st

from synth.terminal import printable


@given(st.text(st.characters()))
def test_nothing_that_a_terminal_obeys_is_left(text):
    line = printable(text)
    assert not any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in line)
    line.encode("utf-8")


def test_what_is_taken_out_is_seen():
    assert printable("a\x1b[2Jb\r\n\u202ec\udc80") == "a\\x1b[2Jb\\x0d\\x0a\\x202ec\\xdc80"
    assert printable("Zürich 肺 ≥ 0.5") == "Zürich 肺 ≥ 0.5"
    assert printable("word" * 9, 10) == "wordwordw…"
