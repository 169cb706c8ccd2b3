"""Data sets as arrays: where they are found, checked, made, and hashed. No TensorFlow here."""
