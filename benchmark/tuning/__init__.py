"""Search every method's recipe under one rule: the same space, the same budget, the validation split."""
