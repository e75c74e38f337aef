"""The explained score of a plain model that was never instrumented."""

from __future__ import annotations

from typing import Any

import torch

from explain.models.score import Score


class Reference:
    """The explained score computed by a plain model from embeddings: `inputs_embeds` where that is valid, else its parts by hand."""

    def __init__(self, model: Any, name: str, score: Score, label_ids: list[list[int]] | None = None) -> None:
        self.model, self.name, self.score, self.label_ids = model, name, score, label_ids
        self.ids = score.encoding.inputs["input_ids"]
        self.decoder_ids = score.encoding.inputs.get("decoder_input_ids")

    def embeddings(self) -> torch.Tensor:
        """Of every token read, by the plain model's own embedding layers [1, n, d]."""
        with torch.no_grad():
            if not self.model.config.is_encoder_decoder:
                return self.model.get_input_embeddings()(self.ids)
            base = self.model.base_model
            parts = [base.get_encoder().get_input_embeddings()(self.ids)]
            if self.decoder_ids is not None:
                parts.append(base.get_decoder().get_input_embeddings()(self.decoder_ids))
            return torch.cat(parts, dim=1)

    def logits(self, embeddings: torch.Tensor) -> torch.Tensor:
        rows, length = len(embeddings), self.ids.shape[1]
        given, prefix = embeddings[:, :length], embeddings[:, length:]
        encoding, model = self.score.encoding, self.model
        if "embed" in self.name:
            trunk = model.get_encoder() if model.config.is_encoder_decoder else model
            assert encoding.direction is not None
            return trunk(inputs_embeds=given).last_hidden_state.mean(1) @ encoding.direction[:, None]
        if not model.config.is_encoder_decoder:
            more = {}
            if "roberta" in self.name:
                more["position_ids"] = torch.arange(length).expand(rows, -1) + model.config.pad_token_id + 1
            logits = model(inputs_embeds=given, **more).logits
            return logits if "class" in self.name else logits[:, encoding.position]
        if encoding.mirrored:
            base, start = model.base_model, torch.tensor([[model.config.decoder_start_token_id]])
            with torch.no_grad():
                first = base.get_decoder().get_input_embeddings()(start).expand(rows, -1, -1)
            hidden = base(inputs_embeds=given, decoder_inputs_embeds=torch.cat([first, given[:, :-1]], dim=1)).last_hidden_state
            last = int((self.ids[0] == model.config.eos_token_id).nonzero()[-1])
            return model.classification_head(hidden[:, last])
        if self.label_ids is not None:
            start = [model.config.decoder_start_token_id]
            columns = []
            for label in self.label_ids:
                read = torch.tensor([start + label[:-1]]).expand(rows, -1)
                found = model(inputs_embeds=given, decoder_input_ids=read).logits.log_softmax(-1)
                columns.append(sum(found[:, step, piece] for step, piece in enumerate(label)))
            return torch.stack(columns, dim=-1)
        return model(inputs_embeds=given, decoder_inputs_embeds=prefix).logits[:, encoding.position]

    def __call__(self, embeddings: torch.Tensor) -> torch.Tensor:
        logits, unit = self.logits(embeddings), self.score.unit.value
        values = logits if unit == "logit" else logits.log_softmax(-1) if unit == "log_probability" else logits.softmax(-1)
        score = values[:, self.score.target.index]
        return score if self.score.foil is None else score - values[:, self.score.foil.index]
