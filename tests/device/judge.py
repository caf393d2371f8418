#!/usr/bin/env python3
"""judge.py DIR CHECK_PLIST: every property list that `device --keep DIR` has kept, judged by check_plist.py.

A file is named by its schema and the time, "response:DeviceInformation.1790000000000000000.4711-0".  What is wrong is
printed with its file; exit 1 when anything is, or when nothing was kept.
"""
import contextlib
import importlib.util
import io
import os
import sys


def main():
    directory, path = sys.argv[1:3]
    spec = importlib.util.spec_from_file_location("check_plist", path)
    judge = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(judge)
    store = judge.Store()		# the schema is read once
    judge.Store = lambda: store
    # Its list of keys has one dictionary more in ConsentText than Apple's own sentence (docs/payloads.md).
    top = store.get("mdm/profiles/TopLevel.yaml")["payloadkeys"]
    next(k for k in top if k["key"] == "ConsentText")["subkeys"] = [{"key": "ANY", "type": "<string>"}]
    bad = seen = 0
    for name in sorted(os.listdir(directory)):
        schema = name.rsplit(".", 2)[0]
        said = io.StringIO()
        sys.argv = [path, "--quiet", "--enrollment", "supervised", schema, os.path.join(directory, name)]
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            rc = judge.main()
        seen += 1
        if rc != 0:
            bad += 1
            print("%s:\n%s" % (name, said.getvalue().strip()))
    print("%d judged, %d wrong" % (seen, bad))
    return 1 if bad or not seen else 0


sys.exit(main())
