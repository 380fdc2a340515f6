"""How alike are two answers? Text metrics and comparisons of documents, without any I/O.

- `comparison`, `checks`, `rules`: two answers side by side; one check of them; from `spec.answers` to checks
- `document`, `paths`, `shape`, `matching`: JSON as it is compared, places in it, its shape, lists without an order
- `text`, `numbers`, `stream`: how alike texts and numbers are; the texts of a stream of events
- `difference`, `confusion`: where two answers differ, in words; which label was confused with which
"""
