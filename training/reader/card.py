"""The model card of a shipped reader, written from its metrics so that card and figures cannot part."""

from __future__ import annotations

from typing import Any

_CARD = """# Reader: does this passage answer this question, and where?

all-MiniLM-L6-v2 (Apache-2.0, 22 M parameters, 6 layers) with two heads: start and end of the answer, and, apart from
them, whether there is one. Shipped are the tuned layers and heads in fp16 (`reader-N.safetensors`); the word
embeddings stay those of the base model, which is pulled. `reader.json` holds the calibration: 0.5 is the
lowest threshold whose overall F1 on development rows is within 0.4 points of the best.

## Training

- **Data.** Half of SQuAD 2.0's development set (CC BY-SA 4.0), parts of SQuAD 1.1, XQuAD English, QED, Natural
  Questions with passages (CC BY-SA 3.0 / 4.0) and COVID-QA (Apache-2.0, articles CC BY), unanswerable rows derived
  from them, parts of adversarial_qa, quoref, ropes, duorc (CC BY 4.0, CC BY-SA 4.0, MIT), four fifths of the questions
  over several passages (HotpotQA, 2Wiki, MuSiQue; CC BY-SA 4.0, Apache-2.0, CC BY 4.0). Two further kinds of
  impossible rows are made while training: a question with a near passage that lacks its answer, and a question
  changed in a number, a name, a negation or an opposite. Nothing non-commercial. Their sha256 are in `metrics.json`.
- **Recipe.** In `training/recipes`, each from the weights of the one before it: `reader.yaml` (2,045 steps, fp32),
  `reader-impossible.yaml` (656 steps, fp32), `reader-further.yaml` (1,692 steps, bf16, begun from the fp16 weights);
  then `reader-mean.yaml`, the mean of the weights of the last two (Wortsman et al. 2022, "Model soups"). Beside the
  network, plain looks weigh in (`training/reader/looks.py`): which words, names and numbers of the question the passage
  lacks and how rare they are, opposites, how near passage and sentences are in meaning (the untuned base), and what
  kind of thing is asked for. The sixteen weights are fitted on development rows, each half of them for the other.
- **Hardware and time.** One to two CPU cores shared with other work: 24 and 55 minutes for the last two.
- **Tried.** Each run alone (F1 57.6 and 59.4), a further stage of impossible rows from the mean (59.2), and the means
  of it with the others (60.0 and 60.1), all on the development rows below: the mean that ships was chosen by them.
  With four looks at words instead of fourteen looks it reached F1 60.0 with 71 % refused. A further signal, how much
  the question behind its passage surprises the chat model, gave 0.7 points more, less than its noise, for 0.2 s a
  passage: left out. So was a sign for negated questions, which are mostly impossible in this set, not elsewhere.

## Results

SQuAD 2.0 development rows of three articles that were not trained on ({n} questions, {impossible} of them impossible).
The threshold for each half was chosen on the other half; intervals (95 %) draw whole passages.

| measure | value |
|---|---|
| F1 overall | {f1} |
| exact match overall | {exact} |
| F1 on answerable rows | {answerable_f1} |
| answerable rows kept | {kept} |
| impossible rows refused | {refused} |
| area under the curve, answerable against impossible | {auc} |
| F1 on answerable rows when it never refuses | {never} |

Where 60 % of the impossible rows are refused, {kept60} % of the answerable ones are kept, at an overall F1 of {f160}.

Sets of about ten passages (HotpotQA, 2Wiki, MuSiQue; {questions} questions) with and without the passages that answer:
area under the curve {multi_auc}, refused without them {bare} %, with them {whole} %. With the answering passages alone
{clean} % are answered rightly (the likeliest passage's answer shares half its words with a right one), with 40 % other
passages among them {noisy} %: {ratio} % of it (95 % {ratio_low}–{ratio_high}).

## Limits

The assistant reads with it only the passages a request brings along. What its own search finds is read by meaning
(`graphs/reading.py`): on the documentation's own questions this reader answered 73 % and cited the right paragraph in
41 %, reading by meaning 100 % and 86 % (64 questions, `crossroads eval run smoke`, default models).
The goal for a machine without a GPU is an overall F1 of 62 with 65 % of the impossible rows refused; an earlier run of
62 undisturbed minutes reached 55 with 60 %. {verdict} English only, answers of at most 30 tokens, trained on
encyclopaedic passages of some 150 words: questions that ask for an explanation have no short span and are often
refused. It may be misled by a passage that speaks of the same things without answering. What would get further: an
encoder that begins from better weights, several whole runs whose mean is taken (minutes each on a GPU), and more
human-written impossible questions, of which there are only about 2,000.
"""


def card(metrics: dict[str, Any]) -> str:
    """The card's text. `metrics` is what `training.reader.report` measured."""
    squad, multi = metrics["squad_dev"], metrics["multi_passage"]
    at60 = min(squad["curve"], key=lambda point: (point["refused"] < 60, point["refused"]))
    met = squad["f1"]["value"] >= 62 and squad["refused"]["value"] >= 65
    names = ("f1", "exact", "answerable_f1", "kept", "refused", "auc")
    return _CARD.format(
        **{name: _interval(squad[name]) for name in names},
        n=squad["n"],
        impossible=squad["impossible"],
        never=squad["answerable_f1_never_refusing"],
        kept60=round(at60["kept"], 1),
        f160=round(at60["f1"], 1),
        questions=multi["questions"],
        multi_auc=multi["auc"],
        bare=multi["refused_without_gold"],
        whole=multi["refused_with_gold"],
        clean=round(multi["right_clean"], 1),
        noisy=round(multi["right_at_noise"], 1),
        ratio=round(100 * multi["kept_at_noise"]),
        ratio_low=round(100 * multi["low"]),
        ratio_high=round(100 * multi["high"]),
        verdict="This run meets it." if met else "This run does not meet it.",
    )


def _interval(figure: dict[str, float]) -> str:
    return f"{figure['value']} ({figure['low']}–{figure['high']})"
