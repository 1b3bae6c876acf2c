"""`crossroads doctor`: what is there, what is missing, what that costs and what cures it."""

from __future__ import annotations

from assistant.cli.common import Home, Json, Set, settings_for
from assistant.cli.output import put, put_json


def doctor(home: Home = None, set_: Set = None, as_json: Json = False) -> int:
    """Look at models, engine, store, device, keys, disk and service. Exit code 1 where a need is unmet.

    Example: crossroads doctor
    """
    from assistant.doctor import examine

    report = examine(settings_for(home, set_))
    if as_json:
        put_json(report)
        return 0 if report["ok"] else 1
    for check in report["checks"]:
        mark = "ok     " if check["ok"] else ("MISSING" if check["needed"] else "without")
        put(f"{mark}  {check['name']}: {check['detail']}")
        if not check["ok"]:
            put(f"         costs you: {check['costs']}")
            put(f"         cure:      {check['cure']}")
    store = report["store"]
    put(f"\nstore: {store['kind']} {store['version']}, {store['documents']} documents, {store['chunks']} passages")
    put("models: " + ", ".join(f"{role} {name}" for role, name in report["models"].items() if name))
    put(f"device: {report['device']}")
    return 0 if report["ok"] else 1
