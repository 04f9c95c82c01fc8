"""How much a number of samples can prove."""
