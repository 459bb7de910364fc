"""A process for a stranger's file that can do as little harm as the system allows."""
