"""This machine's clock against another's."""

from datetime import datetime, timedelta

from orchestrator.cli.doctor.checks import Verdict, failed, ok, warning

SOME, MUCH = timedelta(seconds=2), timedelta(seconds=30)
ADVICE = "let this machine's clock be set by NTP"


def compared(theirs: datetime, before: datetime, after: datetime) -> Verdict:
    """Their time, told at some moment between `before` and `after` of ours."""
    skew = max(theirs - after, before - theirs, timedelta())
    if skew > SOME:
        words = f"{skew.total_seconds():.0f} s {'ahead of' if theirs > after else 'behind'} this machine's"
        return failed(words, ADVICE) if skew > MUCH else warning(words, ADVICE)
    return ok("agrees with this machine's")
