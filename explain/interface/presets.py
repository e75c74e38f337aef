"""What the page starts with: for each task, its examples (each makes one point) and the methods that are chosen at first."""

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
    """What the question form holds when a task is chosen.

    Attributes:
        examples: The first one is filled in.
        methods: Those that are chosen, in the order in which they are shown: the faithful ones first, cheap ones where every output
            token is explained.
    """

    examples: tuple[Example, ...] = (Example("", "your own text"),)
    methods: tuple[str, ...] = DEFAULT_METHODS


FIRST_TASK = "classification"
CHEAP = ("lrp", "occlusion", "attention")

PRESETS: dict[str, Preset] = {
    "masked_lm": Preset(
        (
            Example("The president of the United [MASK] spoke on Monday.", "phrase"),
            Example("He opened the [MASK] and went in.", "everyday"),
            Example("The people who live in this city [MASK] happy.", "are, not is", "are", "is"),
            Example("The nurse said that [MASK] would be late.", "she, not he", "she", "he"),
            Example("[MASK] work in a [MASK].", "two masks"),
        ),
    ),
    "classification": Preset(
        (
            Example("The film was a delight, not the boring mess I had feared.", "contrast inside"),
            Example("It is not a good movie.", "negation"),
            Example("The plot is thin, but the acting is wonderful.", "but"),
            Example("A waste of time and talent.", "plain negative"),
        ),
    ),
    "next_token": Preset(
        (
            Example("The president of the United", "phrase"),
            Example("The people who live in this city", "are, not is", " are", " is"),
            Example("He was born in New", "name"),
        ),
    ),
    "span_infilling": Preset(
        (
            Example("He opened the <extra_id_0> and went in.", "sentinel"),
            Example("At the end ___ day they went home.", "two words"),
            Example("They have lived ___ the city for many ___.", "two blanks"),
        ),
        methods=CHEAP,
    ),
    "generation": Preset(
        (
            Example("She told him that", "a sentence"),
            Example("The president said that", "a given output", " the country was ready"),
        ),
        methods=CHEAP,
    ),
    "embedding": Preset(
        (Example("The cat sat on the mat.", "plain"), Example("Stock markets fell sharply after the announcement.", "topic")),
    ),
}


def preset(task: str) -> Preset:
    """That of a task; one without examples for a task that was added."""
    return PRESETS.get(task, Preset())


COMPARED_METHODS = ("lrp", "integrated_gradients", "occlusion", "input_x_gradient", "attention", "attention_rollout")
COMPARED_TEXTS = {
    "classification": "The plot is thin, but the acting is wonderful.",
    "next_token": "The president of the United",
    "generation": "The president said that",
}

PROMPT_METHODS = ("lrp", "input_x_gradient")


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


DATASET_METHODS = ("lrp", "occlusion")
DATASET_TEXTS = (
    "The film was a delight, not the boring mess I had feared.\tpositive",
    "It is not a good movie.\tnegative",
    "The plot is thin, but the acting is wonderful.\tpositive",
    "A waste of time and talent.\tnegative",
    "A warm and funny film with a wonderful cast.\tpositive",
    "The acting is bad and the plot is boring.\tnegative",
    "Not bad at all, and at times moving.\tpositive",
    "A good cast in a bad film.\tnegative",
    "I had feared a boring evening, but it was good.\tpositive",
    "It is too long, and not funny.\tnegative",
    "A moving story, told with great skill.\tpositive",
    "The story is a mess and the film is dull.\tnegative",
    "Funny, moving and never dull.\tpositive",
    "There is not one good idea in this film.\tnegative",
    "The best film of the year.\tpositive",
    "Too thin a plot for so long a film.\tnegative",
    "The cast is good and the story is moving.\tpositive",
    "The cast is good, but the story is boring.\tnegative",
    "The story is thin, but the film is never boring.\tpositive",
    "The film is not funny, and it is not moving.\tnegative",
    "I was not bored for a minute.\tpositive",
    "A boring film with a wonderful cast.\tnegative",
    "It is not the best film, but it is a good one.\tpositive",
    "Not even the cast is good.\tnegative",
    "A wonderful film about a dull man.\tpositive",
    "A dull film about a wonderful man.\tnegative",
    "Who would not love this film?\tpositive",
    "Who needs this film?\tnegative",
    "The film is long, but not too long.\tpositive",
    "The film is short, and still too long.\tnegative",
    "Bad people, good story, wonderful film.\tpositive",
    "Good people, bad story, boring film.\tnegative",
)
"""A text, a tab and its label each."""
