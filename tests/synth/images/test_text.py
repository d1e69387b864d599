"""Any text has tokens, of one length, and case does not matter."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.images.text import LENGTH, is_cut, learn_tokenizer, new_text_encoder, tokenise

TOKENIZER = learn_tokenizer(["small left pleural effusion", "frontal pa chest radiograph"] * 20, 300)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=200), min_size=1, max_size=4))
def test_any_text_has_tokens_of_one_length(prompts):
    ids = tokenise(TOKENIZER, prompts)
    assert ids.shape == (len(prompts), LENGTH)
    assert (ids[:, 0] == TOKENIZER.bos_token_id).all()
    assert int(ids.max()) < len(TOKENIZER)


def test_case_does_not_matter_but_words_do():
    a, b, c = tokenise(TOKENIZER, ["Left Effusion", "left effusion", "right effusion"])
    assert (a == b).all()
    assert (a != c).any()


def test_known_text_comes_back():
    text = "small left pleural effusion"
    ids = tokenise(TOKENIZER, [text])[0]
    assert TOKENIZER.decode(ids, skip_special_tokens=True) == text


def test_each_digit_has_a_token_that_other_numbers_share():
    often = learn_tokenizer(["63-year-old woman"] * 50, 300)
    (a, b), digits = tokenise(often, ["63-year-old woman", "64-year-old woman"]), tokenise(often, ["6", "4"])
    assert (a != b).sum() == 1
    assert digits[0, 1] in a
    assert b[a != b] == digits[1, 1]


@pytest.mark.parametrize("width", [64])
def test_the_encoder_gives_one_state_per_token(width):
    states = new_text_encoder(TOKENIZER, width, 1)(tokenise(TOKENIZER, ["a", ""])).last_hidden_state
    assert states.shape == (2, LENGTH, width)


def test_a_prompt_is_cut_once_it_has_more_tokens_than_are_read():
    fits = "7" * (LENGTH - 2)  # between the first token and the last
    assert not is_cut(TOKENIZER, fits, LENGTH)
    assert is_cut(TOKENIZER, fits + "7", LENGTH)
    assert not is_cut(TOKENIZER, "", LENGTH)
    one, two = tokenise(TOKENIZER, [fits, fits + "7"])
    assert (one == two).all()
