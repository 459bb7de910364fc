"""Where pictures come from, their splits, order and augmentation."""
