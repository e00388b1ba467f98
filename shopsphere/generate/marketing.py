"""Campaigns, the codes that their links carry, and what advertising them costs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from shopsphere.generate.dirt import Blemish, Dirt, Rules
from shopsphere.generate.files import Layout, csv_text, write_file
from shopsphere.generate.manifest import DatasetManifest

CAMPAIGN_COUNT = 36
CHANNELS = ("search", "social", "display", "email", "affiliate")
_PLATFORMS = {
    "search": ("google_ads", "bing_ads"),
    "social": ("meta_ads",),
    "display": ("google_ads", "meta_ads"),
    "email": ("newsletter",),
    "affiliate": ("partner_network",),
}
_CURRENCY = {"google_ads": "EUR", "bing_ads": "USD", "meta_ads": "EUR", "newsletter": "GBP", "partner_network": "PLN"}
_THEMES = (
    "spring",
    "garden",
    "school",
    "black-friday",
    "winter",
    "clearance",
    "new-brands",
    "birthday",
    "Été, 2 for 1",
)
#: What links carry: one code for each campaign, and some that no campaign has.
CODES = tuple(
    f"{CHANNELS[at % 5]}-{_THEMES[at % 9].split(',')[0].lower()}-{at + 1:02d}" for at in range(CAMPAIGN_COUNT)
)
UNKNOWN_CODES = ("test", "spring2019", "utm_campaign", "blackfriday!!")


def _reversed(record: list[str], pick: int) -> str:
    return (date.fromisoformat(record[4]) - timedelta(days=1 + pick % 30)).isoformat()


CAMPAIGNS = Layout(
    "campaigns",
    (
        "campaign_id", "name", "channel", "utm_code", "starts_on", "ends_on", "budget", "currency", "updated_at",
    ),
    Rules(
        key=(0,), required=(1, 2, 4), numbers=(6,), moments=(4, 5, 8), sets=(2, 7),
        blemishes=(Blemish("dates_reversed", 5, _reversed),),
    ),
)  # fmt: skip
AD_SPEND = Layout(
    "ad_spend",
    (
        "spend_date", "campaign_id", "platform", "impressions", "clicks", "cost", "currency", "updated_at",
    ),
    Rules(
        key=(0, 1, 2), required=(5,), numbers=(3, 4, 5), moments=(0, 7), sets=(2, 6), quantity=4, is_json=True,
        blemishes=(
            Blemish("unknown_campaign", 1, lambda record, pick: record[1].replace("M0", "M9")),
            Blemish("missing_figure", 3, lambda record, pick: "null"),
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Campaign:
    """One campaign; ``budget`` in cents of euros."""

    number: int
    starts: date
    ends: date
    budget: int

    @property
    def identity(self) -> str:
        """Return the campaign's number as the files have it."""
        return f"M{self.number + 1:04d}"

    @property
    def channel(self) -> str:
        """Return the kind of advertising."""
        return CHANNELS[self.number % len(CHANNELS)]


def make_campaigns(start: date, days: int, seed: int) -> list[Campaign]:
    """Return the campaigns of a history; they begin one after another, a few before its first day."""
    rng = np.random.default_rng([seed, 32])
    lasts, budgets = rng.integers(14, 90, CAMPAIGN_COUNT), rng.integers(20, 400, CAMPAIGN_COUNT)
    found = []
    for number in range(CAMPAIGN_COUNT):
        begins = start + timedelta(days=number * days // CAMPAIGN_COUNT - 10)
        ends = begins + timedelta(days=int(lasts[number]))
        found.append(Campaign(number, begins, ends, int(budgets[number]) * 10_000))
    return found


def write_campaigns(
    out: Path, campaigns: list[Campaign], *, months: list[date], seed: int, dirt: Dirt, manifest: DatasetManifest
) -> None:
    """Write the whole list once a month; the budget of a running campaign is raised now and then."""
    raised: dict[int, tuple[int, date]] = {}
    for number, month in enumerate(months):
        rng = np.random.default_rng([seed, 33, number])
        rows = []
        for campaign, draw in zip(campaigns, rng.random(len(campaigns)).tolist(), strict=True):
            budget, since = raised.get(campaign.number, (campaign.budget, months[0] - timedelta(days=20)))
            if number and campaign.starts <= month <= campaign.ends and draw < 0.3:
                budget, since = budget * 5 // 4, month
                raised[campaign.number] = budget, since
            theme = _THEMES[campaign.number % len(_THEMES)]
            ends = "" if campaign.number % 12 == 11 else campaign.ends.isoformat()
            rows.append((
                campaign.identity, csv_text(f"{theme} {campaign.starts:%Y}"), campaign.channel, CODES[campaign.number],
                campaign.starts.isoformat(), ends, f"{budget // 100}.{budget % 100:02d}", "EUR", f"{since}T08:00:00Z",
            ))  # fmt: skip
        write_file(
            out, CAMPAIGNS, f"campaigns_{month}", columns=[list(column) for column in zip(*rows, strict=True)],
            dirt=dirt, rng=rng, manifest=manifest,
        )  # fmt: skip


def write_ad_spend(
    out: Path, campaigns: list[Campaign], *, start: date, days: int, seed: int, dirt: Dirt, manifest: DatasetManifest
) -> None:
    """Write one file a week with each day's figures of each running campaign."""
    for week in range(-(-days // 7)):
        rng = np.random.default_rng([seed, 34, week])
        week_days = [start + timedelta(days=day) for day in range(week * 7, min(days, week * 7 + 7))]
        rows = []
        for today in week_days:
            for campaign in campaigns:
                if campaign.starts <= today <= campaign.ends:
                    rows += [_figures(campaign, platform, today, rng) for platform in _PLATFORMS[campaign.channel]]
        if rows:
            columns = [list(column) for column in zip(*rows, strict=True)]
            write_file(
                out, AD_SPEND, f"ad_spend_{week_days[-1]}", columns=columns, dirt=dirt, rng=rng, manifest=manifest,
            )  # fmt: skip


def _figures(campaign: Campaign, platform: str, today: date, rng: np.random.Generator) -> tuple[str, ...]:
    days = (campaign.ends - campaign.starts).days + 1
    cents = int(campaign.budget / days / len(_PLATFORMS[campaign.channel]) * rng.uniform(0.5, 1.3))
    clicks = cents // int(rng.integers(15, 90))
    shown = clicks * int(rng.integers(20, 200))
    texts = (today.isoformat(), campaign.identity, platform)
    written = today + timedelta(days=1)
    return (
        *(f'"{text}"' for text in texts), str(shown), str(clicks), f"{cents // 100}.{cents % 100:02d}",
        f'"{_CURRENCY[platform]}"', f'"{written}T02:00:00Z"',
    )  # fmt: skip
