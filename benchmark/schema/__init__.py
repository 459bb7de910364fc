"""What a cell is, before anything runs: plugins, suites, recipes, records. Imports no torch."""
