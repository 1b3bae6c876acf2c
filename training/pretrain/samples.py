"""What a model writes by now: a continuation, or the word left out."""

from __future__ import annotations

from typing import Any

from training.pretrain.recipe import PretrainRecipe


def sample(model: Any, tokenizer: Any, prompt: str, recipe: PretrainRecipe, device: Any) -> str:
    """The prompt and what the model adds (greedy). BERT and T5 guess the last word of the prompt."""
    import torch

    with torch.no_grad():
        if recipe.architecture == "bert":
            return _filled(model, tokenizer, prompt, device)
        text = f"{prompt.rsplit(' ', 1)[0]} <extra_id_0>" if recipe.architecture == "t5" else prompt
        ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"].to(device)
        room = recipe.sample_tokens if recipe.architecture == "t5" else recipe.context - ids.shape[1]
        written = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=max(1, min(recipe.sample_tokens, room)),
            do_sample=False,
            pad_token_id=tokenizer.pad_token_id,
        )[0]
    if recipe.architecture == "t5":
        return f"{text} → {tokenizer.decode(written, skip_special_tokens=True)}"
    return str(tokenizer.decode(written, skip_special_tokens=True))


def _filled(model: Any, tokenizer: Any, prompt: str, device: Any) -> str:
    text = f"{prompt.rsplit(' ', 1)[0]} {tokenizer.mask_token}"
    ids = tokenizer(text, return_tensors="pt")["input_ids"].to(device)
    place = (ids[0] == tokenizer.mask_token_id).nonzero()[0, 0]
    best = model(input_ids=ids).logits[0, place].topk(3).indices.tolist()
    return f"{text} → {', '.join(tokenizer.convert_ids_to_tokens(best))}"
