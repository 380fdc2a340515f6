"""A front end that counts what its users do with a model's answers, for each revision of the model."""
