"""check_layers_test.py - which includes the layer table lets through."""

import counted

check_layers = counted.load("check_layers")

# (name, file, its include, part of the complaint or None when it is let through)
ROWS = [
    ("own folder", "base/slab.cc", '"base/slab.h"', None),
    ("left", "shard/ring/ring.cc", '"shard/buf/chunk.h"', None),
    ("far left", "engine/run/supervisor.cc", '"base/check.h"', None),
    ("right within shard", "shard/buf/chunk.cc", '"shard/ring/ring.h"', "stands right of shard/buf"),
    ("right across", "proto/wire/byte_reader.h", '"shard/buf/chunk.h"', "stands right of proto"),
    ("tls from shard", "shard/conn/connection.cc", '"tls/context.h"', "stands right of"),
    ("shard from tls", "tls/tls_layer.cc", '"shard/conn/data_layer.h"', None),
    ("shard.cc sees its parts", "shard/shard.cc", '"shard/stream/forward.h"', None),
    ("a part does not see shard.h", "shard/stream/forward.cc", '"shard/shard.h"', "stands right of"),
    ("parts of proto see each other", "proto/wire/a.cc", '"proto/http/method.h"', None),
    ("beside", "engine/metrics/registry.cc", '"engine/log/log_line.h"', "stands beside"),
    ("beside, later", "engine/balance/picker.cc", '"engine/track/stick_table.h"', "stands beside"),
    ("config left of expr", "engine/expr/sample.cc", '"engine/config/tree.h"', None),
    ("expr right of config", "engine/config/tree.cc", '"engine/expr/sample.h"', "stands right of"),
    ("main sees all", "engine/main.cc", '"engine/run/options.h"', None),
    ("run does not see main", "engine/run/options.cc", '"engine/version.h"', "stands right of"),
    ("angle brackets hide nothing", "base/a.cc", "<shard/buf/chunk.h>", "stands right of"),
    ("a table of definitions counts", "shard/net/a.cc", '"shard/conn/close_reason.def"', "stands right of"),
    ("the system", "base/a.cc", "<vector>", None),
    ("a library in quotes", "base/a.cc", '"absl/strings/string_view.h"', None),
    ("nothing sees tests", "base/a.cc", '"tests/fake/fake_ring.h"', "nothing sees tests/"),
    ("nothing sees bench", "engine/main.cc", '"bench/load/load.h"', "nothing sees bench/"),
    ("up and over", "base/a.cc", '"../shard/buf/chunk.h"', "from the root"),
    ("an unknown part of engine", "engine/main.cc", '"engine/misc/a.h"', "not in the layer table"),
]


class Includes(counted.TreeCase):
    def test_rows(self):
        for name, path, include, complaint in ROWS:
            with self.subTest(name):
                self.setUp()
                self.write(path, f"// a\n#include {include}\n")
                files, complaints = check_layers.check(self.root)
                self.assertEqual(files, 1)
                if complaint is None:
                    self.assertEqual(complaints, [])
                else:
                    self.assertEqual(len(complaints), 1, complaints)
                    self.assertIn(complaint, complaints[0])
                    self.assertTrue(complaints[0].startswith(f"{path}:2: "), complaints[0])

    def test_include_beside_without_path_is_refused(self):
        self.write("base/b.h", "")
        self.write("base/a.cc", '#include "b.h"\n')
        self.assertIn("from the root", check_layers.check(self.root)[1][0])

    def test_unknown_folder_is_refused(self):
        self.write("engine/misc/a.cc", "")
        self.assertIn("not in the layer table", check_layers.check(self.root)[1][0])

    def test_tests_and_bench_see_everything(self):
        self.write("tests/base/a_test.cc", '#include "engine/run/options.h"\n')
        self.write("bench/base/a_bench.cc", '#include "tls/context.h"\n')
        self.assertEqual(check_layers.check(self.root), (0, []))

    def test_empty_tree_is_fine(self):
        self.assertEqual(check_layers.check(self.root), (0, []))


if __name__ == "__main__":
    counted.main()
