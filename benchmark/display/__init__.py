"""What the Streamlit dashboard and the static page share: reading results/, and the charts. Never imports torch."""
