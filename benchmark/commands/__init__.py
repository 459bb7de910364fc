"""The commands of ``beyond``, each a thin function: what it asks for, what it calls, what it says, its exit code."""
