"""The part of the question form that makes a chat of it: the text box is then what the user says last."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import gradio as gr

from explain.errors import InputError
from explain.interface.tabs.form import Form
from explain.messages import ROLES
from explain.models.tasks import Task
from explain.types import Question

TURN = re.compile(rf"^\s*({'|'.join(ROLES)})\s*:[ \t]*", re.IGNORECASE | re.MULTILINE)
RULE = re.compile(r"^\s*-{3,}\s*$", re.MULTILINE)
TITLE = re.compile(r"\s*#[ \t]*(\S.*)\n")
PARTS = ("chat", "system", "turns", "documents")


def add_chat(form: Form, asked: type[Task]) -> gr.Accordion:
    """Add the parts, which are shown for tasks that read chats."""
    with gr.Accordion("Chat and documents", open=False, visible=asked.chats, elem_classes="chat") as section:
        form.add(
            "chat", gr.Checkbox(False, label="Ask as a chat", info="The text above is what the user says. Needs a model made for chats.")
        )
        form.add("system", gr.Textbox("", label="System message", lines=1, max_lines=4))
        form.add("turns", gr.Textbox("", label="Earlier turns", info="Each begins with User: or Assistant:", lines=2, max_lines=8))
        form.add(
            "documents", gr.Textbox("", label="Documents", info="A line of --- between them; # before a title.", lines=2, max_lines=12)
        )
    return section


def chat_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Messages and documents as fields of a question.

    Raises:
        InputError: A turn does not say whose it is.
    """
    system, typed, text = (str(given[name] or "") for name in ("system", "turns", "text"))
    first, *turns = TURN.split(typed)
    if first.strip():
        raise InputError(f"Begin every earlier turn with User: or Assistant:, got {first.strip()!r:.60}.")
    messages = [{"role": "system", "content": system}] if system.strip() else []
    messages += [{"role": role.lower(), "content": content.strip()} for role, content in zip(turns[::2], turns[1::2], strict=True)]
    messages += [{"role": "user", "content": text}] if text.strip() else []
    documents = [_document(part) for part in RULE.split(str(given["documents"] or "")) if part.strip()]
    return {"messages": messages, "documents": documents or None}


def _document(typed: str) -> dict[str, str]:
    title = TITLE.match(typed)
    return {"text": typed.strip()} if title is None else {"title": title[1].strip(), "text": typed[title.end() :].strip()}


def filled_chat(question: Question) -> dict[str, Any]:
    """What stands in the parts, and in the text box, for a question."""
    asked = question.to_dict()
    messages = list(asked.get("messages", ()))
    text = messages.pop()["content"] if messages and messages[-1]["role"] == "user" else question.text
    system = messages.pop(0)["content"] if messages and messages[0]["role"] == "system" else ""
    documents = [f"# {each['title']}\n{each['text']}" if each.get("title") else each["text"] for each in asked.get("documents", ())]
    return {
        "text": text,
        "chat": "messages" in asked,
        "system": system,
        "turns": "\n".join(f"{message['role'].capitalize()}: {message['content']}" for message in messages),
        "documents": "\n---\n".join(documents),
    }
