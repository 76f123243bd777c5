"""A study on disk: settings, trials, selection, report, detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from raysearch.directories import check_links
from raysearch.errors import InputError, unknown_name
from raysearch.malformed import as_written, read_json, reads
from raysearch.objectives import OBJECTIVES, objective
from raysearch.preference import in_words, is_doubtful
from raysearch.recommend import NAME as RECOMMENDED
from raysearch.records import TABLE_SCHEMA, trials_table
from raysearch.remote import check_local
from raysearch.report.contents import ReportContents
from raysearch.schemas import check_schema, read_table
from raysearch.scores import TABLE_SCHEMA as SCORES_SCHEMA
from raysearch.tuning.place import Place

if TYPE_CHECKING:
    from raysearch.mixture import Mixture
    from raysearch.scorer import Scorer

SCHEMA, SELECTION_SCHEMA = 3, 1
STUDY, TRIALS, SELECTION = "study.json", "trials.parquet", "selection.json"
SCORES, DETECTOR = "scores.parquet", "detector"

_reads = reads("study")


def generated_name(features: str) -> str:
    """The file of the template that was generated for a feature set.

    Example:
        >>> generated_name("baseline+noise2")
        'template.baseline+noise2.h5'
    """
    return f"template.{features}.h5"


@dataclass(frozen=True)
class Study:
    """A study directory, read when asked.

    Attributes:
        directory: where its files lie.
    """

    directory: Path

    @property
    def about(self) -> dict[str, Any]:
        """study.json: settings, seeds, versions, commit, inputs and counts."""
        return read_json(self.directory / STUDY)

    @property
    @_reads
    def place(self) -> Place:
        """Where the history of its trials is kept."""
        return Place(**self.about["history"])

    @property
    @_reads
    def selection(self) -> dict[str, Any]:
        """selection.json: the winner of each objective; no choices before a trial is complete."""
        path = self.directory / SELECTION
        if not path.is_file():
            return {"objective": self.about["settings"]["objective"], "choices": {}}
        found = read_json(path)
        check_schema(path, found.get("schema"), SELECTION_SCHEMA)
        return found

    @property
    @_reads
    def best(self) -> dict[str, Any]:
        """The choice of the study's own objective: setup, trial, ensemble and regret.

        Raises:
            InputError: if no trial is complete.
        """
        name = self.selection["objective"]
        if name not in self.selection["choices"]:
            raise InputError(f"a best setup needs a complete trial, but {self.directory} has none.")
        best: dict[str, Any] = self.selection["choices"][name]
        return best

    @property
    @_reads
    def preference(self) -> dict[str, Any] | None:
        """Whether any contender's excess is more than luck; see `raysearch.preference`.

        Returns:
            `is_clear`, `p_value`, `significance` and more; None if no rows were set aside to ask,
            or nothing was retrained.
        """
        found: dict[str, Any] | None = self._recommended.get("preference")
        return found

    @property
    def _recommended(self) -> dict[str, Any]:
        found: dict[str, Any] = self.selection["choices"].get(RECOMMENDED, {})
        return found

    @_reads
    def summary(self) -> str:
        """The choice of the study's own objective, and whether to prefer it, in a few lines."""
        if not self.selection["choices"]:
            return "no trial is complete, so nothing was chosen; the report lists the reasons."
        best = self.best
        settings = " ".join(f"{k}={_short(v)}" for k, v in best["setup"]["parameters"].items())
        setup = best["setup"]
        where = f"{setup['detector']} on {setup['features']} in {setup['mode']} mode"
        lines = [f"{self._chosen}: {where} {settings}"]
        figures = (best["ensemble"] or {}).get("metrics")
        if figures:
            lines.append(f"its ensemble on the test set: max SIC {figures['max_sic']:.2f}")
        if self._recommended:
            said = in_words(self.preference, self._recommended["setup"]["mode"])
            if said is not None:
                lines.append(f"{said.headline}: {said.sentence}")
        return "\n".join(lines)

    @property
    def _chosen(self) -> str:
        """What to call the choice: the best of anything only where that may be more than luck."""
        name = self.selection["objective"]
        if is_doubtful(self.preference):
            return f"{objective(name).extreme} {name} among the trials, which may be luck"
        return f"best setup by {name}"

    @_reads
    def table(self) -> pa.Table:
        """One row a trial that ended; see `raysearch.records.trials_table`."""
        path = self.directory / TRIALS
        return read_table(path, TABLE_SCHEMA) if path.is_file() else trials_table({})

    @_reads
    def scores(self) -> pa.Table:
        """One row an event; see `raysearch.scores.scores_table`. Empty if nothing was chosen."""
        path = self.directory / SCORES
        if path.is_file():
            return read_table(path, SCORES_SCHEMA)
        kinds = [("sample", pa.string()), ("mjj_tev", pa.float32()), ("is_signal", pa.bool_())]
        return pa.schema(kinds).empty_table()

    @_reads
    def detector(self, objective: str | None = None) -> Scorer | Mixture:
        """What scores like any detector: an objective's choice, or the recommended mean of several.

        Args:
            objective: "recommended" or the name of an objective; None for the study's own.

        Raises:
            InputError: if there is none for this objective.
        """
        from raysearch.mixture import load_detector  # detectors import torch

        name = objective or self.selection["objective"]
        if name not in (known := (*OBJECTIVES, RECOMMENDED)):
            raise unknown_name("objective", name, known)
        if not (self.directory / DETECTOR / name).is_dir():
            raise InputError(
                f"a detector is saved when its setup was retrained, but {self.directory} has none "
                f"for {name}; `raysearch resume {self.directory}` retrains what is missing."
            )
        return load_detector(self.directory / DETECTOR / name)

    @_reads
    def report(self, others: Sequence[Study] = ()) -> Path:
        """Write report.html and figures/ anew from the files; the path of the page.

        Args:
            others: studies of the same events; the page says which found the better choice, until
                it is written again without them.

        Raises:
            InputError: if another study has other data events, or divided them in another way.
        """
        from raysearch.report.write import write_report  # figures import matplotlib

        return write_report(self._contents(), self.directory, [of._contents() for of in others])

    @_reads
    def _contents(self) -> ReportContents:
        about = self.about
        told = {"name": self.directory.name, **about.pop("settings"), **about}
        return ReportContents(told, self.table(), self.selection, self.scores())


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def load_study(directory: Path | str) -> Study:
    """The study in a directory.

    Raises:
        InputError: if there is none, it was written with another schema, or holds a link.
    """
    check_local(directory)
    check_links(Path(directory))
    path = Path(directory) / STUDY
    if not path.is_file():
        raise InputError(f"a study directory must hold {STUDY}, but {directory} does not.")
    study = Study(Path(directory))
    with as_written(directory):
        about = study.about
        check_schema(path, about.get("schema"), SCHEMA, about.get("versions", {}).get("raysearch"))
    return study
