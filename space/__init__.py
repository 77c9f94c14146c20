"""The Space: its card, how it is put there, and how it grows beyond one machine."""
