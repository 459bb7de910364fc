"""Whether committed records can be had again."""
