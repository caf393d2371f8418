#!/usr/bin/env python3
"""judge.py DIR CHECK_PLIST: all that `device --keep DIR` has kept, judged by check_plist.py.

A file is named by its schema and the time, "response:DeviceInformation.1790000000000000000.4711-0".  One named
"apns.…" is a push and what the fake APNs (apns_keep.c) said to it: its payload is judged by check_plist.py, what is
around it here.  What is wrong is printed with its file; exit 1 when anything is, or when nothing was kept.
"""
import contextlib
import importlib.util
import io
import json
import os
import re
import sys

UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")

# What Apple answers (Handling notification responses from APNs).
REASONS = {
    400: "BadDeviceToken DeviceTokenNotForTopic MissingTopic BadTopic TopicDisallowed MissingDeviceToken BadPriority"
         " BadExpirationDate BadMessageId BadCollapseId DuplicateHeaders PayloadEmpty IdleTimeout InvalidPushType",
    403: "BadCertificate BadCertificateEnvironment Forbidden ExpiredProviderToken InvalidProviderToken MissingProviderToken",
    404: "BadPath",
    405: "MethodNotAllowed",
    410: "Unregistered ExpiredToken",
    413: "PayloadTooLarge",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable Shutdown",
}


def judge_request(push):
    """What Apple would not like in a push, but for its payload."""
    headers = push["headers"]
    if push["odd"]:
        yield push["odd"]
    if push["method"] != "POST":
        yield "%s, not POST" % push["method"]
    if not re.fullmatch(r"/3/device/([0-9a-f]{2}){32,}", push["path"]):
        yield "path %s" % push["path"]
    if not headers.get("apns-topic") or headers["apns-topic"] != push["certificate"]:
        yield "topic %s with a certificate of %s" % (headers.get("apns-topic"), push["certificate"])
    if headers.get("apns-push-type") != "mdm":
        yield "push type %s" % headers.get("apns-push-type")
    if headers.get("apns-priority") != "10":
        yield "priority %s" % headers.get("apns-priority")
    if not re.fullmatch(r"0|[1-9][0-9]{9}", headers.get("apns-expiration", "")):
        yield "expiration %s" % headers.get("apns-expiration")
    if "apns-id" in headers and not UUID.fullmatch(headers["apns-id"]):
        yield "id %s" % headers["apns-id"]


def judge_answer(push):
    """What Apple would not say."""
    if not UUID.fullmatch(push["answer_id"]):
        yield "answer with the id %s" % push["answer_id"]
    if push["status"] == 200:
        if push["answer"]:
            yield "200 with a body: %s" % push["answer"]
        return
    said = json.loads(push["answer"])
    if said.get("reason") not in REASONS.get(push["status"], "").split():
        yield "answer %d %s" % (push["status"], said.get("reason"))
    if (push["status"] == 410) != isinstance(said.get("timestamp"), int) or set(said) - {"reason", "timestamp"}:
        yield "answer %d with %s" % (push["status"], push["answer"])


def judge_push(judge, text):
    push = json.loads(text)
    wrong = list(judge_request(push))
    if judge("apns", push["body"].encode()) != 0 or set(json.loads(push["body"] or "{}")) - {"mdm"}:
        wrong.append("payload %s" % push["body"])
    wrong = wrong or list(judge_answer(push))	# a request that is wrong is answered as the fake likes
    print("\n".join(wrong))
    return 1 if wrong else 0


def main():
    directory, path = sys.argv[1:3]
    spec = importlib.util.spec_from_file_location("check_plist", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    store = module.Store()		# the schema is read once
    module.Store = lambda: store
    # Its list of keys has one dictionary more in ConsentText than Apple's own sentence (docs/payloads.md).
    top = store.get("mdm/profiles/TopLevel.yaml")["payloadkeys"]
    next(k for k in top if k["key"] == "ConsentText")["subkeys"] = [{"key": "ANY", "type": "<string>"}]

    def judge(schema, content):
        sys.argv = [path, "--quiet", "--enrollment", "supervised", schema, "-"]
        sys.stdin = io.TextIOWrapper(io.BytesIO(content))
        return module.main()

    bad = seen = 0
    for name in sorted(os.listdir(directory)):
        schema = name.rsplit(".", 2)[0]
        said = io.StringIO()
        with open(os.path.join(directory, name), "rb") as f:
            content = f.read()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            rc = judge_push(judge, content) if schema == "apns" else judge(schema, content)
        seen += 1
        if rc != 0:
            bad += 1
            print("%s:\n%s" % (name, said.getvalue().strip()))
    print("%d judged, %d wrong" % (seen, bad))
    return 1 if bad or not seen else 0


if __name__ == "__main__":
    sys.exit(main())
