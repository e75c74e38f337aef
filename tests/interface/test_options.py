"""The form of the methods' options: what it gives to a request, and what it takes from one."""

from __future__ import annotations

import gradio as gr
import pytest

from explain.errors import InputError
from explain.interface.tabs.options import OptionsForm


@pytest.fixture
def form() -> OptionsForm:
    with gr.Blocks():
        return OptionsForm()


def test_only_the_options_of_the_chosen_methods_are_asked(form: OptionsForm) -> None:
    given = {"occlusion": {"width": 2}, "shap": {"evaluations": 60}}
    values = form.filled(given)
    assert form.read(values, ["lrp", "occlusion"]) == {"occlusion": {"width": 2}}
    assert form.read({form.form: None}, ["occlusion"]) == {}


@pytest.mark.parametrize("sent", ["steps", [1], {"occlusion": 3}], ids=str)
def test_what_is_no_form_is_refused(form: OptionsForm, sent: object) -> None:
    with pytest.raises(InputError, match="Give them by method and name"):
        form.read({form.form: sent}, ["occlusion"])
