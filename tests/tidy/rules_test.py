"""Each rule must be able to fail: plants one breach at a time in an otherwise clean tree and expects it to be named."""

import pathlib
import subprocess
import tempfile
import unittest

RULES = pathlib.Path(__file__).with_name("rules")
ROOT = pathlib.Path(__file__).resolve().parents[2]
# A formatter that fills comments makes one paragraph of these lines.
GRAMMAR = """\
// What a message is.
//
//   message := kind:u8 body                                             one of the kinds that are known, and what it holds
//   body    := size:varint byte{size}
//            | 0x00                                                     nothing
"""

CLEAN = {
    "engine/a.h": "#include <vector>\n#include \"engine/b.h\"\nint64_t now = clock.wall_ms();\n",
    "engine/store/rocks_store.cc": "#include <rocksdb/db.h>\n",
    "cluster/c.cc": "#include \"engine/a.h\"\n",
    "server/s.cc": "#include \"resp/r.h\"\n#include \"cluster/c.h\"\nauto now = std::chrono::system_clock::now();\n",
    "server/net/loop.cc": "#include <uv.h>\n",
    "cluster/wire/secret_proof.cc": "#include <sodium.h>\n",
    "server/acl/password.cc": "#include <sodium.h>\n",
    "server/tls/stream.cc": "#include <openssl/ssl.h>\n",
    "server/process/log.cc": "#include <spdlog/spdlog.h>\n",
    "resp/r.cc": "#include \"resp/r.h\"\n",
    "server/commands/strings/table.cc": 'CommandSpec{.name = "get"}, reader("substr key start:integer", 4), of("exec", 1)\n',
    "server/commands/strings/strings.cc": 'if (context.spec.name == "get") return;\n',
    "server/execute/x.cc": 'reply.error("ERR in \'" + command.full_name); if (level == "quorum" || word == "on") x({"get", "on"});\n',
    "tests/unit/t_test.cc": "#include \"server/s.h\"\n",
}

# path, content, what the message must say
BREACHES = [
    ("engine/x.cc", '#include "server/s.h"\n', "includes point down"),
    ("engine/change/x.cc", "  save_before_change(core, tables, partition, slot, key);\n", "through RecordChange"),
    ("engine/replica/x.cc", "core.observer.modified(index, key.name);\n", "through RecordChange"),
    ("engine/x.cc", "tally_after(core, index, key, entry);\n", "through RecordChange"),
    ("engine/x.cc", '#include "cluster/c.h"\n', "includes point down"),
    ("engine/x.cc", '#include "resp/r.h"\n', "includes point down"),
    ("resp/x.cc", '#include "engine/a.h"\n', "includes point down"),
    ("cluster/x.cc", '  #  include "server/s.h"\n', "includes point down"),
    ("cluster/x.cc", '#include "resp/r.h"\n', "includes point down"),
    ("server/x.cc", "#include <uv.h>\n", "server/net/"),
    ("engine/x.cc", "#include <uv.h>\n", "server/net/"),
    ("engine/x.cc", "#include <rocksdb/db.h>\n", "rocks_store"),
    ("server/commands/x.cc", "#include <rocksdb/statistics.h>\n", "rocks_store"),
    ("server/x.cc", "#include <spdlog/spdlog.h>\n", "server/process/log.cc"),
    ("server/x.cc", "#include <openssl/ssl.h>\n", "server/tls/ only"),
    ("tests/unit/server/tls/x.cc", "#include <openssl/err.h>\n", "server/tls/ only"),
    ("cluster/x.cc", "#include <sodium.h>\n", "cluster/wire/secret_proof.cc"),
    ("server/bus/x.cc", "#include <sodium/crypto_auth.h>\n", "cluster/wire/secret_proof.cc"),
    ("engine/x.cc", "auto t = std::chrono::steady_clock::now();\n", "engine/base/clock.h"),
    ("engine/x.cc", "int r = rand() % 6;\n", "engine/base/clock.h"),
    ("cluster/x.cc", "auto t = ::time(nullptr);\n", "engine/base/clock.h"),
    ("cluster/x.cc", "std::mt19937_64 generator(1);\n", "engine/base/clock.h"),
    ("server/x.cc", "//" + 119 * "-" + "\n", "columns"),
    ("server/x.cc", "// TODO: later\n", "unfinished"),
    ("tests/integration/x.py", "# FIXME\n", "unfinished"),
    ("server/cluster/x.cc", 'const bool exec = command.spec->name == "exec";\n', "nobody asks"),
    ("server/cluster/x.cc", "if (other == command->spec->name) return;\n", "nobody asks"),
    ("server/execute/x.cc", 'if (command.full_name != "quorum|exec") return;\n', "nobody asks"),
    ("server/execute/x.cc", 'if (equals_ignoring_case(command->spec->name, "on")) return;\n', "nobody asks"),
    ("server/session/x.cc", 'if ("get" == name) return;\n', "nobody asks"),
    ("server/session/x.cc", 'if (name == "substr") return;\n', "nobody asks"),
    ("server/execute/x.h", 'exec_(server.commands().find("exec")),\n', "nobody asks"),
    ("server/execute/x.h", 'exec_(table.find_full("quorum|exec")),\n', "nobody asks"),
    ("server/execute/x.cc", 'constexpr std::string_view kUnqueued[] = {"get",\n    "exec|get", "substr"};\n', "nobody asks"),
    ("tests/bench/run", "#!/bin/sh  # TODO\n", "unfinished"),
]


