"""TELL: who wants to hear what, in which words, and getting it there - at least once and in order."""
