"""What all tests share."""

from hypothesis import settings

# How long an example takes is the machine's affair: what it gives is what is tested.
settings.register_profile("bench", deadline=None)
settings.load_profile("bench")
