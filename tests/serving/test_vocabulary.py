"""Tokens and ids."""

from recbole_poem.serving.vocabulary import Vocabulary


def test_tokens_have_their_ids_and_others_none() -> None:
    vocabulary = Vocabulary(["[PAD]", "a", "7"])
    assert len(vocabulary) == 3
    assert vocabulary.ids(["7", "a", "b", 7, "[PAD]"]).tolist() == [2, 1, 0, 2, 0]
    assert vocabulary.ids([]).tolist() == []
    assert vocabulary.tokens[[1, 2]].tolist() == ["a", "7"]
