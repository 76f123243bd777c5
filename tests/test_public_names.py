"""The public names: all there, few, and imported when asked for."""

import subprocess
import sys

import pytest

import raysearch


@pytest.mark.parametrize("name", raysearch.__all__)
def test_every_public_name_is_there(name):
    assert getattr(raysearch, name).__doc__


def test_there_are_few_of_them_and_no_other():
    assert len(raysearch.__all__) <= 15
    homes = [name for names in raysearch._HOMES.values() for name in names]
    assert sorted(homes) == sorted(raysearch.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'serch'"):
        _ = raysearch.serch


@pytest.mark.parametrize("words", [["list"], ["fetch", "first", "--address", "in-process"]])
def test_commands_about_jobs_wait_neither_for_torch_nor_for_ray(words, tmp_path):
    code = "import sys; from raysearch.cli import main\n"
    code += "try: main()\nfinally: print({'torch', 'ray', 'sklearn'} & set(sys.modules))"
    environment = {"RAYSEARCH_HEAD_DIR": str(tmp_path / "head"), "PATH": ""}
    environment["PYTHONPATH"] = ":".join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment,
    )
    assert done.stdout == "set()\n", done.stderr
