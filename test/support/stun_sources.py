"""Asks a STUN server once from each of COUNT addresses of 127.0.0.0/8, one after the other, and prints how many answers came back.

  stun_sources.py PORT FIRST COUNT"""
import ipaddress, os, socket, sys

port, first, count = map(int, sys.argv[1:])
base = int(ipaddress.ip_address("127.16.0.1"))
answers = 0
for i in range(first, first + count):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind((str(ipaddress.ip_address(base + i)), 0))
        peer.connect(("127.0.0.1", port))
        peer.settimeout(5)
        peer.send(bytes.fromhex("000100002112a442") + os.urandom(12))
        answers += peer.recv(100)[:2] == b"\x01\x01"
print(answers)
