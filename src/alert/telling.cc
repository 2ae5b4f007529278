#include "alert/telling.h"

#include <algorithm>

#include "access/access.h"

namespace tidemark {
namespace {

bool is_for(const AlertRoute& route, const AlertRecord& alert) {
  if (route.critical_only && alert.severity != "critical") return false;
  if (route.jobs && (alert.job.empty() || !is_like(*route.jobs, alert.job))) return false;
  return route.rules.empty() ||
         std::any_of(route.rules.begin(), route.rules.end(), [&](const Located<std::string>& rule) {
           return is_like(rule.value, alert.rule);
         });
}

bool is_told(const AlertSpec& spec, const ChannelSpec& channel, const AlertRecord& alert) {
  // Whoever is told of anything is told that somebody is not.
  if (alert.rule == channel_down) return alert.subject != "channel:" + channel.name.value;
  if (spec.send.empty()) return true;
  return std::any_of(spec.send.begin(), spec.send.end(), [&](const AlertRoute& route) {
    return is_for(route, alert) &&
           std::any_of(route.to.begin(), route.to.end(), [&](const Located<std::string>& name) {
             return name.value == channel.name.value;
           });
  });
}

}  // namespace

std::vector<std::string> channels_of(const AlertSpec& spec, const AlertRecord& alert) {
  std::vector<std::string> names;
  for (const ChannelSpec& channel : spec.channels) {
    if (is_told(spec, channel, alert)) names.push_back(channel.name.value);
  }
  return names;
}

bool is_silent(const AlertRecord& alert, const std::vector<SilenceRecord>& silences) {
  return std::any_of(silences.begin(), silences.end(), [&](const SilenceRecord& silence) {
    return is_like(silence.rule, alert.rule) &&
           (silence.subject.empty() || silence.subject == alert.subject) &&
           (silence.job.empty() || (!alert.job.empty() && is_like(silence.job, alert.job)));
  });
}

}  // namespace tidemark
