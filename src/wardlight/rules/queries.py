"""Rules ask what readers ask: the same evaluator, the same limits."""

from __future__ import annotations

from wardlight.query import QueryService, Reader
from wardlight.query.answer import ScalarAnswer, VectorAnswer
from wardlight.records import Sight
from wardlight.rules.model import Sample

_READER = Reader("rules", "rules", watched=False, sight=Sight())


class Queries:
    """The query service as an `Evaluator`."""

    def __init__(self, service: QueryService) -> None:
        self._service = service

    def instant(self, query: str, at_ns: int) -> list[Sample]:
        """Evaluate a metric query at a moment; a bare number is one sample without labels."""
        result = self._service.instant(query, at_ns, _READER).result
        if isinstance(result, ScalarAnswer):
            return [Sample({}, result.value)]
        assert isinstance(result, VectorAnswer)  # noqa: S101 -- an instant metric query gives nothing else
        return [Sample(dict(series.labels), series.points[0][1]) for series in result.series]

    def cancel(self) -> None:
        """Stop what is being evaluated."""
        self._service.cancel(_READER.tag)
