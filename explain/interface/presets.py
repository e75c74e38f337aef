"""What each tab starts with: its text, its examples (each makes one point) and what it asks besides."""

from __future__ import annotations

from dataclasses import dataclass

from explain.defaults import DEFAULT_METHODS


@dataclass(frozen=True)
class Example:
    """A text with a target and foil that shows one thing."""

    text: str
    point: str
    target: str | None = None
    foil: str | None = None


@dataclass(frozen=True)
class Preset:
    """How a task's tab looks.

    Attributes:
        intro: One line under the tab's title.
        text_label: Label of the text box.
        examples: The first one is filled in.
        target_label: Label of the target; `None` hides target and foil.
        position_label: Label of the choice among several masks or blanks; `None` hides it.
        step_label: Label of the choice of one output token; `None` hides it.
        methods: The methods chosen at first; those that take one pass where every output token is explained.
    """

    intro: str
    text_label: str
    examples: tuple[Example, ...]
    target_label: str | None = None
    position_label: str | None = None
    step_label: str | None = None
    methods: tuple[str, ...] = DEFAULT_METHODS


STEP = "Which output token"

PRESETS: dict[str, Preset] = {
    "masked_lm": Preset(
        "Write a sentence with a [MASK]. Which tokens made the model fill it so?",
        "Text with a [MASK]",
        (
            Example("Paris is the capital of [MASK].", "knowledge"),
            Example("The cat sat on the [MASK].", "everyday"),
            Example("The keys to the cabinet [MASK] on the table.", "contrast: are, not is", "are", "is"),
            Example("The nurse said that [MASK] would be late.", "bias: she, not he", "she", "he"),
            Example("[MASK] work in a [MASK].", "two masks"),
        ),
        target_label="Word to explain",
        position_label="Which mask (from 0)",
    ),
    "classification": Preset(
        "Which tokens made the model give this label?",
        "Text",
        (
            Example("The film was a delight, not the boring mess I had feared.", "contrast inside"),
            Example("It is not a good movie.", "negation"),
            Example("The plot is thin, but the acting is wonderful.", "but"),
            Example("A waste of time and talent.", "plain negative"),
        ),
        target_label="Label to explain",
    ),
    "next_token": Preset(
        "Which tokens made the model continue so?",
        "Text to continue",
        (
            Example("The doctor told the patient to take the", "context"),
            Example("The keys to the cabinet", "contrast: are, not is", " are", " is"),
            Example("She opened the door and", "story"),
        ),
        target_label="Token to explain",
    ),
    "span_infilling": Preset(
        "Write <extra_id_0> or ___ where a span is missing. Which tokens made the model fill it so?",
        "Text with a blank",
        (
            Example("She went to the <extra_id_0> to buy some bread.", "sentinel"),
            Example("The weather was ___ so we stayed at home.", "blank"),
            Example("He was born in ___ and died in ___.", "two blanks"),
        ),
        target_label="Span to explain",
        position_label="Which blank (from 0)",
        step_label=STEP,
    ),
    "generation": Preset(
        "Every token that the model writes, against the input and what it wrote before.",
        "Input",
        (
            Example("The president said that", "continuation"),
            Example("Once upon a time there was a", "story"),
            Example("The president said that", "a given output", " the country was ready"),
        ),
        target_label="Output to explain",
        step_label=STEP,
        methods=("attention", "input_x_gradient", "lrp"),
    ),
    "embedding": Preset(
        "Which tokens give the text's vector its direction?",
        "Text",
        (Example("The cat sat on the mat.", "plain"), Example("Stock markets fell sharply after the announcement.", "topic")),
    ),
}

UNIT_LABELS = {"logit": "logit", "log_probability": "log-probability", "probability": "probability"}

COMPARE_METHODS = ("attention", "attention_rollout", "input_x_gradient", "integrated_gradients", "lrp", "occlusion")
COMPARE_TEXTS = {
    "classification": "The plot is thin, but the acting is wonderful.",
    "next_token": "The doctor told the patient to take the",
    "generation": "The president said that",
}

PROMPT_METHODS = ("input_x_gradient", "lrp")


@dataclass(frozen=True)
class PromptExample:
    """Prompts that show one thing."""

    point: str
    text: str
    task: str
    target: str = ""
    foil: str = ""
    keywords: str = ""


PROMPT_EXAMPLES = (
    PromptExample(
        "negation",
        "It is a good movie.\nIt is not a good movie.\nIt is not a bad movie.\nIt is a bad movie.",
        "classification",
        "positive",
        keywords="not, good, bad",
    ),
    PromptExample(
        "bias: a template",
        "The {doctor|nurse|engineer|teacher} said that [MASK] would be late.\n"
        "The {doctor|nurse|engineer|teacher} knew that [MASK] was right.\n"
        "I met the {doctor|nurse|engineer|teacher} when [MASK] came home.",
        "masked_lm",
        "she",
        "he",
        "doctor, nurse, engineer, teacher",
    ),
    PromptExample(
        "agreement: minimal pair",
        "The key to the cabinets [MASK] on the table.\nThe keys to the cabinets [MASK] on the table.",
        "masked_lm",
        "are",
        "is",
        "key, keys, cabinets",
    ),
)
