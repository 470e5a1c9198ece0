"""Chapters as people keep them (folders, CBZ, PDF), and what a narrated chapter is kept as (.m4b, transcript.json). No HTTP."""
