"""What a look at the whole fleet costs."""
