"""Is a request one that can be answered? Judged before any model loads."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from assistant.records import Request
from graphs.answer import Path
from graphs.constrained import check_schema
from graphs.errors import UsageError

_SHOWN = 60
_UNREADABLE_SHARE = 20  # one replacement character in so many is text that was pasted badly; more is a binary file


def check_question(question: str, longest: int) -> None:
    """Raises `UsageError` for a message that is empty, binary or longer than `longest` characters."""
    if not question.strip():
        raise UsageError(f"The message {question[:_SHOWN]!r} is empty.", "Write a question.")
    if len(question) > longest:
        raise UsageError(
            f"The message has {len(question):,} characters; the most is {longest:,}.",
            "Shorten it, load it as a document and ask about it, or raise answering.max_question_chars.",
        )
    strange = [character for character in question if _is_binary(character)]
    if strange or question.count("\ufffd") > len(question) / _UNREADABLE_SHARE:
        first = strange[0] if strange else "\ufffd"
        raise UsageError(
            f"The message is no text: it holds characters such as {first!r}.",
            "Send text; a file is loaded with `crossroads ingest FILE`.",
        )


def check_path(request: Request, paths: Mapping[Path, str]) -> None:
    """Raises `UsageError` where the path asked for cannot be taken; `paths` maps each to why not, or to nothing."""
    if request.path == "auto" or (request.path == "rag" and request.contexts is not None):
        return
    why = paths.get(request.path)
    if why is None:
        raise UsageError(f"The path {request.path!r} cannot be asked for.", f"Choose auto or one of {_list(paths)}.")
    if why:
        open_paths = [path for path, reason in paths.items() if not reason]
        raise UsageError(
            f"The path {request.path!r} cannot be taken: {why}", f"Choose auto or one of {_list(open_paths)}."
        )


def check_form(request: Request) -> None:
    """Raises `UsageError` where the labels or the JSON schema of a request cannot be used."""
    if request.labels and request.form:
        raise UsageError("The request names labels and a schema.", "A text is sorted or extracted from: name one.")
    if len(set(request.labels)) != len(request.labels) or any(not label.strip() for label in request.labels):
        raise UsageError(f"The labels {request.labels!r} are empty or repeated.", "Name each label once.")
    if len(request.labels) == 1:
        raise UsageError(f"{request.labels[0]!r} is the only label.", "Name two labels or more.")
    if request.form and (wrong := check_schema(request.form)):
        raise UsageError(f"The schema cannot be used: {wrong}.", "Give a JSON schema of an object with properties.")


def check_whole(request: Request) -> None:
    """Raises `UsageError` where parts of the request contradict each other."""
    if request.history is not None and request.thread_id:
        raise UsageError(
            f"The request brings its own history and names the conversation {request.thread_id!r}.",
            "Send one of the two.",
        )
    if request.replace and not request.thread_id:
        raise UsageError(
            f"The request replaces the question {request.replace!r} of no conversation.", "Name its thread."
        )
    if request.answer_tokens is not None and not 1 <= request.answer_tokens <= 8192:
        raise UsageError(f"An answer of {request.answer_tokens!r} tokens cannot be written.", "Ask for 1 to 8192.")


def _is_binary(character: str) -> bool:
    """Control characters other than white space, and halves of a surrogate pair."""
    return (
        (character < " " and character not in "\t\n\r\f\v") or character == "\x7f" or "\ud800" <= character <= "\udfff"
    )


def _list(names: Collection[str]) -> str:
    return ", ".join(names)
