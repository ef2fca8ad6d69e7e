// Records that other nodes lack: hints of them, what brings one to a node, and what mends a gap.
#include <memory>
#include <utility>

#include "engine/replica/record_difference.h"
#include "engine/replica/replication.h"
#include "server/cluster/cluster_node.h"
#include "server/cluster/cluster_thread.h"
#include "server/io_thread.h"
#include "server/server.h"

namespace starling::server {

using cluster::NodeIndex;

bool ClusterThread::hint(NodeIndex target, std::string_view keys) {
  // It is durable before any reply of this pass leaves, and so is the change it goes with.
  hinted_ = true;
  io_thread_.commit_gate().note_change();
  return node_.hints().keep(placement_->id_of(target), keys, now_ms());
}

bool ClusterThread::append_record(engine::Operation& operation, const engine::KeyRef& key,
                                  cluster::ChangeForm* form, std::string* record) {
  if (engine::worth_a_difference(operation, key.database, key.key)) {
    *form = cluster::ChangeForm::kDifference;
    engine::append_probe(operation, key.database, key.key, record);
    return true;
  }
  *form = cluster::ChangeForm::kRecord;
  return engine::Replica(operation, key.database).append_state(key.key, record);
}

bool ClusterThread::record_of(int database, std::string_view name, std::string* change,
                              std::string* context) {
  const engine::Key key(name);
  engine::Operation operation(io_thread_.server().engine(), now_ms());
  operation.lock({database, key});
  const bool resident = operation.resident({database, key});
  std::string record;
  cluster::ChangeForm form;
  if (resident && append_record(operation, {database, key}, &form, &record)) {
    if (context != nullptr) (void)engine::Replica(operation, database).append_version(key, context);
    cluster::append_change({static_cast<uint8_t>(database), form, name, record}, change);
  }
  operation.finish();
  return resident;
}

void ClusterThread::gap(const cluster::Gap& gap) {
  if (gap.written) statistics_.gaps.add(1);
  mend(std::make_shared<const Missing>(Missing{gap.repair, gap.key.database, std::string(gap.key.key),
                                               std::string(gap.seen), std::string(gap.listed)}));
}

// When the record cannot be read, the writes that wait for it run out of time, and the peer counts as failed.
void ClusterThread::mend(const std::shared_ptr<const Missing>& missing) {
  const engine::KeyRef reference{missing->database, engine::Key(missing->key)};
  engine::Operation operation(io_thread_.server().engine(), now_ms());
  operation.lock(reference);
  if (!operation.resident(reference)) {
    operation.finish();
    io_thread_.server().engine().fetch({reference}, [this, missing](const engine::Status& status) {
      if (status.ok()) io_thread_.loop().post([this, missing] { mend(missing); });
    });
    return;
  }
  engine::Replica replica(operation, missing->database);
  std::string body, change, context;
  cluster::ChangeForm form = cluster::ChangeForm::kDifference;
  if (!engine::append_difference(operation, missing->database, reference.key, missing->seen, missing->listed,
                                 &body)) {
    form = cluster::ChangeForm::kRecord;
    (void)replica.append_state(reference.key, &body);
  }
  (void)replica.append_version(reference.key, &context);
  operation.finish();
  if (!body.empty())
    cluster::append_change({static_cast<uint8_t>(missing->database), form, missing->key, body}, &change);
  coordinator_.mend(missing->repair, change, context);
}

void ClusterThread::send_record(const cluster::NodeId& node, int database, const std::string& key,
                                std::function<void(Delivery)> done) {
  hand_over(node, database, key, [done = std::move(done)](const HandedOver& result) {
    done(result.stored ? Delivery::kStored : Delivery::kFailed);
  });
}

void ClusterThread::hand_over(const cluster::NodeId& node, int database, const std::string& key,
                              std::function<void(const HandedOver&)> done) {
  const NodeIndex index = placement_ == nullptr ? cluster::kNoNode : placement_->number_of(node);
  if (index == cluster::kNoNode || !healthy(index)) return done({});
  std::string changes;
  HandedOver result;
  if (!record_of(database, key, &changes, &result.context)) {
    // Its name must outlive the fetch.
    auto name = std::make_shared<std::string>(key);
    std::vector<engine::KeyRef> keys{{database, engine::Key(*name)}};
    io_thread_.server().engine().fetch(
        std::move(keys), [this, node, database, name, done = std::move(done)](engine::Status status) mutable {
          io_thread_.loop().post([this, node, database, name, status, done = std::move(done)]() mutable {
            if (!status.ok()) return done({});
            hand_over(node, database, *name, std::move(done));
          });
        });
    return;
  }
  result.bytes = changes.size();
  if (changes.empty()) {
    result.stored = true;
    return done(result);
  }
  const uint64_t token = next_token_++;
  const auto answered = [result = std::move(result), done = std::move(done)](Delivery delivery) mutable {
    result.stored = delivery == Delivery::kStored;
    done(result);
  };
  writes_.emplace(token, HeldWrite{0, 0, 1, {}, answered});
  const NodeIndex nodes[] = {index};
  coordinator_.begin_push(nodes, changes, defaults_.timeout_ms, now_us(), token);
}

}  // namespace starling::server
