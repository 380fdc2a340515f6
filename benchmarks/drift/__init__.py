"""Are drifts found after a promotion, and is nothing found where there is none?"""
