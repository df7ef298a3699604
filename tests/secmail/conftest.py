"""Settings of the property tests: no deadline for a single example, because other work shares the machine."""

from hypothesis import settings

settings.register_profile("secmail", deadline=None)
settings.load_profile("secmail")
