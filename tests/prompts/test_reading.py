"""Prompts are read from lines and from all kinds of CSV files, and what is wrong with one is said."""

from __future__ import annotations

import pytest

from explain import InputError
from explain.prompts import read_csv, read_prompts
from explain.types import Question


def test_lines_are_prompts_and_blank_ones_are_skipped():
    assert read_prompts("one\n\n  two words \r\n\t\nthree") == (Question("one"), Question("two words"), Question("three"))


@pytest.mark.parametrize(("text", "count"), [("", 0), ("one\n\n", 1)])
def test_too_few_lines_are_told(text, count):
    with pytest.raises(InputError, match=rf"at least 2 prompts.*got {count}\."):
        read_prompts(text)


@pytest.mark.parametrize("header", ["text", "Prompt", " SENTENCE "])
@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_a_named_column_is_read_wherever_it_is(header, sign):
    content = sign.join(["id", header, "target"]) + "\r\n" + sign.join(["1", '"so, so; good\tyes"', "positive"]) + "\n\n"
    assert read_csv(content + sign.join(["2", "bad", ""])) == (Question("so, so; good\tyes", target="positive"), Question("bad"))


def test_target_and_foil_belong_to_their_row():
    found = read_csv("text,foil,target\na,x,y\nb,,z\n")
    assert found == (Question("a", target="y", foil="x"), Question("b", target="z"))


def test_a_file_without_header_has_its_prompts_in_the_first_column(tmp_path):
    path = tmp_path / "prompts.csv"
    path.write_bytes('\ufefféclair\n"two\nlines"\n'.encode())
    assert read_csv(path) == read_csv(str(path)) == (Question("éclair"), Question("two\nlines"))


def test_other_signs_and_quotes_do_not_disturb_a_file():
    assert read_csv("\ttext\n0\ta\n1\tb\n") == (Question("a"), Question("b"))
    assert read_csv('"a; b",1\n"c, d",2\n') == (Question("a; b"), Question("c, d"))


def test_a_column_can_be_chosen():
    assert read_csv("text,review\na,b\nc,d", column="Review") == (Question("b"), Question("d"))
    with pytest.raises(InputError, match=r"no column 'body'. Its first row has: text, review"):
        read_csv("text,review\na,b\nc,d", column="body")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("text\nalone\n", "got 1"),
        ("text,target\na,b\nwell, really,b\n", "Line 3 .* has 3 cells, the first row has 2. Put quotes"),
        ("id,text\n1,a\n2,\n", "Line 3 .* its text is empty"),
        ("a,1\n ,2\n", "its first cell is empty"),
        ('text\n"open\nnever closed', "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(content, said):
    with pytest.raises(InputError, match=said):
        read_csv(content)


def test_files_that_cannot_be_read_are_said(tmp_path):
    path = tmp_path / "latin.csv"
    path.write_bytes("text\ncaf\xe9\nb".encode("latin-1"))
    with pytest.raises(InputError, match=r"latin.csv is not in UTF-8 \(byte 8\)"):
        read_csv(path)
    path.write_bytes(b"x" * 1_000_001)
    with pytest.raises(InputError, match="has 1000001 bytes"):
        read_csv(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_csv(tmp_path / "missing.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_csv(tmp_path)
