"""The leaderboard as a folder of static pages: for those who cannot host Streamlit."""
