"""From an idea to a registered method: a file to start from, its checks, its place in the pipeline."""
