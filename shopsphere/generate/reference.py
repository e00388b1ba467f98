"""Countries, cities and regions for reference: well-known facts, figures rounded, and how people write the names."""
# ruff: noqa: E501

from __future__ import annotations

#: Code, name, region, subregion, currency, other spellings. NA is Namibia: who reads it as null loses a country.
COUNTRIES = (
    ("DE", "Germany", "Europe", "Western Europe", "EUR", "DEU|Deutschland|Allemagne|Niemcy|Federal Republic of Germany"),
    ("FR", "France", "Europe", "Western Europe", "EUR", "FRA|Frankreich|Francja|French Republic"),
    ("NL", "Netherlands", "Europe", "Western Europe", "EUR", "NLD|Nederland|The Netherlands|Holland|Niederlande"),
    ("GB", "United Kingdom", "Europe", "Northern Europe", "GBP", "GBR|UK|U.K.|Great Britain|Britain|England|Scotland|Wales|Northern Ireland"),
    ("SE", "Sweden", "Europe", "Northern Europe", "SEK", "SWE|Sverige|Schweden"),
    ("PL", "Poland", "Europe", "Eastern Europe", "PLN", "POL|Polska|Polen"),
    ("US", "United States", "Americas", "Northern America", "USD", "USA|U.S.A.|United States of America|America"),
    ("NA", "Namibia", "Africa", "Southern Africa", "NAD", "NAM|Republic of Namibia"),
    ("AT", "Austria", "Europe", "Western Europe", "EUR", "AUT|Österreich"),
    ("BE", "Belgium", "Europe", "Western Europe", "EUR", "BEL|België|Belgique"),
    ("CH", "Switzerland", "Europe", "Western Europe", "CHF", "CHE|Schweiz|Suisse|Svizzera"),
    ("CZ", "Czechia", "Europe", "Eastern Europe", "CZK", "CZE|Česko|Czech Republic"),
    ("DK", "Denmark", "Europe", "Northern Europe", "DKK", "DNK|Danmark"),
    ("ES", "Spain", "Europe", "Southern Europe", "EUR", "ESP|España"),
    ("IE", "Ireland", "Europe", "Northern Europe", "EUR", "IRL|Éire"),
    ("IT", "Italy", "Europe", "Southern Europe", "EUR", "ITA|Italia"),
    ("NO", "Norway", "Europe", "Northern Europe", "NOK", "NOR|Norge"),
)  # fmt: skip
#: Number, name, country, region, latitude, longitude, inhabitants, other spellings.
CITIES = (
    ("DE001", "Berlin", "DE", "Berlin", 52.52, 13.405, 3_700_000, "Berlino"),
    ("DE002", "Hamburg", "DE", "Hamburg", 53.5511, 9.9937, 1_850_000, "Hambourg"),
    ("DE003", "München", "DE", "Bavaria", 48.1372, 11.5755, 1_500_000, "Munich|Muenchen|Monachium"),
    ("DE004", "Köln", "DE", "North Rhine-Westphalia", 50.9375, 6.9603, 1_080_000, "Cologne|Koeln"),
    ("DE005", "Düsseldorf", "DE", "North Rhine-Westphalia", 51.2277, 6.7735, 620_000, "Duesseldorf"),
    ("FR001", "Paris", "FR", "Île-de-France", 48.8566, 2.3522, 2_100_000, "Paryż"),
    ("FR002", "Marseille", "FR", "Provence-Alpes-Côte d'Azur", 43.2965, 5.3698, 870_000, "Marseilles"),
    ("FR003", "Lyon", "FR", "Auvergne-Rhône-Alpes", 45.764, 4.8357, 520_000, "Lyons"),
    ("FR004", "Saint-Étienne", "FR", "Auvergne-Rhône-Alpes", 45.4397, 4.3872, 170_000, "St-Étienne|St. Etienne"),
    ("NL001", "Amsterdam", "NL", "North Holland", 52.3676, 4.9041, 920_000, ""),
    ("NL002", "Rotterdam", "NL", "South Holland", 51.9244, 4.4777, 660_000, ""),
    ("NL003", "'s-Gravenhage", "NL", "South Holland", 52.0705, 4.3007, 560_000, "Den Haag|The Hague"),
    ("NL004", "'s-Hertogenbosch", "NL", "North Brabant", 51.6978, 5.3037, 160_000, "Den Bosch"),
    ("GB001", "London", "GB", "England", 51.5074, -0.1278, 8_900_000, "Londres|Londyn"),
    ("GB002", "Manchester", "GB", "England", 53.4808, -2.2426, 560_000, ""),
    ("GB003", "Glasgow", "GB", "Scotland", 55.8642, -4.2518, 630_000, ""),
    ("GB004", "Cardiff", "GB", "Wales", 51.4816, -3.1791, 370_000, "Caerdydd"),
    ("SE001", "Stockholm", "SE", "Stockholm", 59.3293, 18.0686, 980_000, "Sztokholm"),
    ("SE002", "Göteborg", "SE", "Västra Götaland", 57.7089, 11.9746, 600_000, "Gothenburg"),
    ("SE003", "Malmö", "SE", "Skåne", 55.605, 13.0038, 360_000, "Malmoe"),
    ("PL001", "Warszawa", "PL", "Masovia", 52.2297, 21.0122, 1_860_000, "Warsaw|Warschau|Varsovie"),
    ("PL002", "Kraków", "PL", "Lesser Poland", 50.0647, 19.945, 800_000, "Cracow|Krakau"),
    ("PL003", "Łódź", "PL", "Łódź", 51.7592, 19.456, 660_000, ""),
    ("PL004", "Gdańsk", "PL", "Pomerania", 54.352, 18.6466, 490_000, "Danzig"),
    ("US001", "New York", "US", "New York", 40.7128, -74.006, 8_300_000, "New York City|NYC"),
    ("US002", "Chicago", "US", "Illinois", 41.8781, -87.6298, 2_700_000, ""),
    ("US003", "Washington, D.C.", "US", "District of Columbia", 38.9072, -77.0369, 680_000, "Washington|Washington DC"),
    ("US004", "Seattle", "US", "Washington", 47.6062, -122.3321, 750_000, ""),
    ("NA001", "Windhoek", "NA", "Khomas", -22.5609, 17.0658, 480_000, "Windhuk"),
    ("AT001", "Wien", "AT", "Vienna", 48.2082, 16.3738, 1_980_000, "Vienna|Wiedeń"),
    ("DK001", "København", "DK", "Capital Region", 55.6761, 12.5683, 650_000, "Copenhagen|Kopenhagen"),
)  # fmt: skip
#: Country, region, inhabitants, median age, median income of a household in euros a year, percent that live in towns.
DEMOGRAPHICS = (
    ("DE", "Berlin", 3_700_000, 42.6, 24_000, 100.0),
    ("DE", "Hamburg", 1_850_000, 42.0, 26_500, 100.0),
    ("DE", "Bavaria", 13_200_000, 43.9, 28_500, 73.0),
    ("DE", "North Rhine-Westphalia", 18_000_000, 44.1, 25_500, 90.0),
    ("FR", "Île-de-France", 12_300_000, 37.5, 26_000, 98.0),
    ("FR", "Provence-Alpes-Côte d'Azur", 5_100_000, 43.5, 22_500, 90.0),
    ("FR", "Auvergne-Rhône-Alpes", 8_100_000, 40.5, 24_000, 77.0),
    ("NL", "North Holland", 2_950_000, 40.7, 30_500, 95.0),
    ("NL", "South Holland", 3_800_000, 40.3, 29_000, 96.0),
    ("NL", "North Brabant", 2_600_000, 43.0, 29_500, 85.0),
    ("GB", "England", 57_000_000, 40.4, 27_000, 83.0),
    ("GB", "Scotland", 5_450_000, 42.8, 25_500, 71.0),
    ("GB", "Wales", 3_100_000, 42.9, 23_500, 65.0),
    ("SE", "Stockholm", 2_450_000, 39.3, 29_500, 95.0),
    ("SE", "Västra Götaland", 1_760_000, 40.2, 27_000, 85.0),
    ("SE", "Skåne", 1_420_000, 40.3, 26_000, 89.0),
    ("PL", "Masovia", 5_500_000, 41.0, 16_500, 65.0),
    ("PL", "Lesser Poland", 3_430_000, 40.0, 14_000, 48.0),
    ("PL", "Łódź", 2_370_000, 44.0, 13_500, 62.0),
    ("PL", "Pomerania", 2_360_000, 40.3, 14_500, 63.0),
    ("US", "New York", 19_600_000, 39.6, 52_000, 87.0),
    ("US", "Illinois", 12_500_000, 39.1, 50_500, 87.0),
    ("US", "District of Columbia", 680_000, 34.9, 66_000, 100.0),
    ("US", "Washington", 7_800_000, 38.2, 58_000, 83.0),
    ("NA", "Khomas", 490_000, 24.5, 4_500, 95.0),
    ("AT", "Vienna", 1_980_000, 40.9, 26_500, 100.0),
    ("DK", "Capital Region", 1_890_000, 39.3, 32_500, 98.0),
)  # fmt: skip


def cities_of(country: str) -> tuple[str, ...]:
    """Return the names of the country's cities."""
    return tuple(name for _, name, code, *_ in CITIES if code == country)


def spellings_of(name: str, table: tuple[tuple[object, ...], ...]) -> tuple[str, ...]:
    """Return other spellings of a country's code or a city's name, as the reference table has them."""
    for row in table:
        if name in row[:2] and row[-1]:
            return tuple(str(row[-1]).split("|"))
    return ()
