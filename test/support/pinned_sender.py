"""From one CPU and many ports, one after the other: sends a datagram and awaits what comes back, or connects and awaits a byte of its own.

  pinned_sender.py CPU udp|tcp PORT COUNT"""
import os, socket, sys

cpu, net, port, count = sys.argv[1:]
os.sched_setaffinity(0, {int(cpu)})
answers = 0
for _ in range(int(count)):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if net == "udp" else socket.SOCK_STREAM) as peer:
        peer.settimeout(5)
        peer.connect(("127.0.0.1", int(port)))
        peer.send(b"x")
        answers += peer.recv(1) == b"x"
print(answers)
