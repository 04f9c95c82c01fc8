"""A verdict, shown. Nothing is decided here."""
