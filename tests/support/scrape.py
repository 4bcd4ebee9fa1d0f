"""The metrics of a process as Prometheus reads them."""

from collections.abc import Iterable

import httpx
from prometheus_client.parser import text_string_to_metric_families


class Figures:
    """The samples of one or more scrapes; samples of the same name and labels add up."""

    def __init__(self, urls: Iterable[str]) -> None:
        self._samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        self.help: dict[str, str] = {}
        for url in urls:
            self._scrape(url)

    def _scrape(self, url: str) -> None:
        answer = httpx.get(url, timeout=20, trust_env=False, verify=False).raise_for_status()
        for family in text_string_to_metric_families(answer.text):
            self.help[family.name] = family.documentation
            for sample in family.samples:
                key = sample.name, frozenset(sample.labels.items())
                self._samples[key] = self._samples.get(key, 0) + sample.value

    def get(self, name: str, **labels: str) -> float:
        """Return the sum of all samples of that name that have at least these labels."""
        return sum(
            value
            for (found, has), value in self._samples.items()
            if found == name and labels.items() <= dict(has).items()
        )

    def labels(self, prefix: str) -> set[tuple[str, str]]:
        """Return every label and value under names with that prefix."""
        return {label for name, has in self._samples if name.startswith(prefix) for label in has}
