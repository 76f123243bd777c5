"""Options that several commands share, so that each is described once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Address = Annotated[str | None, typer.Option(help="Ray cluster, host:port; default: here.")]
Out = Annotated[
    Path | None, typer.Option(help="Directory, or URI (s3://...); default: a new one in studies/.")
]
Seed = Annotated[int, typer.Option(help="Every random choice follows from it.")]

Template = Annotated[Path | None, typer.Option(help="Background of the signal region (idealised).")]
TestEvents = Annotated[Path | None, typer.Option(help="Labelled events for the supervised metric.")]
SignalRegion = Annotated[str, typer.Option(help="Edges in TeV, low,high.")]
SidebandWidth = Annotated[float, typer.Option(help="Width of each sideband in TeV (cwola).")]
Cathode = Annotated[
    list[str] | None,
    typer.Option(help="Setting of the density: estimator=maf, epochs=20, trials=10; repeatable."),
]
