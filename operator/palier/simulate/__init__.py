"""What would Palier, and what would others, have done with this traffic? Seeded simulations of whole releases."""
