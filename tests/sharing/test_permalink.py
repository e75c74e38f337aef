"""Links give back exactly the request they were made of, and refuse everything else."""

from __future__ import annotations

import base64
import json
import random
import re
import zlib
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from explain import InputError, Question
from explain.sharing.permalink import LARGEST_REQUEST, LONGEST_LINK, VERSION, decode, encode
from explain.sharing.request import Request

PLAIN = {"task": "classification", "text": "Good.", "model": "bert-mini", "methods": ["lrp"]}
WORDS = st.text(max_size=40)
WHOLE = st.integers(-(2**63) + 1, 2**63 - 1)
VALUES = st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False, allow_infinity=False) | WORDS
QUESTIONS = st.builds(
    Question,
    text=st.text(max_size=300),
    target=st.none() | WORDS | WHOLE,
    foil=st.none() | WORDS | WHOLE,
    unit=st.none() | WORDS,
    position=st.none() | WHOLE,
    step=st.none() | WHOLE,
)
REQUESTS = st.builds(
    Request,
    task=WORDS,
    model=WORDS,
    question=QUESTIONS,
    methods=st.lists(WORDS, max_size=6),
    labels=st.lists(WORDS, max_size=3),
    prefix=st.none() | WORDS,
    options=st.dictionaries(WORDS, st.dictionaries(WORDS, VALUES, max_size=3), max_size=3),
)


def link(values: Any, *, level: int = 9) -> str:
    """A link to any JSON value or bytes, made without the encoder."""
    plain = values if isinstance(values, bytes) else json.dumps(values).encode()
    return "1." + base64.urlsafe_b64encode(zlib.compress(plain, level)).decode().rstrip("=")


@given(REQUESTS)
@settings(max_examples=300, deadline=None)
@example(
    Request("generation", "owner/name", Question("你好 \U0001f642\n\t\x00\u2028</script>", "", "é"), ["shap"], {"shap": {}}, ["é"], "")
)
def test_a_link_gives_the_request_back(request: Request) -> None:
    value = encode(request)
    assert re.fullmatch(r"[A-Za-z0-9._~-]+", value)
    assert decode(value) == request
    again = decode(value)
    for mine, other in ((request, again), (request.question, again.question)):
        assert list(map(type, vars(mine).values())) == list(map(type, vars(other).values()))


def test_only_what_is_not_a_default_is_stored() -> None:
    body = encode(Request("classification", "bert-mini", Question("Good.", unit="logit"), ["lrp"])).removeprefix(VERSION)
    stored = json.loads(zlib.decompress(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))
    assert stored == {**PLAIN, "unit": "logit"}
    assert decode(link(PLAIN)) == Request("classification", "bert-mini", Question("Good."), ["lrp"])


OLD_LINKS = {
    "1.eNotjsEKAjEMRH-l5LyKHkToF3j0LrJUm90NdpPSRlSW_XdT9DTMZPKSBTTUB3ioOXBPPFBKxCN0oPhWy0_oXqG6mxR2xK7vexc4ukgY_35r5VkiJmvrYTMTU0tQJ4kV"
    "_AVSyRbUKWS4GjeUERtZJ3R30o_NBqG27c6hUDX_ZGqNJKNpB1kqKQmD3xtHMYPfdSC5ZXZh-bGbIkbwxw6wKs1BpRjlgYXtuXVdv-BpTWI": Request(
        "span_infilling",
        "t5-mini",
        Question("He was born in ___ and died in ___.", "the city", " Paris", "logit", 1, 0),
        ["lrp", "shap"],
        {"shap": {"seed": 7, "estimator": "kernel"}},
    ),
    "1.eNodjMENwjAMAFeJ_AYG6AbMgFBlGjdYJHYUm6oSYndcvnen-4CjvWCCpaIZr7ygswqcwGn34FdPbEnUE6aimlPTjekSQdNMNYoHDT83Fj4Y-VOzwXQDlv72eZ_LwMwk"
    "HraODvc44yh0vLsaO28UalU-XkIF_-T7A6XhNDQ": Request(
        "classification",
        "bert-mini",
        Question("It is not a good movie.", "positive", "negative"),
        ["input_x_gradient", "lrp"],
    ),
}
"""Made by version 0.1.0."""


@pytest.mark.parametrize("value", OLD_LINKS, ids=["span_infilling", "classification"])
def test_a_link_of_an_earlier_version_still_opens(value: str) -> None:
    assert decode(value) == OLD_LINKS[value]


