"""`raysearch report`: what is compared, and what cannot be."""

import pytest
from toys import hand_made_study

from raysearch import cli
from raysearch.files import write_json


@pytest.fixture
def report(monkeypatch, capsys):
    """Runs the command and gives what it printed, on either stream."""

    def run(*words):
        monkeypatch.setattr("sys.argv", ["raysearch", "report", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        told = capsys.readouterr()
        return ended.value.code, told.out, told.err

    return run


@pytest.fixture
def studies(tmp_path):
    made = [tmp_path / name for name in ("first", "second", "third")]
    for directory in made:
        directory.mkdir()
        hand_made_study(directory, complete=False)
    return made


@pytest.fixture
def scan(tmp_path):
    directory = tmp_path / "scan"
    directory.mkdir()
    write_json(directory / "scan.json", {"schema": 1})
    return directory


@pytest.mark.usefixtures("undrawn")
def test_the_page_compares_until_it_is_written_again_without(report, studies):
    own, second, third = studies
    page = own / "report.html"
    assert report(own, "--compare", second, "--compare", third) == (0, f"{page}\n", "")
    for name in ("second", "third"):
        assert f"{name} cannot be compared with this study" in page.read_text()
    assert report(own) == (0, f"{page}\n", "")
    assert "cannot be compared" not in page.read_text()


def test_a_scan_is_not_compared_whichever_it_is(report, studies, scan):
    refused = f"error: --compare compares studies, but {scan} is a scan; leave it out.\n"
    assert report(studies[0], "--compare", studies[1], "--compare", scan) == (2, "", refused)
    assert report(scan, "--compare", studies[0]) == (2, "", refused)
    assert not (studies[0] / "report.html").exists()


def test_where_nothing_lies_is_told(report, studies, tmp_path):
    status, _, told = report(studies[0], "--compare", tmp_path)
    assert status == 2
    assert told == f"error: a study directory must hold study.json, but {tmp_path} does not.\n"
