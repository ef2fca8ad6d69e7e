// QUORUM EXPLAIN's question: what does every replica of a key have?
#include <utility>

#include "engine/replica/replication.h"
#include "server/cluster/cluster_thread.h"
#include "server/io_thread.h"
#include "server/server.h"

namespace starling::server {

void ClusterThread::survey(int database, std::string_view key,
                           std::function<void(std::vector<cluster::PeerVersion>)> done) {
  // Its name must outlive the fetch.
  auto name = std::make_shared<std::string>(key);
  std::vector<engine::KeyRef> keys{{database, engine::Key(*name)}};
  io_thread_.server().engine().fetch(
      std::move(keys), [this, database, name, done = std::move(done)](const engine::Status&) mutable {
        io_thread_.loop().post([this, database, name, done = std::move(done)]() mutable {
          begin_survey(database, *name, {{}, std::move(done)});
        });
      });
}

void ClusterThread::begin_survey(int database, const std::string& name, Survey survey) {
  const engine::Key key(name);
  if (placement_->holds(key.partition, placement_->self)) {
    engine::Operation operation(io_thread_.server().engine(), now_ms());
    operation.lock({database, key});
    cluster::PeerVersion own{placement_->self, {}};
    if (operation.resident({database, key})) {
      (void)engine::Replica(operation, database).append_version(key, &own.context);
      survey.versions.push_back(std::move(own));
    }
    operation.finish();
  }
  const uint64_t token = next_token_++;
  surveys_.emplace(token, std::move(survey));
  std::string keys;
  cluster::append_key({static_cast<uint8_t>(database), name}, &keys);
  coordinator_.begin_survey(key.partition, keys, defaults_.timeout_ms, now_us(), token);
}

void ClusterThread::survey_done(Survey survey, uint64_t token) {
  if (const auto* versions = coordinator_.versions(token); versions != nullptr) {
    for (const cluster::PeerVersion& version : versions->front()) survey.versions.push_back(version);
    coordinator_.forget_read(token);
  }
  survey.done(std::move(survey.versions));
}

}  // namespace starling::server
