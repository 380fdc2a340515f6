"""Whether the graph is the model: against the same weights in NumPy, and against what the model's makers publish."""

from collections.abc import Callable, Sequence

import numpy as np

from embedding_export.bert import Array, Bert
from embedding_export.forward import forward

LARGEST_DIFFERENCE = 1e-5
PUBLISHED_TO = 1e-4  # the makers give four digits

# https://www.sbert.net/docs/sentence_transformer/usage/semantic_textual_similarity.html: cosines of all-MiniLM-L6-v2,
# computed with PyTorch.
PUBLISHED = (
    ("The weather is lovely today.", "It's so sunny outside!", 0.6660),
    ("The weather is lovely today.", "He drove to the stadium.", 0.1046),
    ("It's so sunny outside!", "He drove to the stadium.", 0.1411),
    ("The new movie is awesome", "The dog plays in the garden", 0.0543),
    ("The new movie is awesome", "The new movie is so great", 0.8939),
    ("The new movie is awesome", "A woman watches TV", -0.0502),
    ("The cat sits outside", "The dog plays in the garden", 0.2838),
    ("The cat sits outside", "The new movie is so great", -0.0029),
    ("The cat sits outside", "A woman watches TV", 0.1310),
    ("A man is playing guitar", "The dog plays in the garden", 0.2277),
    ("A man is playing guitar", "The new movie is so great", -0.0136),
    ("A man is playing guitar", "A woman watches TV", -0.0327),
)

Embed = Callable[[Sequence[Sequence[int]]], Array]
"""Turns the tokens of several texts into their vectors, all at once."""


class CheckError(Exception):
    """The graph does not compute what it should."""


def against_forward(embed: Embed, bert: Bert, tokens: Sequence[Sequence[int]]) -> float:
    """Compare the vectors of texts, padded to the longest, with the forward pass; returns the largest difference.

    Raises:
        CheckError: a number differs by more than 1e-5, or is none.
    """
    found = embed(tokens)
    expected = np.array([forward(bert, text) for text in tokens])
    difference = float(np.abs(found - expected).max())
    if not difference <= LARGEST_DIFFERENCE:  # also when it is not a number
        raise CheckError(f"the graph differs by {difference:.2g} from the forward pass, at most 1e-5 is allowed")
    return difference


def against_published(embed: Embed, tokenise: Callable[[str], Sequence[int]]) -> float:
    """Compare cosines with published ones; returns the largest difference.

    Raises:
        CheckError: a cosine differs in its fourth digit.
    """
    largest = 0.0
    for first, second, published in PUBLISHED:
        one, other = embed([tokenise(first), tokenise(second)])
        difference = abs(float(one @ other) - published)
        if not difference <= PUBLISHED_TO:
            raise CheckError(f"{first!r} and {second!r} are {one @ other:.4f} alike, published is {published:.4f}")
        largest = max(largest, difference)
    return largest
