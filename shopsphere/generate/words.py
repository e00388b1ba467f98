"""Made-up words that a shop's data is put together from; several scripts, accents and quotes on purpose."""
# ruff: noqa: E501

from __future__ import annotations

from shopsphere.generate.reference import cities_of

FIRST_NAMES = (
    "Zoë", "Łukasz", "Anja", "Björn", "Chloé", "Søren", "María", "Tomás", "Ingrid", "Oisín", "Żaneta", "Émile", "Mia",
    "Noah", "Astrid", "Kazimierz", "Leonor", "Günther", "Siobhán", "Ewa", "Axel", "Freya", "Jürgen", "Nadia", "李娜",
    "Ольга", "Μαρία", "Amélie", "Håkan", "Ruth", "Elif", "Dario",
)  # fmt: skip
LAST_NAMES = (
    "O'Neil", "Kowalczyk", "Müller", "Øverland", "Nováková", "D'Angelo", "Lindqvist", "Świątek", "Garrido", "Van der Berg",
    "Brandt, jr.", "Ferreira", "MacRae", "Hallström", "Wójcik", "Lefèvre", "Königs", "Petrova", "李", "Ó Briain",
    "Schäfer", "Bianchi", "Smythe-Jones", "Zielińska", "Åkesson", "Okafor", 'Lee "Sunny"', "Dubois", "Haug", "Çelik",
)  # fmt: skip
STREETS = (
    "Linden",
    "Mill",
    "Harbour",
    "Church",
    "Kirsebær",
    "Rosen",
    "Ogrodowa",
    "Skov",
    "Station",
    "Örn",
    "Vine",
    "Château",
)
#: Country, its currency, and its share of the customers.
COUNTRIES = (
    ("DE", "EUR", 0.27), ("FR", "EUR", 0.15), ("NL", "EUR", 0.10), ("GB", "GBP", 0.18), ("SE", "SEK", 0.10),
    ("PL", "PLN", 0.10), ("US", "USD", 0.10),
)  # fmt: skip
CITIES = {country: cities_of(country) for country, _, _ in COUNTRIES}
#: What one euro costs in the shop: constant, so that prices are a matter of the seed alone.
RATES = {"EUR": 1.0, "USD": 1.08, "GBP": 0.85, "SEK": 11.3, "PLN": 4.3}
CURRENCIES = tuple(sorted(RATES))

#: Category, median price in euro, median weight in kilograms.
CATEGORIES = (
    ("audio", 79.0, 0.6), ("books", 17.0, 0.4), ("cycling", 54.0, 1.2), ("fashion", 39.0, 0.5), ("furniture", 189.0, 18.0),
    ("garden", 34.0, 3.0), ("kitchen", 45.0, 1.8), ("lighting", 49.0, 1.1), ("office", 22.0, 0.8), ("outdoor", 69.0, 1.6),
    ("pets", 19.0, 2.0), ("toys", 25.0, 0.7),
)  # fmt: skip
BRANDS = ("Norrlys", "Été & Co", "Hafenwerk", "Żubr", "Calder", "Ullvik", "Pomme", "Trois-Rivières", "Kestrel", "Ørsta")
ADJECTIVES = ("compact", "classic", "light", "foldable", "quiet", "warm", "solid", "large", "travel", "everyday")
NOUNS = {
    "audio": "speaker", "books": "novel", "cycling": "bike lamp", "fashion": "jacket", "furniture": "shelf",
    "garden": "hose", "kitchen": "pan", "lighting": "lamp", "office": "notebook", "outdoor": "tent", "pets": "basket",
    "toys": "puzzle",
}  # fmt: skip
