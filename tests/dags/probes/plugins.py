"""Start Airflow's plugin manager and its provider manager, and write down what they loaded.

Usage: plugins.py ANSWER FOLDER. The folder is where our modules may come from.
"""

import json
import queue
import sys
from pathlib import Path
from typing import Any

from airflow import plugins_manager
from airflow.providers_manager import ProvidersManager


def main(answer: Path, folder: Path) -> None:
    """Start both, then write."""
    found, import_errors = plugins_manager._get_plugins()
    after_plugins = modules_from(folder)
    facts = {
        "plugins": [one.name for one in found],
        "import_errors": {str(key): text for key, text in import_errors.items()},
        "modules": after_plugins,
        "queue_is_ours": not (sys.modules["queue"] is queue and _is_from_python(queue)),
        "xero": xero_form(ProvidersManager()),
    }
    answer.write_text(json.dumps(facts), encoding="utf-8")


def modules_from(folder: Path) -> dict[str, str]:
    """Return the loaded modules whose file is in the folder."""
    files = {name: getattr(module, "__file__", None) for name, module in [*sys.modules.items()]}
    return {
        name: file
        for name, file in files.items()
        if name != "__main__" and file and Path(file).is_relative_to(folder)
    }


def xero_form(manager: ProvidersManager) -> dict[str, Any]:
    """Return what Airflow's connection form shows for the type `xero`."""
    form = next(
        one
        for one in manager.iter_connection_type_hook_ui_metadata()
        if one.connection_type == "xero"
    )
    hook = manager.hooks["xero"]
    prefix = "extra__xero__"
    return {
        "package": hook.package_name if hook else None,
        "hook_class": hook.hook_class_name if hook else None,
        "is_testable": bool(hook and hook.connection_testable),
        "name": form.hook_name,
        "behaviour": form.field_behaviour,
        "fields": {
            key.removeprefix(prefix): widget.field["schema"]["title"]
            for key, widget in manager.connection_form_widgets.items()
            if key.startswith(prefix)
        },
    }


def _is_from_python(module: Any) -> bool:
    return Path(module.__file__).is_relative_to(sys.base_prefix)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
