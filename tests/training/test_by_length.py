"""Texts in groups of like length answer as in one batch."""

import torch

from advisor.data.facts import InputFacts
from advisor.models.task import ModelTask
from advisor.models.text_cnn import TextCnnArguments, build_text_cnn
from advisor.models.text_transformer import TextTransformerArguments, build_text_transformer
from advisor.training.by_length import by_length


def test_groups_give_what_one_batch_gives_in_its_order() -> None:
    facts = InputFacts(kind="text", vocabulary=50, padding=0)
    task = ModelTask((40,), 3, facts=facts)
    torch.manual_seed(0)
    ids = torch.randint(1, 50, (30, 40))
    for row, length in enumerate(torch.randint(1, 41, (30,)).tolist()):
        ids[row, length:] = 0
    for model in (
        build_text_cnn(TextCnnArguments(width=8, embedding=8), task),
        build_text_transformer(TextTransformerArguments(), task),
    ):
        widths: list[int] = []
        model.register_forward_pre_hook(lambda _, inputs, seen=widths: seen.append(inputs[0].shape[1]))
        grouped = by_length(model, ids, 0, 8)
        assert widths == sorted(widths)
        assert len(widths) == 4
        assert widths[0] < 40, "short texts are cut"
        torch.testing.assert_close(grouped, model(ids), atol=1e-5, rtol=1e-4)
