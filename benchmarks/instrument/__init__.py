"""What counting costs a request: a function with twenty features, decorated and plain."""
