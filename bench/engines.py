"""Which engine should answer by default? Measures engines on the same weights and prompts.

    python bench/engines.py --quick                 a dry run in about a minute and a half
    python bench/engines.py --json engines.json     the real one
    python bench/engines.py --llamacpp-python P     llama.cpp from another environment's interpreter

Every engine runs in a process of its own, once per thread count. Measured there: seconds from the start of the process
to the first token (cold), first token of a prompt not seen before (warm) and of the next turn of a conversation,
new tokens a second alone and with one other busy process beside, the peak of its memory; and how far its greedy
answers are those of transformers in fp32. Needs the extra `bench`; what is not installed is skipped by name.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.engine_adapters import Run

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

REFERENCE = "transformers fp32"
ENGINES = (
    REFERENCE,
    "transformers bf16",
    "openvino as read",
    "openvino mended",
    "openvino exact",
    "onnxruntime int4",
    "onnxruntime fp32",
    "llama.cpp",
)
QUESTIONS = (
    "What is the capital of France?",
    "Write one sentence about the sea.",
    "Explain what a hash function is.",
    "Give three uses for a brick.",
    "Translate 'good morning' into Spanish.",
    "What is 12 plus 30?",
    "Who wrote Romeo and Juliet?",
    "Name the planets of the solar system.",
    "Write a polite email asking for a day off.",
    "What is the difference between a list and a tuple in Python?",
    "Summarise in one sentence: The cat sat on the mat because it was warm.",
    "Is this review positive or negative: 'The soup was cold and nobody cared.'",
    "Why is the sky blue?",
    "What does HTTP stand for?",
    "Give a synonym of 'quick'.",
    "How do plants make food?",
)
SYSTEM = "You are a helpful assistant."
READER = "You answer questions from passages. Use only what the passages say."


def prompts(count: int) -> tuple[list[list[dict[str, str]]], list[list[dict[str, str]]]]:
    """Conversations for the comparison of answers, and long ones (about 450 tokens) for the clock.

    Half ask something outright, half ask about a passage; the passages are paragraphs of the licence, which is the
    same in every clone.
    """
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n") if len(part.split()) > 40]
    asked = [[_system(SYSTEM), _user(question)] for question in QUESTIONS]
    about = [
        [_system(READER), _user(f"[1] {paragraph}\n\nQuestion: What does this passage say?")]
        for paragraph in paragraphs[: len(QUESTIONS)]
    ]
    mixed = [conversation for pair in zip(asked, about, strict=True) for conversation in pair]
    words = text.split()
    long = [
        [_system(READER), _user(" ".join(words[start : start + 300]) + "\n\nQuestion: What is granted?")]
        for start in range(0, 1200, 150)
    ]
    return mixed[:count], long


def _system(text: str) -> dict[str, str]:
    return {"role": "system", "content": text}


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


# ---- the worker: one engine, one thread count, one process ---------------------------------------------------------


def work(name: str, threads: int, plan: dict[str, Any]) -> dict[str, Any]:
    """Measure one engine in this process."""
    begun = time.time()
    from bench.engine_adapters import open_engine

    run = open_engine(name, plan, threads)
    loaded = time.time()
    ids, when = _timed(run, plan["short"], 2)
    result: dict[str, Any] = {
        "load_s": loaded - begun,
        "cold_first_token_s": when[0] - plan["started"],
        "tokens": len(ids),
    }
    result |= {f"alone_{key}": value for key, value in _speed(run, plan, 0).items()}
    with _neighbour():
        result |= {f"busy_{key}": value for key, value in _speed(run, plan, 1).items()}
    if threads == plan["answer_threads"]:
        result["answers"] = [_timed(run, ids, plan["answer_tokens"])[0] for ids in plan["prompts"]]
    result["peak_mb"] = _peak_mb()
    return result


def _peak_mb() -> float:
    """The most memory this process held. Not `getrusage`: that begins with what the parent held."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def _speed(run: Run, plan: dict[str, Any], offset: int) -> dict[str, float]:
    """First token of new prompts and of a next turn, and the rate of the tokens behind the first; medians."""
    first, rate, again = [], [], []
    for long in plan["long"][offset::2][: plan["repeats"]]:
        start = time.time()
        ids, when = _timed(run, long, plan["new_tokens"])
        first.append(when[0] - start)
        if len(when) > 2:
            rate.append((len(when) - 1) / (when[-1] - when[0]))
        start = time.time()
        _, when = _timed(run, [*long, *ids, *plan["turn"]], 2)
        again.append(when[0] - start)
    middle = statistics.median
    return {"first_s": middle(first), "next_turn_s": middle(again), "tokens_per_s": middle(rate) if rate else 0.0}


