"""The two ends of an offloaded relay. `echo FIRST LAST …`: answers at these ports over UDP and TCP, IPv4 and IPv6, with "PORT SOURCE " before what came.
`ask KIND HOST PORT SOURCE TEXT …`: asks one after the other and prints what came back, or the error, as a JSON array; a SOURCE is - or ADDRESS or ADDRESS@PORT. `hold HOST PORT KIND …`: opens a
TCP connection, a UDP flow or both, and for each line of input asks them and prints what came back."""
import json, selectors, socket, sys

FAMILIES = ((socket.AF_INET, '0.0.0.0'), (socket.AF_INET6, '::'))

def echo(ranges):
    ready = selectors.DefaultSelector()
    for family, host in FAMILIES:
        for first, last in zip(ranges[::2], ranges[1::2]):
            for port in range(int(first), int(last) + 1):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    s = socket.socket(family, kind)
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    if family == socket.AF_INET6: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    s.bind((host, port))
                    if kind == socket.SOCK_STREAM: s.listen(100)
                    ready.register(s, selectors.EVENT_READ, ('udp' if kind == socket.SOCK_DGRAM else 'listener', port))
    print('ready', flush=True)
    while True:
        for key, _ in ready.select():
            kind, port = key.data
            if kind == 'udp':
                data, peer = key.fileobj.recvfrom(65535)
                key.fileobj.sendto(b'%d %s %s' % (port, peer[0].encode(), data), peer)
            elif kind == 'listener':
                one, peer = key.fileobj.accept()
                one.sendall(b'%d %s ' % (port, peer[0].encode()))
                ready.register(one, selectors.EVENT_READ, ('stream', port))
            else:
                try: data = key.fileobj.recv(1 << 20)
                except OSError: data = b''
                if data: key.fileobj.sendall(data)
                else:
                    ready.unregister(key.fileobj)
                    key.fileobj.close()

def opened(kind, host, port, source):
    s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_DGRAM if kind == 'udp' else socket.SOCK_STREAM)
    s.settimeout(1.5)
    if source != '-': s.bind((source.split('@')[0], int((source + '@0').split('@')[1])))
    s.connect(socket.getaddrinfo(host, int(port))[0][4]) # with the scope, where it has one
    return s

def answered(s, text):
    s.sendall(text.encode())
    data = b''
    while not data.endswith(text.encode()):
        more = s.recv(65536)
        if not more: return data.decode() + '(end)'
        data += more
    return data.decode()

def ask(kind, host, port, source, text):
    try:
        with opened(kind, host, port, source) as s: return answered(s, text)
    except OSError as error: return type(error).__name__

def hold(host, port, *kinds):
    both = [opened(kind, host, port, '-') for kind in kinds]
    for line in sys.stdin:
        said = []
        for s in both:
            try: said.append(answered(s, line.strip()))
            except OSError as error: said.append(type(error).__name__)
        print(json.dumps(said), flush=True)

what, *rest = sys.argv[1:]
if what == 'echo': echo(rest)
elif what == 'hold': hold(*rest)
else: print(json.dumps([ask(*rest[i:i + 5]) for i in range(0, len(rest), 5)]))
