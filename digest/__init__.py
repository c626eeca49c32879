"""A daily digest of trending papers: collected, ranked, explained, mailed, and accounted for."""

__version__ = "0.1.0"
