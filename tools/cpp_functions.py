"""cpp_functions.py - finds the functions of a C++ source and their length, without being a compiler.

It reads text whose comments and strings are blank already (source_tree), follows braces and parentheses, and decides by
what stands before a brace whether it opens a namespace, a class, an initialiser or a function. It is exact for code as
clang-format writes it; macros that hold half a brace would mislead it.
"""

import re
from dataclasses import dataclass

# A switch that fills this share of a function makes it "one flat switch".
FLAT_SHARE = 0.8
# Braces below a flat switch: its own and those of a case.
FLAT_DEPTH = 2

BRACE = re.compile(r"[{}();]")
ATTRIBUTE = re.compile(r"\[\[.*?\]\]|\balignas\s*\([^()]*\)|__attribute__\s*\(\(.*?\)\)", re.S)
OPERATOR = re.compile(r"\boperator\s*(\(\s*\)|\[\s*\]|[^\s\w(]+|\"\"\s*\w+|\w+)")
LAMBDA = re.compile(r"\]\s*(\([^{}]*\))?\s*(mutable|noexcept|->\s*[\w:<>&*\s]+|\s)*$", re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)


@dataclass
class Function:
    name: str
    first_line: int
    last_line: int
    is_flat_switch: bool

    @property
    def lines(self):
        return self.last_line - self.first_line + 1


@dataclass
class Scope:
    kind: str  # namespace, class, initialiser, function
    head: str
    head_start: int
    opened: int


def without_parentheses(text):
    """The text with every parenthesised part emptied, so that a default argument's `=` does not count."""
    kept, depth = [], 0
    for letter in text:
        depth -= letter == ")" and depth > 0
        if depth == 0:
            kept.append(letter)
        depth += letter == "("
    return "".join(kept)


def kind_of(head, parentheses):
    """What a brace opens, judged by the text since the last statement ended."""
    if parentheses > 0:
        return "function" if LAMBDA.search(head) else "initialiser"
    plain = OPERATOR.sub("operator", ATTRIBUTE.sub(" ", head)).strip()
    plain = re.sub(r"\b(public|private|protected)\s*:", " ", plain).strip()
    if re.search(r"\bnamespace\b", plain) or re.fullmatch(r'extern\s*"_*"', plain):
        return "namespace"
    declared = re.sub(r"^\s*template\s*<.*?>\s*(?=class|struct|union|enum)", "", plain, flags=re.S)
    if re.match(r"(typedef\s+|static\s+|constexpr\s+|const\s+|inline\s+)*enum\b", declared):
        return "class"
    if re.match(r"(typedef\s+|static\s+|constexpr\s+|const\s+|inline\s+)*(class|struct|union)\b[^()=]*$", declared):
        return "class"
    if LAMBDA.search(plain) and "]" in plain:
        return "function"
    if "(" not in plain or re.search(r"(^|[^=!<>])=([^=]|$)", without_parentheses(plain)):
        return "initialiser"
    # `Foo::Foo() : a_{1} {`: a member's name before the brace, after the colon that opens the list.
    listed = re.search(r"\)[\s\w]*:(?!:)", plain)
    if listed and not re.match(r"\{\}", plain[-2:]) and re.search(r"[\w>]$", plain):
        return "initialiser"
    return "function"


def name_of(head):
    """The qualified name before the first parenthesis, or the test's names for TEST(Suite, Case). Never with blanks."""
    plain = ATTRIBUTE.sub(" ", head)
    test = re.search(r"\b(?:TYPED_)?TEST(?:_[FP])?\s*\(\s*(\w+)\s*,\s*(\w+)", plain)
    if test:
        return f"{test.group(1)}.{test.group(2)}"
    named = re.search(r"((?:[\w~]+\s*(?:<[^<>()]*>)?::\s*)*(?:operator\s*[^\s\w(]+|operator\s*\(\s*\)|operator\s+[\w:]+|~?\w+))\s*\(", plain)
    return re.sub(r"\s+", "", named.group(1)) if named else "lambda"


def is_flat_switch(body):
    """Whether a body (without its braces) is a switch that only lists cases, with a few lines around it."""
    found = re.search(r"\bswitch\s*\(", body)
    if not found:
        return False
    depth, deepest, end = 0, 0, len(body)
    start = body.find("{", found.end())
    for match in re.finditer(r"[{}]", body[start:]):
        depth += 1 if match.group() == "{" else -1
        deepest = max(deepest, depth)
        if depth == 0:
            end = start + match.start()
            break
    share = body.count("\n", found.start(), end) / max(1, body.count("\n"))
    return share >= FLAT_SHARE and deepest <= FLAT_DEPTH


def functions(code):
    """The functions of `code` (comments and strings blank), in order; those inside others are part of them."""
    code = DIRECTIVE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), code)
    found, scopes = [], []
    # The text since the last statement ended is joined (from joined_start on) and what follows head_start.
    parentheses, head_start, joined, joined_start = 0, 0, "", 0
    inside = 0  # depth of braces inside the function being read; its end is what matters
    for match in BRACE.finditer(code):
        token, at = match.group(), match.start()
        if inside:
            inside += {"{": 1, "}": -1}.get(token, 0)
            if inside == 0:
                scope = scopes.pop()
                first = code.count("\n", 0, scope.head_start) + 1
                last = code.count("\n", 0, at) + 1
                flat = is_flat_switch(code[scope.opened + 1 : at])
                found.append(Function(name_of(scope.head), first, last, flat))
                head_start, joined = at + 1, ""
                parentheses = 0
            continue
        if token == "(":
            parentheses += 1
        elif token == ")":
            parentheses = max(0, parentheses - 1)
        elif token == ";":
            if parentheses == 0:
                head_start, joined = at + 1, ""
        elif token == "{":
            text = joined + code[head_start:at]
            kind = kind_of(text, parentheses)
            begin = head_start if not joined else joined_start
            visible = begin + len(code[begin:at]) - len(code[begin:at].lstrip())
            label = re.match(r"((?:public|private|protected)\s*:\s*)+", code[visible:at])
            visible += label.end() if label else 0
            if kind == "function" and any(s.kind == "initialiser" for s in scopes):
                visible = code.rfind("[", 0, at)  # a lambda in a table begins with its captures
            scopes.append(Scope(kind, text, visible, at))
            if kind == "function":
                inside = 1
            elif kind == "initialiser":
                joined_start, joined = begin, text + "{"
                head_start = at + 1
            else:
                head_start, joined, parentheses = at + 1, "", 0
        elif token == "}":
            scope = scopes.pop() if scopes else None
            if scope and scope.kind == "initialiser":
                joined, joined_start = scope.head + "{}", scope.head_start
                head_start = at + 1
            else:
                head_start, joined, parentheses = at + 1, "", 0
    return found
