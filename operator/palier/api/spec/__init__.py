"""What users write: the parts of `spec`, each in a module named as its field; `values` has the types they share."""
