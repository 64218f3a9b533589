"""The house checks itself: sizes, names, contracts, documents, settings, and what is put into containers."""
