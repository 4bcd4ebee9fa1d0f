"""Comparing this machine's clock with another."""

from datetime import datetime, timedelta

from orchestrator.cli.doctor.checks import Verdict, failed, ok, warning

WARNING_SKEW, FAILURE_SKEW = timedelta(seconds=2), timedelta(seconds=30)
ADVICE = "let this machine's clock be set by NTP"


def compare(theirs: datetime, before: datetime, after: datetime) -> Verdict:
    """Judge `theirs`, a time read between `before` and `after` on our clock."""
    skew = max(theirs - after, before - theirs, timedelta())
    if skew > WARNING_SKEW:
        words = f"{skew.total_seconds():.0f} s {'ahead of' if theirs > after else 'behind'} this machine's"
        return failed(words, ADVICE) if skew > FAILURE_SKEW else warning(words, ADVICE)
    return ok("agrees with this machine's")
