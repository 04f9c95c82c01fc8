"""Which extractor and score find copies best: sets with a truth, metrics, runs, tables and figures."""
