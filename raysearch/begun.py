"""What a directory holds of the study that is asked for: nothing yet, this one or another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from raysearch.directories import LOCK, check_directory, differing, is_running
from raysearch.errors import InputError
from raysearch.inputs import Source, are_those
from raysearch.malformed import as_written
from raysearch.settings import Settings, settings_from_json
from raysearch.study import STUDY, Study, load_study
from raysearch.tuning.place import Place


def is_complete(study: Study) -> bool:
    """Whether a study has ended by itself."""
    about = study.about
    return "ended_early" in about and about["ended_early"] is None


def running(
    directory: Path, settings: Settings, where: Place, sources: Mapping[str, Source | None]
) -> Study:
    """The study of these settings and inputs, if another process runs it."""
    if not (directory / STUDY).exists():
        remedy = (
            "another process prepares one there: try again once its trials run."
            if (directory / LOCK).exists() and is_running(directory)
            else "begin it by the same command without --join."
        )
        raise InputError(
            f"--join takes part in a study that runs, but {directory} holds none yet; {remedy}"
        )
    if not goes_on(directory, settings, where, sources):
        names = ", ".join(_differing(load_study(directory), settings, where))
        raise InputError(
            f"--join takes part in the study of the same settings, but {directory} holds one of "
            f"different {names}; repeat its command with --join."
        )
    if not is_running(directory):
        raise InputError(
            f"--join takes part in a study that runs, but nobody runs {directory}; go on with it "
            f"by `raysearch resume {directory}`. If it runs on another machine, {directory} must "
            "lie on a file system whose locks (flock) hold for all machines."
        )
    return load_study(directory)


def check_free(directory: Path, settings: Settings, where: Place) -> None:
    """Refuse a directory that holds another study, saying what differs."""
    if not (directory / STUDY).exists():
        check_directory(directory)
        return
    names = _differing(load_study(directory), settings, where)
    what = f"another study (different {', '.join(names)})" if names else "this study"
    raise InputError(
        f"--out must not hold a study yet, but {directory} holds {what}; go on with it by "
        f"`raysearch resume {directory}`, or choose another directory."
    )


def _differing(study: Study, settings: Settings, where: Place) -> list[str]:
    """Names of what a study was asked for otherwise."""
    with as_written(study.directory):
        # What an older version did not know has its default.
        held = settings_from_json(study.about["settings"]).as_json()
        names = differing(held, settings.as_json())
    return names if study.place.where == where.where else [*names, "history"]


def goes_on(
    directory: Path, settings: Settings, where: Place, sources: Mapping[str, Source | None]
) -> bool:
    """Whether the directory holds the study of these settings; refuse it with other inputs."""
    if not (directory / STUDY).exists():
        return False
    study = load_study(directory)
    if _differing(study, settings, where):
        return False
    if not are_those(sources, study.about.get("inputs")):
        raise InputError(
            f"a study goes on with the files it began with, but {directory} has other input files; "
            "choose another directory."
        )
    return True
