"""The rendered room and the people who walk in it: scenes that only the sample recording needs."""
