"""When something runs: a calendar expression of systemd, checked before anything is made."""

import dataclasses
import re

_NUMBER = r"(?:\*|\d{1,4}(?:\.\.\d{1,4})?)(?:/\d{1,4})?"
_LIST = rf"{_NUMBER}(?:,{_NUMBER})*"
_DAY = r"(?:mon|tue|wed|thu|fri|sat|sun)(?:day|sday|nesday|rsday|urday)?"
_DAYS = rf"{_DAY}(?:(?:,|\.\.|-){_DAY})*"
_DATE = rf"(?:{_LIST}-)?{_LIST}[-~]{_LIST}"
_TIME = rf"{_LIST}:{_LIST}(?::{_LIST})?"
_ZONE = r"(?:UTC|[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_+-]+)+)"
_WORDS = "minutely|hourly|daily|weekly|monthly|quarterly|semiannually|yearly|annually"
_CALENDAR = re.compile(
    rf"(?:(?i:{_WORDS})|(?=\S)(?:(?i:{_DAYS}))?(?:(?:^|\s){_DATE})?(?:(?:^|\s){_TIME})?)(?:\s{_ZONE})?"
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """A point in time that comes again, as systemd.time(7) writes it.

    The host's own systemd has the last word on the expression, before anything is written.
    """

    calendar: str
    """Such as `daily`, `*:0/15`, `Mon..Fri 02:30` or `*-*-01 04:00 Europe/Berlin`; without a zone
    it is that of the host."""
    spread_seconds: int = 0
    """Starts up to so much later, each time anew, so that not everything starts at once."""
    catch_up: bool = True
    """Whether a run that was missed, because the machine was off, is made up for."""

    def __post_init__(self) -> None:
        """Refuse what no systemd understands.

        Raises:
            ValueError: naming the field, the rule and the value.
        """
        if not _CALENDAR.fullmatch(self.calendar):
            msg = (
                "schedule.calendar: must be a calendar expression of systemd, such as `daily`, "
                f"`*:0/15` or `Mon..Fri 02:30 UTC` (got {self.calendar!r})"
            )
            raise ValueError(msg)
        if not 0 <= self.spread_seconds <= 86_400:
            msg = f"schedule.spread_seconds: must be from 0 to 86400 (got {self.spread_seconds})"
            raise ValueError(msg)
