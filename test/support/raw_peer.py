"""A peer that reads and writes with the bare system calls, in two threads that do not know of each other. `node:net` cannot be one: libuv
takes bytes followed by a reset for bytes followed by a FIN (a short read and POLLHUP), and gives up reading when a write has failed.

  raw_peer.py connect PORT | listen   [--send BYTES] [--endless] [--fin] [--pause-at COUNT]…
                                  [--receive-buffer BYTES] [--urgent]

Prints lines: `listening PORT`, `connected`, `paused` (it reads on after a line on stdin), and at the end one JSON object: bytes, sha256,
ending (`fin` or the errno's name), wrote, writeError."""
import argparse, errno, hashlib, json, socket, sys, threading

args = argparse.ArgumentParser()
args.add_argument("how", choices=["connect", "listen"])
args.add_argument("port", type=int, nargs="?", default=0)
args.add_argument("--send", type=int, default=0)
args.add_argument("--endless", action="store_true")
args.add_argument("--fin", action="store_true")
args.add_argument("--urgent", action="store_true")  # abc, an urgent byte, def: before all else
args.add_argument("--pause-at", type=int, action="append", default=[])
args.add_argument("--receive-buffer", type=int)
args = args.parse_args()


def say(line):
    print(line, flush=True)


if args.how == "listen":
    listener = socket.create_server(("127.0.0.1", 0))
    say(f"listening {listener.getsockname()[1]}")
    peer = listener.accept()[0]
    listener.close()
else:
    peer = socket.socket()
    if args.receive_buffer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, args.receive_buffer)
    peer.connect(("127.0.0.1", args.port))
say("connected")
wrote, write_error = 0, None


def write():
    global wrote, write_error
    try:
        if args.urgent:
            peer.send(b"abc")
            peer.send(b"!", socket.MSG_OOB)
            peer.send(b"def")
            wrote += 6
        while args.endless or wrote < args.send:
            wrote += peer.send(bytes(65536 if args.endless else min(65536, args.send - wrote)), socket.MSG_NOSIGNAL)
        if args.fin:
            peer.shutdown(socket.SHUT_WR)
    except OSError as error:
        write_error = errno.errorcode.get(error.errno)


writer = threading.Thread(target=write, daemon=True)
writer.start()
digest, count, ending = hashlib.sha256(), 0, "fin"
try:
    while True:
        if args.pause_at and count >= args.pause_at[0]:
            args.pause_at.pop(0)
            say("paused")
            sys.stdin.readline()
        piece = peer.recv(65536)
        if not piece:
            break
        digest.update(piece)
        count += len(piece)
except OSError as error:
    ending = errno.errorcode.get(error.errno)
writer.join(1 if args.endless else 10)
say(json.dumps({"bytes": count, "sha256": digest.hexdigest(), "ending": ending, "wrote": wrote, "writeError": write_error}))
