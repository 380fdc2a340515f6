"""Vectors of texts from a small model on the processor, asked for as OpenAI's `/v1/embeddings` is."""
