"""Where visitors are: made-up towns with coordinates, and how far apart two are."""

from __future__ import annotations

import math

#: Country, latitude, longitude: three towns for each country that the shop delivers to, each 400 km or more from
#: every town of another country.
PLACES = (
    ("DE", 48.1372, 11.5755), ("DE", 50.9375, 13.4050), ("DE", 51.0504, 11.0262),
    ("FR", 43.2965, 5.3698), ("FR", 44.8378, -0.5792), ("FR", 47.2184, -1.5536),
    ("NL", 53.2194, 5.8000), ("NL", 52.3676, 4.9041), ("NL", 51.9244, 4.4777),
    ("GB", 55.9533, -3.1883), ("GB", 53.4808, -2.2426), ("GB", 52.4862, -1.8904),
    ("SE", 59.3293, 18.0686), ("SE", 63.8258, 20.2630), ("SE", 60.6749, 17.1413),
    ("PL", 52.2297, 21.0122), ("PL", 50.0647, 19.9450), ("PL", 53.1325, 23.1688),
    ("US", 47.6062, -122.3321), ("US", 41.8781, -87.6298), ("US", 29.7604, -95.3698),
)  # fmt: skip
_EARTH_KM = 6371.0


def kilometres(one: int, other: int) -> float:
    """Return the distance between two of ``PLACES`` along the earth's surface."""
    (_, lat1, lon1), (_, lat2, lon2) = PLACES[one], PLACES[other]
    here, there = math.radians(lat1), math.radians(lat2)
    half = math.sin((there - here) / 2) ** 2
    half += math.cos(here) * math.cos(there) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    return 2 * _EARTH_KM * math.asin(math.sqrt(half))
