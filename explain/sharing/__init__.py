"""An explanation taken along: the question asked, card, replay, link, code, files."""
