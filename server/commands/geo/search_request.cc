#include "server/commands/geo/search_request.h"

#include <string>

#include "engine/types/sorted_set/sorted_set.h"
#include "server/commands/arguments.h"
#include "server/commands/geo/arguments.h"

namespace starling::server::geo {
namespace {

class SearchParser {
 public:
  SearchParser(const CommandContext& context, const SearchForm& form, const engine::Found& found,
               SearchRequest* request)
      : context_(context), form_(form), found_(found), request_(*request) {}

  bool parse() {
    if (!fixed_arguments()) return false;
    if (form_.stores) request_.store_at = 1;
    for (; at_ < context_.size(); ++at_) {
      if (!option(context_.argument(at_))) return false;
    }
    return check();
  }

 private:
  bool fail(std::string_view error) {
    context_.reply.error(error);
    return false;
  }

  size_t left() const { return context_.size() - at_ - 1; }

  // Leaves at_ where the options begin.
  bool fixed_arguments() {
    at_ = form_.key_at + 1;
    if (form_.centre == Centre::kOption) return true;
    if (form_.centre == Centre::kPosition) {
      if (!position_arguments(context_, at_, &request_.shape.centre) || !radius(at_ + 2)) return false;
      at_ += 4;
      return true;
    }
    // Without a sorted set Redis does not look at these.
    if (found_ && (!member(context_.argument(at_)) || !radius(at_ + 1))) return false;
    at_ += 3;
    return true;
  }

  bool member(std::string_view name) {
    const std::optional<double> score = engine::SortedSetView(found_.collection()).score(name);
    if (!score.has_value()) return fail("ERR could not decode requested zset member");
    request_.shape.centre = position_of(*score);
    return true;
  }

  bool radius(size_t i) {
    double length = 0;
    if (!real_argument(context_, i, &length, "ERR need numeric radius")) return false;
    if (length < 0) return fail("ERR radius cannot be negative");
    if (!unit_argument(context_, i + 1, &request_.unit_m)) return false;
    request_.shape.kind = Shape::Kind::kCircle;
    request_.shape.radius = length * request_.unit_m;
    return true;
  }

  bool box(size_t i) {
    double width = 0, height = 0;
    if (!real_argument(context_, i, &width, "ERR need numeric width")) return false;
    if (!real_argument(context_, i + 1, &height, "ERR need numeric height")) return false;
    if (width < 0 || height < 0) return fail("ERR height or width cannot be negative");
    if (!unit_argument(context_, i + 2, &request_.unit_m)) return false;
    request_.shape.kind = Shape::Kind::kBox;
    request_.shape.width = width * request_.unit_m;
    request_.shape.height = height * request_.unit_m;
    return true;
  }

  // The option at at_, which is left at its last word.
  bool option(std::string_view word) {
    if (is_word(word, "withdist")) {
      request_.with_distance = true;
    } else if (is_word(word, "withhash")) {
      request_.with_score = true;
    } else if (is_word(word, "withcoord")) {
      request_.with_position = true;
    } else if (is_word(word, "any")) {
      request_.any = true;
    } else if (is_word(word, "asc")) {
      request_.sort = Sort::kNearest;
    } else if (is_word(word, "desc")) {
      request_.sort = Sort::kFarthest;
    } else if (is_word(word, "count") && left() >= 1) {
      if (!integer_argument(context_, ++at_, &request_.count)) return false;
      if (request_.count <= 0) return fail("ERR COUNT must be > 0");
    } else if (form_.centre == Centre::kOption) {
      return search_option(word);
    } else {
      return store_option(word);
    }
    return true;
  }

  bool store_option(std::string_view word) {
    const bool distances = is_word(word, "storedist");
    if (!form_.store_options || left() < 1 || (!distances && !is_word(word, "store"))) {
      return fail(kSyntaxError);
    }
    request_.store_at = ++at_;
    request_.store_distances = distances;
    return true;
  }

  bool search_option(std::string_view word) {
    if (left() >= 1 && is_word(word, "frommember") && !from_position_) {
      from_member_ = true;
      ++at_;
      return !found_ || member(context_.argument(at_));
    }
    if (left() >= 2 && is_word(word, "fromlonlat") && !from_member_) {
      from_position_ = true;
      at_ += 2;
      return position_arguments(context_, at_ - 1, &request_.shape.centre);
    }
    if (left() >= 2 && is_word(word, "byradius") && !by_box_) {
      by_radius_ = true;
      at_ += 2;
      return radius(at_ - 1);
    }
    if (left() >= 3 && is_word(word, "bybox") && !by_radius_) {
      by_box_ = true;
      at_ += 3;
      return box(at_ - 2);
    }
    if (!form_.stores || !is_word(word, "storedist")) return fail(kSyntaxError);
    request_.store_distances = true;
    return true;
  }

  // What options must not come together, or without each other.
  bool check() {
    const bool shows_more = request_.with_distance || request_.with_score || request_.with_position;
    if (request_.store_at.has_value() && shows_more) {
      return fail(std::string("ERR ") + (form_.stores ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS") +
                  " is not compatible with WITHDIST, WITHHASH and WITHCOORD options");
    }
    const std::string name(context_.argument(0));
    if (form_.centre == Centre::kOption && !from_member_ && !from_position_) {
      return fail("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for " + name);
    }
    if (form_.centre == Centre::kOption && !by_radius_ && !by_box_) {
      return fail("ERR exactly one of BYRADIUS and BYBOX can be specified for " + name);
    }
    if (request_.any && request_.count == 0) return fail("ERR the ANY argument requires COUNT argument");
    // So that it means the nearest ones.
    if (request_.count != 0 && !request_.any && request_.sort == Sort::kNot) request_.sort = Sort::kNearest;
    return true;
  }

  const CommandContext& context_;
  const SearchForm& form_;
  const engine::Found& found_;
  SearchRequest& request_;
  size_t at_ = 0;
  bool from_member_ = false, from_position_ = false, by_radius_ = false, by_box_ = false;
};

}  // namespace

bool search_request(const CommandContext& context, const SearchForm& form, const engine::Found& found,
                    SearchRequest* request) {
  return SearchParser(context, form, found, request).parse();
}

}  // namespace starling::server::geo
