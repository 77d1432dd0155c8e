"""Radio-frequency pulses: shapes, files and profiles."""
