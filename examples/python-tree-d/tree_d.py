#!/usr/bin/env python3
"""A tree_d processor in plain Python: the protocol, and nothing else that is needed.

    [[processors.tree_d]]
    bin = "python3"
    args = ["/path/to/tree_d.py"]
"""
import hashlib
import json
import os
import shutil
import sys
import threading

STAGE = "tree_d"
# The parent understands progress only when it says so; any other parent would take it for an answer.
PROGRESS = os.environ.get("SEALYARD_PROCESSOR_PROGRESS") == "1"
NODE = 32
CHUNK = 1 << 20
stdout_lock = threading.Lock()


def say(frame):
    """One line on stdout is one JSON document. Requests run in threads, so lines are written one at a time."""
    with stdout_lock:
        sys.stdout.write(json.dumps(frame) + "\n")
        sys.stdout.flush()


def build_tree(staged_file, cache_dir, progress):
    """The leaves, then each layer of hashes above them, in one file that gets its name when it is complete."""
    size = os.path.getsize(staged_file)
    if size < NODE or size & (size - 1):
        raise ValueError(f"{staged_file} has {size} bytes, which is no sector size")
    os.makedirs(cache_dir, exist_ok=True)
    path = os.path.join(cache_dir, "sc-02-data-tree-d.dat")
    with open(staged_file, "rb") as staged, open(path + ".part", "w+b") as tree:
        shutil.copyfileobj(staged, tree, CHUNK)
        start, length = 0, size
        while length > NODE:
            for at in range(0, length, CHUNK):
                tree.seek(start + at)
                nodes = tree.read(min(CHUNK, length - at))
                tree.seek(start + length + at // 2)
                tree.write(b"".join(parent(nodes[i:i + 2 * NODE]) for i in range(0, len(nodes), 2 * NODE)))
            start, length = start + length, length // 2
            progress(start / (2 * size), "tree")
        os.fsync(tree.fileno())
    os.replace(path + ".part", path)


def parent(pair):
    """SHA-256 cut to 254 bits, so that it is an element of the field."""
    digest = bytearray(hashlib.sha256(pair).digest())
    digest[31] &= 0x3F
    return bytes(digest)


def work(request_id, task):
    def progress(done, step):
        if PROGRESS:
            say({"id": request_id, "progress": {"done": done, "step": step}})

    try:
        build_tree(task["staged_file"], task["cache_dir"], progress)
        say({"id": request_id, "err_msg": None, "output": True})
    except Exception as error:  # whatever it is, the parent waits for an answer
        say({"id": request_id, "err_msg": f"{type(error).__name__}: {error}", "output": None})


def main():
    print(f"{STAGE} processor ready", flush=True)
    for line in sys.stdin.buffer:
        if not line.strip():
            continue
        try:
            request = json.loads(line)
            request_id, task = request["id"], request.get("task")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            print(f"not a request: {error}: {line[:100]!r}", file=sys.stderr, flush=True)
            continue
        threading.Thread(target=work, args=(request_id, task), daemon=True).start()
    os._exit(1)  # stdin is closed: the parent is gone, and nobody wants what still runs


main()
