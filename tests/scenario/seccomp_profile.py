"""seccomp_profile.py PROFILE PROGRAM [ARGUMENT...]: runs a program under a container runtime's seccomp profile.

It reads the part of the format that ours uses: names that are allowed or answered with an error, and masked comparisons
of arguments. Calls that this kernel's headers do not know are passed over, as runtimes do. x86-64 only.
"""

import json
import os
import re
import struct
import sys

from deny_uring import LOAD_WORD, JUMP_IF_EQUAL, RETURN, SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, install

HEADERS = ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h")
AND_CONSTANT = 0x54
EPERM = 1
ARGUMENTS_OFFSET = 16  # in struct seccomp_data


def numbers():
    for path in HEADERS:
        if os.path.exists(path):
            with open(path, encoding="ascii") as file:
                return {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", file.read())}
    raise FileNotFoundError(HEADERS[0])


def answer(rule, default):
    if rule["action"] == "SCMP_ACT_ALLOW":
        return SECCOMP_RET_ALLOW
    assert rule["action"] == "SCMP_ACT_ERRNO", rule
    return SECCOMP_RET_ERRNO | rule.get("errnoRet", default)


def compile_profile(profile):
    """One block for each call, which ends the program; the lower half of a compared argument must do."""
    known, program = numbers(), [(LOAD_WORD, 0, 0, 0)]
    for rule in profile["syscalls"]:
        for name in rule["names"]:
            if name not in known:
                continue
            block = []
            for one in rule.get("args", []):
                assert one["op"] == "SCMP_CMP_MASKED_EQ" and one["value"] < 1 << 32, one
                block += [(LOAD_WORD, 0, 0, ARGUMENTS_OFFSET + 8 * one["index"]), (AND_CONSTANT, 0, 0, one["value"]),
                          (JUMP_IF_EQUAL, 1, 0, one.get("valueTwo", 0)), (RETURN, 0, 0, SECCOMP_RET_ERRNO | EPERM)]
            block.append((RETURN, 0, 0, answer(rule, EPERM)))
            program += [(JUMP_IF_EQUAL, 0, len(block), known[name])] + block
    default = {"action": profile["defaultAction"], "errnoRet": profile.get("defaultErrnoRet", EPERM)}
    return program + [(RETURN, 0, 0, answer(default, EPERM))]


if __name__ == "__main__":
    with open(sys.argv[1], encoding="ascii") as text:
        instructions = compile_profile(json.load(text))
    install(b"".join(struct.pack("HBBI", *one) for one in instructions))
    os.execv(sys.argv[2], sys.argv[2:])
