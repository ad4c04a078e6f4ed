"""cpp_functions_test.py - which braces are functions, how they are called and how long they are."""

import unittest

import counted
import source_tree
from cpp_functions import functions

# (name, source, [(function, first line, lines)])
ROWS = [
    ("free", "int F() {\n  return 1;\n}\n", [("F", 1, 3)]),
    ("one line", "int F() { return 1; }\n", [("F", 1, 1)]),
    ("declaration", "int F();\n", []),
    ("qualified", "namespace a {\nvoid B::F(int x) const noexcept {\n}\n}\n", [("B::F", 2, 2)]),
    ("template", "template <typename T>\nT B<T>::F() {\n}\n", [("B<T>::F", 1, 3)]),
    ("in a class", "class A : public B {\n public:\n  A() {}\n  int x() const { return x_; }\n int x_ = 0;\n};\n", [("A", 3, 1), ("x", 4, 1)]),
    ("destructor", "A::~A() {\n}\n", [("A::~A", 1, 2)]),
    ("call operator", "bool A::operator()(int x) const {\n}\n", [("A::operator()", 1, 2)]),
    ("equality", "bool operator==(A a, A b) {\n}\n", [("operator==", 1, 2)]),
    ("conversion", "struct A {\n  explicit operator bool() const { return true; }\n};\n", [("operatorbool", 2, 1)]),
    ("member initialisers", "A::A(int x)\n    : a_{x}, b_(x) {\n  F();\n}\nint G() {\n}\n", [("A::A", 1, 4), ("G", 5, 2)]),
    ("all in parentheses", "A::A() : a_(1) {\n}\n", [("A::A", 1, 2)]),
    ("braced last", "A::A() : a_{1}, b_{2} {}\nint G() {}\n", [("A::A", 1, 1), ("G", 2, 1)]),
    ("default argument", "struct A {\n  void* F(int a, int b = sizeof(int)) {\n    if (a) {\n    }\n  }\n};\n", [("F", 2, 4)]),
    ("braced default", "void F(std::span<int> x = {}, int y = 0) {\n}\n", [("F", 1, 2)]),
    ("table", "const int kTable[] = {\n  1,\n  F(2),\n};\nint G() {\n}\n", [("G", 5, 2)]),
    ("table of lambdas", "const H kTable[] = {\n  {1, [](int x) {\n    return x;\n  }},\n};\nint G() {\n}\n", [("lambda", 2, 3), ("G", 6, 2)]),
    ("enum", "enum class E : uint8_t {\n  kA,\n};\nE F() {\n}\n", [("F", 4, 2)]),
    ("struct returned", "struct A* F() {\n}\n", [("F", 1, 2)]),
    ("attributed class", "struct alignas(64) A {\n  void F() {}\n};\n", [("F", 2, 1)]),
    ("anonymous namespace", "namespace {\nint F() {\n}\n}  // namespace\n", [("F", 2, 2)]),
    ("language linkage", 'extern "C" {\nint F() {\n}\n}\n', [("F", 2, 2)]),
    ("trailing return", "auto F(int x) -> std::vector<int> {\n}\n", [("F", 1, 2)]),
    ("test", "TEST(Slab, IsFull) {\n}\nTEST_F(A, B) {\n}\n", [("Slab.IsFull", 1, 2), ("A.B", 3, 2)]),
    ("braces in text", 'int F() {\n  return G("}{", \'}\', R"x(}})x");  // }\n}\n', [("F", 1, 3)]),
    ("digit separators", "int F() {\n  return 1'000'000;\n}\nint G() {\n}\n", [("F", 1, 3), ("G", 4, 2)]),
    ("macro with braces", "#define M(x) \\\n  do { \\\n    x\n#define N }\nint F() {\n}\n", [("F", 5, 2)]),
    ("comment above does not count", "// Says.\n\n/* more */\nint F() {\n}\n", [("F", 4, 2)]),
]


class Functions(unittest.TestCase):
    def test_rows(self):
        for name, source, expected in ROWS:
            with self.subTest(name):
                found = functions(source_tree.without_comments_and_strings(source))
                self.assertEqual([(f.name, f.first_line, f.lines) for f in found], expected)

    def test_flat_switch(self):
        cases = "".join(f"    case {i}:\n      return {i};\n" for i in range(40))
        flat = "int F(int x) {\n  switch (x) {\n" + cases + "  }\n  return 0;\n}\n"
        self.assertTrue(functions(flat)[0].is_flat_switch)
        deep = flat.replace("case 7:\n", "case 7:\n for (;;) { if (x) { while (x) {} } }\n")
        self.assertFalse(functions(deep)[0].is_flat_switch)
        beside = flat.replace("  return 0;\n", "  G();\n" * 60)
        self.assertFalse(functions(beside)[0].is_flat_switch)

    def test_blanking_keeps_lines_and_columns(self):
        source = 'int a; // b\n/* c\n d */ char e = \'"\'; const char* f = R"(\n"g" // h)"; // i\nint j;\n'
        blank = source_tree.without_comments_and_strings(source)
        self.assertEqual([len(l) for l in blank.split("\n")], [len(l) for l in source.split("\n")])
        self.assertIn("int j;", blank)
        for letter in "bcdghi":
            self.assertNotIn(f" {letter}", blank.replace("const char", "").replace("char", ""))


if __name__ == "__main__":
    counted.main()
