"""Whether Palier's search finds the capacity that a patient person finds by hand."""
