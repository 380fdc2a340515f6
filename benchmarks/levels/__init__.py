"""How often a gauge is blamed that is above its maximum in spells, and how long one is unnoticed that stays."""