def run(extra):
    with tempfile.TemporaryDirectory() as root:
        for path, text in {**CLEAN, **extra}.items():
            file = pathlib.Path(root, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return subprocess.run(["/usr/bin/python3", RULES, root], capture_output=True, text=True)


class Rules(unittest.TestCase):
    def test_clean_tree_passes(self):
        result = run({})
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_each_breach_is_found(self):
        for path, text, expected in BREACHES:
            with self.subTest(text=text.strip(), path=path):
                result = run({path: text})
                self.assertEqual(result.returncode, 1, result.stdout)
                self.assertIn(f"{path}:1: ", result.stdout)
                self.assertIn(expected, result.stdout)

    def test_comments_and_strings_are_not_code(self):
        result = run({"engine/x.cc": '// rand() is not used\nlog("time (ms)");\n'})
        self.assertEqual(result.returncode, 0, result.stdout)

    def test_long_file_warns_only(self):
        result = run({"server/x.cc": "\n" * 501})
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("warning", result.stdout)

    def test_rooms_in_a_circle(self):
        circle = {"engine/one/a.h": '#include "engine/two/b.h"\n', "engine/two/b.cc": '#include "engine/three/c.h"\n',
                  "engine/three/c.h": '#include "engine/one/a.h"\n', "engine/four/d.h": '#include "engine/one/a.h"\n'}
        result = run(circle)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn("engine/two/b.cc: engine/two includes engine/three, which includes it in a circle", result.stdout)
        self.assertNotIn("engine/four", result.stdout)
        listed = "engine/one -> engine/two\nengine/two -> engine/three  # why\nengine/three -> engine/one\n"
        self.assertEqual(run({**circle, "tests/tidy/room_cycles": listed}).returncode, 0)

    def test_the_list_of_circles_shrinks(self):
        result = run({"tests/tidy/room_cycles": "engine/one -> engine/two\n"})
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn("take it out", result.stdout)

    def test_formatter_leaves_grammars_alone(self):
        formatted = subprocess.run(["clang-format-14", f"--style=file:{ROOT / '.clang-format'}", "--assume-filename=x.h"],
                                   input=GRAMMAR, capture_output=True, text=True, check=True)
        self.assertEqual(formatted.stdout, GRAMMAR)

    def test_empty_tree_fails(self):
        with tempfile.TemporaryDirectory() as root:
            self.assertEqual(subprocess.run(["/usr/bin/python3", RULES, root], capture_output=True).returncode, 1)


if __name__ == "__main__":
    unittest.main()
