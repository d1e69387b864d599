"""The pages, held against the tree: examples compile, links lead somewhere, files and commands are there."""

import re

import pytest
import typer
from conftest import ROOT

from flows.cli import app
from flows.commands.evaluate import DATASET

FILES = sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))
PAGES = {p.relative_to(ROOT).as_posix(): p.read_text("utf-8") for p in FILES}
every_page = pytest.mark.parametrize("name", PAGES)


def anchors(text):
    """What GitHub calls the headings of a page."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", t.lower()).replace(" ", "-") for t in titles}


@every_page
def test_examples_compile(name):
    for block in re.findall(r"^```python\n(.*?)^```$", PAGES[name], re.DOTALL | re.MULTILINE):
        compile(block, name, "exec")


@every_page
def test_links_lead_somewhere(name):
    here = (ROOT / name).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", PAGES[name]):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        path = (here / file).resolve() if file else ROOT / name
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path.read_text("utf-8")), target


@every_page
def test_files_that_are_named_are_there(name):
    """But those of placeholders: NAME, …"""
    for path in re.findall(r"`((?:synth|filters|manifests|flows|tests|docs)/[^`\s:]+)`", PAGES[name]):
        if not re.search(r"NAME|…|\*|filters/own/", path):
            assert (ROOT / path).exists(), path


@every_page
def test_modules_that_are_named_are_there(name):
    text = PAGES[name] if name != "CHANGELOG.md" else ""  # which names what was, too
    for module in re.findall(r"`((?:synth|manifests|flows)\.[a-z_.]+)[\w.]*`", text):
        path = ROOT / module.rstrip(".").replace(".", "/")
        parents = (path, path.parent)  # the last part may be a function
        assert any(p.with_suffix(".py").is_file() or p.is_dir() for p in parents), module


def test_modules_that_moved_are_where_the_changelog_says():
    rows = re.findall(r"^  \| (`.+) \| (`.+) \|$", PAGES["CHANGELOG.md"], re.MULTILINE)
    assert len(rows) > 15
    for module in re.findall(r"`([a-z_.]+)`", " ".join(now for _, now in rows)):
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").is_file(), module


@every_page
def test_commands_are_there_with_their_options(name):
    fenced = "\n".join(re.findall(r"^```\n(.*?)^```$", PAGES[name], re.DOTALL | re.MULTILINE))
    lines = re.findall(r"^synthorax ([^\n#]+)", fenced, re.MULTILINE)
    lines += re.findall(r"^    synthorax ([^\n#]+)", PAGES[name], re.MULTILINE)
    lines += re.findall(r"`synthorax ([a-z][^`#]*)`", PAGES[name])
    for line in lines:
        command, words = typer.main.get_command(app), line.split()
        while hasattr(command, "commands"):
            assert words, f"synthorax {line}, expected a command's name"
            if DATASET in command.commands and re.match(r"[A-Z-]|.*/", words[0]):
                words.insert(0, DATASET)  # a build in the place of a command
            assert words[0] in command.commands, f"synthorax {line}"
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {w for w in words if w.startswith("--")} <= options, f"synthorax {line}"


def test_the_readme_names_many_commands():
    """That there is something for the patterns above to find."""
    assert len(re.findall(r"^synthorax [a-z]+", PAGES["README.md"], re.MULTILINE)) >= 7


def test_the_readme_makes_something_in_python():
    (block,) = re.findall(r"^```python\n(.*?)^```$", PAGES["README.md"], re.DOTALL | re.MULTILINE)
    assert "synthorax.build(" in block
    assert "open_dataset" in block
