"""Retrieval sets made from the user's own images: copies of parts of them, with the truth beside."""
