"""What `crossroads grades export` writes is read by TRL's own trainers as it is: one step of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assistant.config import Settings
from assistant.database import open_database
from assistant.feedback import Feedback
from assistant.grades.grading import Grading
from assistant.grades.log import add_answer
from assistant.grades.types import Grade
from graphs.answer import Answer, RouteDecision
from tests.assistant.tiny_models import tiny_folder

pytest.importorskip("trl", reason="no trl: install the extra `train`")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(tmp_path_factory.mktemp("tiny"))


def _exported(home: Path, wanted: str) -> Path:
    engine = open_database(Settings(home=home, cache=home))
    grading = Grading(engine, Settings(home=home, cache=home), Feedback(engine))
    for number in range(4):
        route = RouteDecision(path="zero_shot", reason="r", confidence=1)
        with engine.begin() as connection:
            said = Answer(text=f"It is {number}.", route=route, answer_id=str(number))
            add_answer(connection, f"What is the number of house {number}?", said)
        scores = {"correct": 1, "supported": 1, "complete": 1}
        grading.record(Grade(answer_id=str(number), grader="ann", scores=scores, better_answer="It is none."))
    file = home / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in grading.rows(wanted).rows), encoding="utf-8")
    engine.dispose()
    return file


@pytest.mark.filterwarnings("ignore")  # TRL's and transformers' own
@pytest.mark.parametrize("wanted", ["sft", "dpo", "kto", "reward"])
def test_trls_trainer_takes_a_step_on_the_file(wanted: str, tiny: Path, tmp_path: Path) -> None:
    import trl
    from datasets import load_dataset
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

    name = {"sft": "SFT", "dpo": "DPO", "kto": "KTO", "reward": "Reward"}[wanted]
    tokenizer: Any = AutoTokenizer.from_pretrained(tiny)
    tokenizer.pad_token = tokenizer.eos_token
    kind: Any = AutoModelForSequenceClassification if wanted == "reward" else AutoModelForCausalLM
    options: dict[str, Any] = {"num_labels": 1} if wanted == "reward" else {}
    rows = load_dataset(
        "json", data_files=str(_exported(tmp_path, wanted)), split="train", cache_dir=str(tmp_path / "c")
    )
    config = getattr(trl, f"{name}Config")(
        output_dir=str(tmp_path / "out"), max_steps=1, per_device_train_batch_size=2, use_cpu=True, bf16=False,
        report_to=[], max_length=512, gradient_checkpointing=False, save_strategy="no",
    )  # fmt: skip
    model = kind.from_pretrained(tiny, pad_token_id=tokenizer.pad_token_id, **options)
    trainer = getattr(trl, f"{name}Trainer")(model=model, args=config, train_dataset=rows, processing_class=tokenizer)
    assert trainer.train().global_step == 1