def test_a_usual_link_is_short() -> None:
    text = "The film was a delight, not the boring mess I had feared."
    options = {"integrated_gradients": {"baseline": "mask"}}
    request = Request("classification", "bert-mini", Question(text, "positive"), ["attention", "integrated_gradients", "lrp"], options)
    assert len(encode(request)) < 340


def test_a_text_that_is_too_long_is_refused_with_the_limit() -> None:
    noise = random.Random(0).randbytes(8_000).hex()
    with pytest.raises(InputError, match=rf"too long for a link: \d+ characters, at most {LONGEST_LINK}"):
        encode(Request("classification", "bert-mini", Question(noise), ["lrp"]))
    with pytest.raises(InputError, match="too long for a link"):
        encode(Request("classification", "bert-mini", Question("a" * LARGEST_REQUEST), ["lrp"]))


def test_a_bomb_is_refused_before_it_is_inflated() -> None:
    bomb = link(json.dumps({**PLAIN, "text": "a" * 3_000_000}).encode())
    assert len(bomb) < LONGEST_LINK
    with pytest.raises(InputError, match=f"more than {LARGEST_REQUEST} bytes"):
        decode(bomb)
    with pytest.raises(InputError, match=f"at most {LONGEST_LINK}"):
        decode("1." + "A" * LONGEST_LINK)


def test_every_changed_or_cut_link_is_refused_or_the_same() -> None:
    request = Request("classification", "bert-mini", Question("It is not a good movie.", "positive"), ["lrp"])
    value = encode(request)
    for place in range(2, len(value)):
        for other in (value[:place], value[:place] + ("A" if value[place] != "A" else "B") + value[place + 1 :]):
            try:
                decoded = decode(other)
            except InputError:
                continue
            # The last character has bits that base64 does not use.
            assert place == len(value) - 1
            assert decoded == request


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "does not begin with '1.'"),
        ("2.abc", "does not begin with '1.'"),
        ("1.", "damaged"),
        ("1.a b+/", "damaged"),
        ("1.AAAA", "damaged"),
        (link(b"not JSON"), "damaged"),
        (link(b"\xff\xfe"), "damaged"),
        (link(b"[" * 60_000), "damaged"),
        (link(b'{"task": NaN}'), "damaged"),
        (link(json.dumps(PLAIN).encode()) + link(PLAIN)[2:], "damaged"),
        (link([1, 2]), "must be a JSON object"),
        (link({**PLAIN, "code": "x"}), "unknown field 'code'"),
        (link({name: PLAIN[name] for name in ("task", "text", "model")}), "no field 'methods'"),
        (link({**PLAIN, "methods": "lrp"}), "'methods' must be a list"),
        (link({**PLAIN, "methods": [1]}), "'methods' must be a list"),
        (link({**PLAIN, "text": None}), "'text' must be text"),
        (link({**PLAIN, "text": "\ud800"}), "'text' must be text"),
        (link({**PLAIN, "position": True}), "'position' must be a whole number or null, got True"),
        (link({**PLAIN, "position": 1.5}), "'position' must be a whole number"),
        (link({**PLAIN, "step": 10**30}), "'step' must be a whole number"),
        (link({**PLAIN, "target": 1.5}), "'target' must be text or a whole number or null"),
        (link({**PLAIN, "labels": "good"}), "'labels' must be a list"),
        (link({**PLAIN, "labels": ["\ud800"]}), "'labels' must be a list"),
        (link({**PLAIN, "prefix": 1}), "'prefix' must be text or null"),
        (link({**PLAIN, "options": {"shap": 1}}), "'options' must be an object"),
        (link({**PLAIN, "options": {"shap": {"seed": [1]}}}), "'options' must be an object"),
        (link(json.dumps({**PLAIN, "options": {"a": {"b": 1}}}).replace(": 1}", ": 1e999}").encode()), "'options' must be an object"),
    ],
)
def test_what_is_no_request_is_refused_by_name(value: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        decode(value)


def test_a_request_that_json_cannot_carry_is_refused() -> None:
    with pytest.raises(InputError, match="'options'"):
        encode(Request("classification", "bert-mini", Question("a"), ["lrp"], {"lrp": {"x": float("nan")}}))
    with pytest.raises(InputError, match="'text' must be text"):
        encode(Request("classification", "bert-mini", Question("\udfff"), ["lrp"]))
