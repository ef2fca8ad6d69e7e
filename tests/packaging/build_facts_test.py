"""What a build writes down about itself: the commit of its checkout, whether the checkout has changed, and nothing new when
nothing is new."""

import os
import pathlib
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "server/process/build_facts.cmake"


class BuildFacts(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.checkout = pathlib.Path(temporary.name, "checkout")
        self.checkout.mkdir()
        self.header = pathlib.Path(temporary.name, "header.h")

    def git(self, *arguments):
        who = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.invalid", "-c", "init.defaultBranch=main")
        done = subprocess.run(("git", "-C", str(self.checkout), *who, *arguments), check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.strip()

    def commit(self, text):
        (self.checkout / "file").write_text(text)
        self.git("add", "file")
        self.git("commit", "-q", "-m", text)

    def facts(self, commit=""):
        definitions = {"SOURCE": self.checkout, "OUTPUT": self.header, "VERSION": "1.2.3", "BUILD_TYPE": "Release", "COMMIT": commit}
        subprocess.run(["cmake", *("-D%s=%s" % pair for pair in definitions.items()), "-P", str(SCRIPT)], check=True)
        lines = (line.split(" ", 2) for line in self.header.read_text().splitlines() if line)
        return {name: value.strip('"') for _, name, value in lines}

    def expect(self, facts, commit, changed):
        self.assertEqual({"STARLING_VERSION": "1.2.3", "STARLING_COMMIT": commit, "STARLING_CHANGED": changed,
                          "STARLING_BUILD_TYPE": "Release"}, facts)

    def test_without_git(self):
        self.expect(self.facts(), "", "false")
        self.expect(self.facts("0123abc"), "0123abc", "false")

    def test_before_the_first_commit(self):
        self.git("init", "-q")
        self.expect(self.facts(), "", "false")

    def test_of_a_checkout(self):
        self.git("init", "-q")
        self.commit("one")
        first = self.git("rev-parse", "--short=12", "HEAD")
        (self.checkout / "untracked").write_text("built")
        self.expect(self.facts(), first, "false")
        (self.checkout / "file").write_text("two")
        self.expect(self.facts(), first, "true")
        self.commit("two")
        self.expect(self.facts(), self.git("rev-parse", "--short=12", "HEAD"), "false")

    def test_writes_only_what_is_new(self):
        self.git("init", "-q")
        self.commit("one")
        self.facts()
        os.utime(self.header, (1, 1))
        self.facts()
        self.assertEqual(1, self.header.stat().st_mtime)
        self.commit("two")
        self.facts()
        self.assertNotEqual(1, self.header.stat().st_mtime)


if __name__ == "__main__":
    unittest.main()
