#!/usr/bin/env python3
"""Members of scripts/soak.sh for what `ringswitch simulate` does not play.

A terminal, a host that is guarded and a host whose lines are rebuilt together. Round by round:

- guard     a few requests; one answer of them has another's trace number and must reach nobody
- resend    a line that was asked over is not read and then reset: what its TCP had not
            acknowledged must come over its sibling, from some answer on without a gap
- rebuild   one line of the group is closed: the other one must be closed, too, and both come back

Ends by SIGINT with a report on standard output, in the words of the simulator's.
"""

import json
import signal
import socket
import struct
import sys
import time

TERMINAL, TERMINAL_TOO, GUARDED, REBUILT, REBUILT_TOO = (int(port) for port in sys.argv[1:6])
GUARDED_NII, REBUILT_NII = 0x0004, 0x0005
PATIENCE = 15.0
# Fields 11 and 41.
BITMAP = bytes([0, 0x20, 0, 0, 0, 0x80, 0, 0])
ROUND_FRAMES, RESEND_FRAMES = 20, 200

stopping = False


def stop(*_):
    global stopping
    stopping = True


signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)


class Line:
    """One connection to a line of the switch, with the length prefix of its profile."""

    def __init__(self, port, digits, receive_buffer=None):
        self.digits, self.bytes = digits, b""
        until = time.monotonic() + PATIENCE
        while True:
            self.socket = socket.socket()
            if receive_buffer:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            try:
                self.socket.connect(("127.0.0.1", port))
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return
            except OSError:
                self.socket.close()
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def send(self, frames):
        prefix = (lambda frame: b"%04d" % len(frame)) if self.digits else (lambda frame: struct.pack(">H", len(frame)))
        self.socket.sendall(b"".join(prefix(frame) + frame for frame in frames))

    def receive(self, within=PATIENCE):
        """The next frame that is no probe; None at the end of the stream; TimeoutError."""
        until = time.monotonic() + within
        size = 4 if self.digits else 2
        while True:
            if len(self.bytes) >= size:
                length = int(self.bytes[:4]) if self.digits else struct.unpack(">H", self.bytes[:2])[0]
                if len(self.bytes) >= size + length:
                    frame, self.bytes = self.bytes[size : size + length], self.bytes[size + length :]
                    if length:
                        return frame
                    continue
            self.socket.settimeout(max(until - time.monotonic(), 0.001))
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                return None
            if not more:
                return None
            self.bytes += more

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def bcd(number):
    return bytes.fromhex("%06d" % (number % 1_000_000))


def request(nii, serial, size=60):
    head = struct.pack(">BHH", 0x60, nii, 0x1234) + b"\x02\x00" + BITMAP + bcd(serial) + b"%08d" % 77
    return head + b"%010d" % serial + b"x" * size


def answer(frame, trace=None):
    kind, destination, source = struct.unpack(">BHH", frame[:5])
    data = frame[5:7].replace(b"\x02\x00", b"\x02\x10") + frame[7:]
    if trace is not None:
        data = data[:10] + bcd(trace) + data[13:]
    return struct.pack(">BHH", kind, source, destination) + data


def serial_of(frame):
    return int(frame[26:36])


counts = dict.fromkeys(["sent", "answered", "lost", "wrong", "duplicates", "late"], 0)
rounds = dict.fromkeys(["guard", "resend", "rebuild"], 0)
planted_guard = resent = 0
serial = 0


def take(line, expected, what):
    """The answers to the serials in `expected`, whatever their order; what is missing is lost."""
    missing = set(expected)
    try:
        while missing:
            frame = line.receive()
            if frame is None:
                break
            if serial_of(frame) in missing and frame[5:7] == b"\x02\x10" and frame[1:3] == b"\x12\x34":
                missing.discard(serial_of(frame))
                counts["answered"] += 1
            else:
                counts["wrong"] += 1
                print(f"{what}: nobody asked for {frame.hex()}", file=sys.stderr)
    except TimeoutError:
        pass
    if missing:
        counts["lost"] += len(missing)
        print(f"{what}: {len(missing)} of {len(expected)} answers are missing", file=sys.stderr)


def ask(line, nii, number, size=60):
    global serial
    serials = list(range(serial + 1, serial + number + 1))
    serial += number
    line.send([request(nii, each, size) for each in serials])
    counts["sent"] += number
    return serials


def guard_round(terminal, host):
    global planted_guard
    asked = ask(terminal, GUARDED_NII, ROUND_FRAMES)
    came = [host.receive() for _ in asked]
    planted = came[len(came) // 2]
    host.send([answer(frame, serial_of(frame) + 1 if frame is planted else None) for frame in came])
    planted_guard += 1
    # The one that was planted is no loss of the switch's.
    counts["sent"] -= 1
    take(terminal, [each for each in asked if each != serial_of(planted)], "guard")


def resend_round(terminal, host):
    global resent
    broken = Line(TERMINAL_TOO, False, receive_buffer=4096)
    asked = ask(broken, GUARDED_NII, RESEND_FRAMES, size=900)
    host.send([answer(host.receive()) for _ in asked])
    time.sleep(0.3)
    broken.reset()
    # From one answer on all; those before were acknowledged by the line that is gone.
    seen = []
    while not seen or seen[-1] != asked[-1]:
        try:
            frame = terminal.receive()
        except TimeoutError:
            frame = None
        if frame is None:
            break
        seen.append(serial_of(frame))
    gaps = len(asked) - asked.index(seen[0]) - len(seen) if seen and seen[0] in asked else len(asked)
    counts["lost"] += max(gaps, 0)
    counts["duplicates"] += len(seen) - len(set(seen))
    counts["answered"] += len(asked) - max(gaps, 0)
    resent += len(set(seen))
    if gaps:
        print(f"resend: {gaps} answers are missing behind {seen[:1]}", file=sys.stderr)


def rebuild_round(terminal, lines):
    lines[0].socket.close()
    try:
        if lines[1].receive() is not None:
            counts["wrong"] += 1
            print("rebuild: a frame instead of the end of the line", file=sys.stderr)
    except TimeoutError:
        counts["wrong"] += 1
        print("rebuild: the other line of the group was not closed", file=sys.stderr)
    lines[1].socket.close()
    time.sleep(0.2)
    return [Line(REBUILT, True), Line(REBUILT_TOO, True)]


def rebuilt_answers(terminal, lines):
    """Whichever of its lines a request takes, the group answers."""
    asked = ask(terminal, REBUILT_NII, 2)
    left = len(asked)
    until = time.monotonic() + PATIENCE
    while left and time.monotonic() < until:
        for line in lines:
            try:
                frame = line.receive(within=0.05)
            except TimeoutError:
                continue
            if frame is not None:
                line.send([answer(frame)])
                left -= 1
    take(terminal, asked, "rebuild")


def main():
    terminal, host = Line(TERMINAL, False), Line(GUARDED, True)
    rebuilt = [Line(REBUILT, True), Line(REBUILT_TOO, True)]
    time.sleep(0.5)
    number = 0
    while not stopping:
        guard_round(terminal, host)
        rounds["guard"] += 1
        if number % 5 == 1:
            resend_round(terminal, host)
            rounds["resend"] += 1
        if number % 5 == 3:
            rebuilt = rebuild_round(terminal, rebuilt)
            time.sleep(0.5)
            rebuilt_answers(terminal, rebuilt)
            rounds["rebuild"] += 1
        number += 1
        time.sleep(1)
    report = {**counts, "rounds": rounds, "planted": planted_guard, "resent": resent}
    print(json.dumps(report))


main()
