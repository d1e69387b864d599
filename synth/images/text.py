"""Prompts as conditioning: a byte-level BPE tokenizer and a small CLIP text encoder of our own."""

from collections.abc import Iterable, Sequence

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

START, END = "<|startoftext|>", "<|endoftext|>"

#: Tokens a prompt may have; what goes beyond is cut.
LENGTH = 64


def learn_tokenizer(prompts: Iterable[str], vocabulary: int = 1024) -> PreTrainedTokenizerFast:
    """Byte-pair encoding (Sennrich et al., 2016) over bytes: any text has tokens.

    Each digit is a token of its own, so that what is learned of 63 years holds at 64 too.
    """
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator((p.lower() for p in prompts), trainer)
    core.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, 0), (END, 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token=START, eos_token=END, pad_token=END, model_max_length=LENGTH
    )


def new_text_encoder(tokenizer: PreTrainedTokenizerFast, width: int = 128, depth: int = 3) -> CLIPTextModel:
    """CLIP's causal text transformer (Radford et al., 2021), randomly initialised."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=3 * width,
            num_hidden_layers=depth,
            num_attention_heads=4,
            max_position_embeddings=LENGTH,
            projection_dim=width,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def tokenise(tokenizer: PreTrainedTokenizerFast, prompts: Sequence[str]) -> Tensor:
    """(N, LENGTH) int64 ids, cut or padded; an empty prompt stands for no text."""
    encoded = tokenizer(
        [p.lower() for p in prompts],
        padding="max_length",
        truncation=True,
        max_length=LENGTH,
        return_tensors="pt",
    )
    return torch.as_tensor(encoded["input_ids"])


def is_cut(tokenizer: PreTrainedTokenizerBase, prompt: str, length: int) -> bool:
    """Whether a prompt has more than ``length`` tokens, those at its start and end among them.

    Asked with the padding and cutting that embedding it asks with: other ones would change the tokenizer
    under the threads that share it.
    """
    said = tokenizer(
        [prompt], padding="max_length", truncation=True, max_length=length, return_overflowing_tokens=True
    )
    return len(said["input_ids"]) > 1
