#include "cluster/topology/topology_messages.h"

#include "cluster/topology/topology.h"
#include "cluster/topology/topology_codec.h"

namespace starling::cluster {
namespace {

using engine::append_string;
using engine::append_varint;
using engine::ByteReader;
using engine::Status;
using engine::StatusCode;

bool read_value(ByteReader* reader, std::string* value) {
  std::string_view view;
  if (!reader->read_string(&view) || view.size() > kMaxTopologyBytes) return false;
  value->assign(view);
  return true;
}

bool read_founders(ByteReader* reader, std::vector<NodeId>* founders) {
  uint64_t count;
  if (!reader->read_varint(&count) || count > kMaxMembers || reader->left() < count * NodeId::kBytes)
    return false;
  founders->resize(count);
  for (size_t i = 0; i < count; ++i) {
    if (!read_id(reader, &(*founders)[i]) || (i > 0 && !((*founders)[i - 1] < (*founders)[i]))) return false;
  }
  return true;
}

struct Writer {
  std::string* out;

  void numbered(Epoch epoch, const Ballot& ballot) {
    append_varint(epoch, out);
    append_ballot(ballot, out);
  }
  void operator()(const Prepare& message) {
    numbered(message.epoch, message.ballot);
    out->push_back(message.recovering ? 1 : 0);
    append_varint(message.founders.size(), out);
    for (const NodeId& id : message.founders) append_id(id, out);
  }
  void operator()(const Promise& message) {
    numbered(message.epoch, message.ballot);
    append_ballot(message.accepted_ballot, out);
    append_string(message.accepted_value, out);
  }
  void operator()(const Accept& message) {
    numbered(message.epoch, message.ballot);
    append_string(message.value, out);
  }
  void operator()(const Accepted& message) { numbered(message.epoch, message.ballot); }
  void operator()(const Reject& message) {
    numbered(message.epoch, message.ballot);
    append_ballot(message.promised, out);
    append_id(message.missing, out);
  }
  void operator()(const Behind& message) { append_varint(message.epoch, out); }
  void operator()(const Decided& message) { append_string(message.value, out); }
};

struct Reader {
  ByteReader* in;

  bool numbered(Epoch* epoch, Ballot* ballot) { return in->read_varint(epoch) && read_ballot(in, ballot); }
  bool operator()(Prepare& message) {
    uint8_t recovering;
    if (!numbered(&message.epoch, &message.ballot) || !in->read_byte(&recovering) || recovering > 1)
      return false;
    message.recovering = recovering == 1;
    return read_founders(in, &message.founders);
  }
  bool operator()(Promise& message) {
    return numbered(&message.epoch, &message.ballot) && read_ballot(in, &message.accepted_ballot) &&
           read_value(in, &message.accepted_value) &&
           message.accepted_ballot.valid() == !message.accepted_value.empty();
  }
  bool operator()(Accept& message) {
    return numbered(&message.epoch, &message.ballot) && read_value(in, &message.value);
  }
  bool operator()(Accepted& message) { return numbered(&message.epoch, &message.ballot); }
  bool operator()(Reject& message) {
    return numbered(&message.epoch, &message.ballot) && read_ballot(in, &message.promised) &&
           read_id(in, &message.missing);
  }
  bool operator()(Behind& message) { return in->read_varint(&message.epoch); }
  bool operator()(Decided& message) { return read_value(in, &message.value); }
};

template <size_t index = 0>
bool emplace_kind(size_t kind, TopologyMessage* message) {
  if constexpr (index < std::variant_size_v<TopologyMessage>) {
    if (kind != index) return emplace_kind<index + 1>(kind, message);
    message->emplace<index>();
    return true;
  } else {
    return false;
  }
}

}  // namespace

void append_ballot(const Ballot& ballot, std::string* out) {
  append_varint(ballot.round, out);
  append_id(ballot.proposer, out);
}

bool read_ballot(ByteReader* reader, Ballot* ballot) {
  return reader->read_varint(&ballot->round) && read_id(reader, &ballot->proposer) &&
         ballot->valid() == ballot->proposer.valid();
}

void encode_topology_message(const TopologyMessage& message, std::string* out) {
  out->push_back(static_cast<char>(kTopologyMessageFormat));
  out->push_back(static_cast<char>(message.index() + 1));
  std::visit(Writer{out}, message);
}

Status decode_topology_message(std::string_view bytes, TopologyMessage* message) {
  ByteReader reader(bytes);
  uint8_t format;
  uint8_t kind;
  if (!reader.read_byte(&format)) return Status(StatusCode::kCorrupt, "topology message: empty");
  if (format != kTopologyMessageFormat)
    return Status(StatusCode::kNewerFormat,
                  "topology message: format " + std::to_string(format) + " is not known to this version");
  if (!reader.read_byte(&kind) || kind == 0 || !emplace_kind(kind - 1, message) ||
      !std::visit(Reader{&reader}, *message) || reader.left() != 0)
    return Status(StatusCode::kCorrupt, "topology message: malformed bytes");
  return Status();
}

}  // namespace starling::cluster
