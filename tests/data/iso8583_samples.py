#!/usr/bin/env python3
"""Makes iso8583_samples.txt with pyiso8583, an encoder that shares nothing with the switch.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install pyiso8583==4.0.1
    /tmp/venv/bin/python tests/data/iso8583_samples.py > tests/data/iso8583_samples.txt

Of each number there are a request, its answer, and a stranger: an answer that differs from the
right one in one part of the key. pyiso8583 refuses packed fields of variable length with an odd
number of digits, so those of `pos` are even here; the odd ones are in the switch's unit tests.
"""

import copy
import random

import iso8583
from iso8583.specs import default

NUMBER, TEXT, AMOUNT = "number", "text", "amount"

# field: (kind, digits or characters, digits of the length in front)
FIELDS = {
    2: (NUMBER, 19, 2), 3: (NUMBER, 6, 0), 4: (NUMBER, 12, 0), 5: (NUMBER, 12, 0), 6: (NUMBER, 12, 0),
    7: (NUMBER, 10, 0), 8: (NUMBER, 8, 0), 9: (NUMBER, 8, 0), 10: (NUMBER, 8, 0), 11: (NUMBER, 6, 0),
    12: (NUMBER, 6, 0), 13: (NUMBER, 4, 0), 14: (NUMBER, 4, 0), 15: (NUMBER, 4, 0), 16: (NUMBER, 4, 0),
    17: (NUMBER, 4, 0), 18: (NUMBER, 4, 0), 19: (NUMBER, 3, 0), 20: (NUMBER, 3, 0), 21: (NUMBER, 3, 0),
    22: (NUMBER, 3, 0), 23: (NUMBER, 3, 0), 24: (NUMBER, 3, 0), 25: (NUMBER, 2, 0), 26: (NUMBER, 2, 0),
    27: (NUMBER, 1, 0), 28: (AMOUNT, 9, 0), 29: (AMOUNT, 9, 0), 30: (AMOUNT, 9, 0), 31: (AMOUNT, 9, 0),
    32: (NUMBER, 11, 2), 33: (NUMBER, 11, 2), 34: (TEXT, 28, 2), 35: (NUMBER, 37, 2), 36: (NUMBER, 104, 3),
    37: (TEXT, 12, 0), 38: (TEXT, 6, 0), 39: (TEXT, 2, 0), 40: (TEXT, 3, 0), 41: (TEXT, 8, 0), 42: (TEXT, 15, 0),
    43: (TEXT, 40, 0), 48: (TEXT, 120, 3), 49: (TEXT, 3, 0), 53: (NUMBER, 16, 0), 60: (TEXT, 40, 3),
    70: (NUMBER, 3, 0), 90: (NUMBER, 42, 0), 100: (NUMBER, 11, 2),
}

KEYS = {"cups": [7, 11, 32, 33], "hex": [7, 11, 32, 33], "pos": [11, 41, 42]}
NETWORK_KEYS = {"cups": [7, 11], "hex": [7, 11], "pos": [11, 41, 42]}


def spec_of(dialect):
    spec = copy.deepcopy(default)
    packed = dialect == "pos"
    spec["t"]["data_enc"] = "b" if packed else "ascii"
    spec["t"]["max_len"] = 2 if packed else 4
    for bitmap in ("p", "1"):
        spec[bitmap]["data_enc"] = "ascii" if dialect == "hex" else "b"
        spec[bitmap]["max_len"] = 16 if dialect == "hex" else 8
    for field, (kind, most, length_digits) in FIELDS.items():
        pack = packed and kind != TEXT
        one = spec[str(field)]
        one["data_enc"] = "b" if pack else "ascii"
        one["len_enc"] = "bcd" if packed else "ascii"
        one["len_type"] = (length_digits + 1) // 2 if packed else length_digits
        one["max_len"] = most
        if pack:
            one["max_len"] = (most + 1) // 2 + (kind == AMOUNT)
            if length_digits:
                one["len_count"] = "nibbles"
                one["max_len"] = most // 2 * 2
            if kind == AMOUNT:
                one["max_len"] = 5
    return spec


def value(dice, field, dialect):
    kind, most, length_digits = FIELDS[field]
    packed = dialect == "pos"
    length = dice.randint(1, most) if length_digits else most
    if kind == TEXT:
        return "".join(dice.choice("ABCXYZ019 ") for _ in range(length))
    digits = lambda count: "".join(dice.choice("0123456789") for _ in range(count))
    if kind == AMOUNT:
        return "43" + digits(8) if packed else "C" + digits(8)
    if packed and length_digits:
        return digits(max(2, length // 2 * 2))
    if packed and length % 2:
        return digits(length) + "0" if field == 22 else "0" + digits(length)
    return digits(length)


def message(dice, dialect, message_type, fields):
    document = {"t": message_type}
    for field in fields:
        document[str(field)] = value(dice, field, dialect)
    return document


def line(name, dialect, document):
    raw, _ = iso8583.encode(document, spec_of(dialect))
    keys = (NETWORK_KEYS if document["t"][1] == "8" else KEYS)[dialect]
    shown = ",".join(f"{field}={document[str(field)]}" for field in keys if str(field) in document)
    present = " ".join(sorted((key for key in document if key.isdigit() and key != "1"), key=int))
    print(f"{name} | {dialect} | {document['t']} | {present} | {shown} | {raw.hex()}")


def main():
    dice = random.Random(8583)
    print("# Made by iso8583_samples.py with pyiso8583 4.0.1: do not edit.")
    print("# name | dialect | type | fields | key fields | message in hex")
    for dialect in KEYS:
        for number in range(16):
            function_class = dice.choice(["01", "02", "02", "04", "08"])
            request_type = dice.choice("01") + function_class[1] + dice.choice("02") + dice.choice("01")
            keys = (NETWORK_KEYS if request_type[1] == "8" else KEYS)[dialect]
            carried = [field for field in keys if field == 11 or dice.random() < 0.8]
            others = [field for field in FIELDS if field not in KEYS[dialect]]
            pick = lambda: carried + dice.sample(others, dice.randint(0, 14))
            request = message(dice, dialect, request_type, pick())
            answer_type = request_type[:2] + str(int(request_type[2]) + 1) + "0"
            answer = message(dice, dialect, answer_type, pick())
            stranger = None
            for field in carried:
                answer[str(field)] = request[str(field)]
            stranger = copy.deepcopy(answer)
            if number % 4 == 0:
                # The reversal of a purchase carries its trace number: only the class differs.
                stranger["t"] = answer_type[0] + ("4" if answer_type[1] != "4" else "2") + answer_type[2:]
                for field in (32, 33):
                    stranger.pop(str(field), None) if answer_type[1] == "8" else None
            else:
                field = str(dice.choice(carried))
                while stranger[field] == answer[field]:
                    stranger[field] = value(dice, int(field), dialect)
            name = f"{dialect}-{number:02}"
            line(f"{name}-request", dialect, request)
            line(f"{name}-answer", dialect, answer)
            line(f"{name}-stranger", dialect, stranger)


if __name__ == "__main__":
    main()
