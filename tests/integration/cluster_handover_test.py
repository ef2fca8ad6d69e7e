"""A node that missed everything is read while the one it would get it from is killed: another has it, and no read fails."""

import threading
import unittest

from cluster_nodes import Cluster, ReplyError, until

KEYS = 4000
KEYS_OF_ONE_READ = 40
READERS = 4


class HandOver(unittest.TestCase):
    def setUp(self):
        # Nothing but reads brings what the node missed.
        self.cluster = Cluster(3, repair_interval=0, hint_bandwidth=1)
        self.addCleanup(self.cluster.stop)
        self.cluster.start()
        self.cluster.note_ids()
        self.nodes = self.cluster.nodes

    def test_who_tells_of_a_newer_version_is_killed(self):
        reader, killed, _ = self.nodes
        reader.kill()
        self.cluster.wait_seen(reader, self.nodes[1:], ("fail", "fail?"))
        names = ["key:%d" % i for i in range(KEYS)]
        for start in range(0, KEYS, 500):
            self.nodes[1].call("MSET", *[word for name in names[start:start + 500] for word in (name, name)])
        reader.start()
        self.cluster.wait_whole()
        errors, reads = [], [0] * READERS

        def read(number):
            connection = reader.connect()
            for start in range(number * KEYS_OF_ONE_READ, KEYS, READERS * KEYS_OF_ONE_READ):
                wanted = names[start:start + KEYS_OF_ONE_READ]
                try:
                    values = connection.value("MGET", *wanted)
                    if values != [name.encode() for name in wanted]:
                        errors.append("%r" % values)
                except ReplyError as error:
                    errors.append(str(error))
                reads[number] += 1
            connection.close()

        threads = [threading.Thread(target=read, args=(number,)) for number in range(READERS)]
        for thread in threads:
            thread.start()
        until(lambda: sum(reads) >= KEYS // KEYS_OF_ONE_READ // 4, "some was read")
        killed.kill()
        for thread in threads:
            thread.join()
        self.assertEqual([], errors[:3], "%d of %d reads failed" % (len(errors), sum(reads)))


if __name__ == "__main__":
    unittest.main()
