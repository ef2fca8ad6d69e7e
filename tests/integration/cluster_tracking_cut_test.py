"""Client-side caching where links between nodes are cut: who has heard of a change tells those who read there."""

import cluster_network
from cluster_network import NetworkCluster, network
from cluster_nodes import until
from tracking_client import KEYS, Caching, Told, no_copy_outlives_a_change


@cluster_network.needs_namespaces
class Cut(Caching):
    """Links between nodes are cut, one of them or some."""

    @classmethod
    def make(cls):
        network()
        return NetworkCluster(3, cluster_network.host, protected_mode="no", repair_interval=0)

    def tearDown(self):
        network().heal()
        super().tearDown()

    @staticmethod
    def cut_first_and_second():
        network().cut(0, 1)
        network().cut(1, 0)

    def test_a_change_behind_a_cut_link_is_told_by_who_has_heard_of_it(self):
        a, b = self.nodes[:2]
        told = Told(self, a)
        for key in KEYS:
            b.call("SET", key, "before")
        for key in KEYS[:5]:
            told.keep(key)
        self.cut_first_and_second()
        until(lambda: None in told.look(), "the link is lost, and all keys are told", 30)
        # From here on no change that B takes comes to A by itself, and there is a quorum for it without A.
        for key in KEYS:
            told.keep(key)
            until(lambda: b.call("QUORUM", "EXEC", "W", "2", "--", "SET", key, "behind the cut") == b"OK", "B and C take it")
            told.is_told(key)
            self.assertEqual(b"behind the cut", told.get(key))

    def test_no_copy_outlives_a_change_behind_a_cut_link(self):
        a, b, c = self.nodes
        told = Told(self, a)
        self.cut_first_and_second()
        until(lambda: None in told.look(), "the link is lost", 30)
        no_copy_outlives_a_change(self, [a], [b, c, c], settled=lambda: None, asked=c)


if __name__ == "__main__":
    cluster_network.main()