def _timed(run: Run, ids: Sequence[int], most: int) -> tuple[list[int], list[float]]:
    new: list[int] = []
    when: list[float] = []

    def emit(token: int) -> bool:
        new.append(token)
        when.append(time.time())
        return len(new) < most

    run(ids, most, emit)
    return new, when or [time.time()]


@contextlib.contextmanager
def _neighbour() -> Iterator[None]:
    """Another busy process, for as long as the block runs."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


# ---- the parent ------------------------------------------------------------------------------------------------------


def plan_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """Everything a worker needs, as JSON: files, prompts as token ids, how often."""
    from assistant.config import load_settings
    from assistant.engines.gguf import to_transformers
    from assistant.engines.loading import engine_folder, prepare
    from assistant.engines.openvino_weights import convert
    from assistant.models import ensure

    settings = load_settings()
    gguf = next(ensure("smollm2-135m-instruct", settings).glob("*.gguf"))
    codec, folder = prepare(gguf, settings), engine_folder(gguf, settings)
    weights = to_transformers(gguf, codec, folder / "transformers")
    asked, long = prompts(4 if arguments.quick else 32)

    def encode(conversation: list[dict[str, str]]) -> list[int]:
        return codec.encode(codec.render(conversation))

    return {
        "gguf": str(gguf),
        "folder": str(weights),
        "openvino": {
            "as read": str(convert(gguf, folder / "openvino-as-read", mended=False)),
            "": str(convert(gguf, folder / "openvino")),
        },
        "onnx": {kind: str(folder / f"onnx-{kind}") for kind in ("int4", "fp32")},
        "ends": sorted(codec.ends),
        "prompts": [encode(conversation) for conversation in asked],
        "long": [encode(conversation) for conversation in long],
        "short": encode([_system(SYSTEM), _user("Hello")]),
        "turn": codec.encode("<|im_end|>\n<|im_start|>user\nAnd then?<|im_end|>\n<|im_start|>assistant\n"),
        "repeats": 1 if arguments.quick else 3,
        "new_tokens": 8 if arguments.quick else 64,
        "answer_tokens": 8 if arguments.quick else 48,
        "answer_threads": max(arguments.threads),
    }


def build_onnx(plan: dict[str, Any]) -> None:
    """Make the ONNX models once, with onnxruntime-genai's own builder."""
    for kind, target in plan["onnx"].items():
        if Path(target, "genai_config.json").is_file():
            continue
        command = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-m", plan["folder"], "-o", target]
        cache = str(Path(target).with_suffix(".cache"))
        done = subprocess.run(
            [*command, "-p", kind, "-e", "cpu", "-c", cache], capture_output=True, text=True, check=False
        )
        if done.returncode:
            print(f"onnxruntime {kind}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)


def measure(name: str, threads: int, plan: dict[str, Any], python: str) -> dict[str, Any]:
    """Run a worker; its result, or `{"skipped": why}`."""
    command = [python, str(Path(__file__).resolve()), "--worker", name, "--threads", str(threads)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
    message = json.dumps(plan | {"started": time.time()})
    done = subprocess.run(command, input=message, env=environment, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return {"skipped": " ".join(done.stderr.strip().splitlines()[-1:]) or f"exit {done.returncode}"}
    result: dict[str, Any] = json.loads(lines[-1])
    return result


def agreement(answers: list[list[int]], reference: list[list[int]]) -> dict[str, float]:
    """How far greedy answers are the reference's: share of its tokens up to where they part, and share equal."""
    same = [a == r for a, r in zip(answers, reference, strict=True)]
    shares = []
    for answer, wanted in zip(answers, reference, strict=True):
        common = 0
        while common < min(len(answer), len(wanted)) and answer[common] == wanted[common]:
            common += 1
        shares.append(1.0 if answer == wanted else common / max(len(wanted), 1))
    return {"tokens_until_parting": statistics.mean(shares), "equal_answers": statistics.mean(same), "n": len(same)}


COLUMNS = (
    ("cold first token s", "cold_first_token_s", "{:.2f}"),
    ("first token s", "alone_first_s", "{:.2f}"),
    ("next turn s", "alone_next_turn_s", "{:.3f}"),
    ("tok/s", "alone_tokens_per_s", "{:.0f}"),
    ("first token s, busy", "busy_first_s", "{:.2f}"),
    ("tok/s, busy", "busy_tokens_per_s", "{:.0f}"),
    ("peak MB", "peak_mb", "{:.0f}"),
)


def table(rows: list[dict[str, Any]], base: dict[str, Any] | None = None) -> str:
    """The rows as Markdown; with `base`, as multiples of it."""
    heads = ["engine", "threads", *(head for head, _, _ in COLUMNS)] + (
        [] if base else ["tokens until parting", "equal"]
    )
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    for row in rows:
        cells = [row["engine"], str(row["threads"])]
        for _, key, form in COLUMNS:
            value = row.get(key)
            cells.append("–" if value is None else f"{value / base[key]:.2f}×" if base else form.format(value))
        if not base:
            found = row.get("agreement")
            cells += [f"{found[k]:.0%}" if found else "" for k in ("tokens_until_parting", "equal_answers")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def compare(arguments: argparse.Namespace) -> int:
    """Measure every engine, print the tables, write the JSON."""
    plan = plan_of(arguments)
    build_onnx(plan)
    rows: list[dict[str, Any]] = []
    for name in arguments.engines:
        python = arguments.llamacpp_python if name == "llama.cpp" else sys.executable
        for threads in arguments.threads:
            print(f"{name}, {threads} threads …", file=sys.stderr, flush=True)
            result = measure(name, threads, plan, python)
            if "skipped" in result:
                print(f"  skipped: {result['skipped']}", file=sys.stderr)
                continue
            rows.append({"engine": name, "threads": threads, **result})
    reference = next((r["answers"] for r in rows if r["engine"] == REFERENCE and "answers" in r), None)
    for row in rows:
        answers = row.pop("answers", None)
        if answers and reference:
            row["agreement"] = agreement(answers, reference)
    base = next((row for row in rows if row["engine"] == REFERENCE and row["threads"] == max(arguments.threads)), None)
    print(table(rows))
    if base:
        print(f"\nAs multiples of {REFERENCE} with {base['threads']} threads, in the same run:\n")
        print(table(rows, base))
    if arguments.json:
        about = {"machine": machine(), "quick": arguments.quick, "rows": rows}
        Path(arguments.json).write_text(json.dumps(about, indent=1), encoding="utf-8")
    return 0 if rows else 1


def machine() -> dict[str, Any]:
    """What the run was made on."""
    from importlib.metadata import PackageNotFoundError, version

    packages = {}
    for name in ("torch", "transformers", "openvino-genai", "onnxruntime-genai"):
        with contextlib.suppress(PackageNotFoundError):
            packages[name] = version(name)
    model = ""
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
    } | packages


def main() -> int:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a dry run: few prompts, few tokens")
    parser.add_argument("--json", default="", help="write every number there")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=ENGINES)
    parser.add_argument("--llamacpp-python", default=sys.executable, help="an interpreter that has llama-cpp-python")
    parser.add_argument("--worker", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(work(arguments.worker, arguments.threads[0], json.load(sys.stdin))))
        return 0
    return compare(arguments)


if __name__ == "__main__":
    sys.exit(main())
