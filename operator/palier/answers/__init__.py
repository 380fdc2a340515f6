"""How alike are two answers? Text metrics and comparisons of documents, without any I/O."""
