"""All that is computed from the records alone: tables for the dashboard, for papers and for the terminal."""
