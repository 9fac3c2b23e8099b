//! Every key of a configuration: one table, from which come the lists in error texts, the check of
//! the documentation, and what is refused as "not in this version".

/// A key of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    /// Its path; `*` stands for a name that the user chose, `[]` for an item of a list.
    pub path: &'static str,
    /// The type of its value.
    pub kind: &'static str,
    /// What holds where it is absent; empty where it must be there.
    pub default: &'static str,
    /// What it does, in one line.
    pub doc: &'static str,
    /// Whether this version has it; if not, it is a load error.
    pub built: bool,
}

/// The table: `path: kind = default => doc`, and `later path => doc` for what is not built.
macro_rules! keys {
    (@key later $path:literal => $doc:literal) => {
        Key { path: $path, kind: "", default: "", doc: $doc, built: false }
    };
    (@key $path:literal : $kind:literal = $default:literal => $doc:literal) => {
        Key { path: $path, kind: $kind, default: $default, doc: $doc, built: true }
    };
    ($([$($entry:tt)*])*) => { &[$(keys!(@key $($entry)*)),*] };
}

/// All keys, in the order of the documentation.
pub const KEYS: &[Key] = keys! {
    ["version": "number" = "1"
        => "the version of this format: 1"]
    ["include": "list of paths" = "none"
        => "other files, as if they were written here; `*` in a file's name stands for anything"]
    ["listeners": "map" = "none"
        => "where SIP arrives"]
    ["listeners.*.realm": "name of a realm" = ""
        => "the side that the listener is on"]
    ["listeners.*.udp": "address with port, or a list" = "one of `udp` and `tcp`"
        => "the local address, for UDP"]
    ["listeners.*.tcp": "address with port, or a list" = "one of `udp` and `tcp`"
        => "the local address, for TCP"]
    ["listeners.*.advertise": "address, with or without port, or a list"
        = "the realm's `media.advertise`, else the local address"
        => "what stands in Via and Contact, where peers see another address than the local one"]
    [later "listeners.*.tls" => "TLS"]
    [later "listeners.*.certificate" => "TLS"]
    [later "certificates" => "TLS"]
    ["realms": "map" = "none"
        => "the sides of the border"]
    ["realms.*.trust": "none or full" = "none"
        => "whether identities of this side are believed, and told to it"]
    ["realms.*.media": "map" = "see its keys"
        => "where media of this side is bound"]
    ["realms.*.media.bind": "address, or a list"
        = "that of the realm's first listener, of each family"
        => "the local address of media"]
    ["realms.*.media.advertise": "address, or a list" = "the local address"
        => "what stands in SDP"]
    ["realms.*.media.ports": "range of ports" = "10000-29999"
        => "the ports of media"]
    ["realms.*.media.quarantine": "duration" = "2s"
        => "how long a port rests after a call before another call gets it"]
    ["trunks": "map" = "none"
        => "peers, or groups of peers"]
    ["trunks.*.realm": "name of a realm" = ""
        => "the side that the trunk is on"]
    ["trunks.*.match": "map" = "none"
        => "how a request of this trunk is recognised"]
    ["trunks.*.match.source": "list of addresses or ranges" = "none"
        => "where its requests come from; the longest match wins"]
    ["trunks.*.targets": "list of SIP URIs" = "none"
        => "where requests to it go; the next is tried on failure"]
    ["trunks.*.targets[].uri": "SIP URI" = ""
        => "where requests go"]
    ["trunks.*.targets[].priority": "number" = "1"
        => "the lowest is tried first; equal ones by weight, else in the order of the list"]
    ["trunks.*.targets[].weight": "number" = "0"
        => "its share of calls among those of its priority; 0: behind those that have one"]
    ["trunks.*.udp_max": "`never` or a number of bytes" = "1300"
        => "the largest request that goes by UDP where the realm has a TCP listener too"]
    [later "trunks.*.auth" => "authentication"]
    [later "trunks.*.register" => "registration with the peer"]
    [later "trunks.*.health" => "OPTIONS as health check"]
    ["trunks.*.limits": "map" = "none"
        => "how many calls the trunk carries, those from it and those to it together"]
    ["trunks.*.limits.calls": "number" = "unlimited"
        => "calls at a time, from the INVITE to the end"]
    ["trunks.*.limits.cps": "number" = "unlimited"
        => "new calls in a second; as many may come at once"]
    ["trunks.*.limits.code": "status code" = "503"
        => "what a call beyond hears: 300 to 699"]
    ["trunks.*.limits.reason": "text" = "Too Many Calls"
        => "the reason phrase"]
    ["recorders": "map" = "none"
        => "recording servers (SRS) of SIPREC"]
    ["recorders.*.srs": "list of SIP URIs" = ""
        => "its servers, in the order they are tried; TCP unless the URI says `;transport=udp`"]
    ["recorders.*.timeout": "duration" = "1500ms"
        => "how long one server may take to answer; a provisional response extends it once"]
    ["recorders.*.skip_failover_codes": "regular expression" = "none"
        => "status codes (the whole code must match) after which no other server is tried"]
    ["recorders.*.realm": "name of a realm" = "the first with `trust: full`"
        => "the side from which the servers are reached"]
    [later "recorders.*.srtp" => "SRTP"]
    ["profiles": "map" = "none"
        => "what is done to a call"]
    ["profiles.*.extends": "name of a profile" = "none"
        => "a profile whose values hold where this one has none"]
    ["profiles.*.media": "map" = "see its keys"
        => "what becomes of the call's media"]
    ["profiles.*.media.relay": "always or never" = "always"
        => "whether media passes through the SBC"]
    ["profiles.*.media.latch": "once, follow or strict" = "once"
        => "which sources of media are believed"]
    ["profiles.*.media.codecs": "map" = "all codecs, as they were offered"
        => "which codecs cross, in both directions"]
    ["profiles.*.media.codecs.keep": "list of codecs" = "all"
        => "the only codecs of audio and video that cross; not together with `drop`"]
    ["profiles.*.media.codecs.drop": "list of codecs" = "none"
        => "codecs of audio and video that do not cross; not together with `keep`"]
    ["profiles.*.media.codecs.order": "list of codecs" = "that of the offer"
        => "codecs that an offer names first, in this order; the others follow"]
    [later "profiles.*.media.timeout" => "end of a call without media"]
    [later "profiles.*.session_timer" => "session timers"]
    ["profiles.*.control": "list of modules" = "none"
        => "call-control modules, in this order"]
    ["profiles.*.control[].use": "name of a module" = ""
        => "the module; the other keys of the item are its parameters"]
    ["profiles.*.headers": "list of rules" = "none"
        => "rules for headers of requests towards the other side, in this order"]
    ["profiles.*.headers[].set": "header name" = "one verb a rule"
        => "puts one line in the place of all lines of this name; with `to`"]
    ["profiles.*.headers[].add": "header name" = "one verb a rule"
        => "adds a line; with `to`"]
    ["profiles.*.headers[].remove": "header name, or its start and `*`" = "one verb a rule"
        => "removes all lines of this name"]
    ["profiles.*.headers[].to": "template" = "with `set` and `add`"
        => "the value of `set` and `add`"]
    ["profiles.*.headers[].when": "condition" = "always"
        => "when the rule acts"]
    ["profiles.*.headers[].replace": "header name" = "one verb a rule"
        => "puts another text in the place of a part of each value; with `match` and `with`"]
    ["profiles.*.headers[].match": "regular expression" = "with `replace`"
        => "finds the part of a value; a value in which it finds nothing stays"]
    ["profiles.*.headers[].with": "template with groups" = "with `replace`"
        => "stands there instead; `$0` is what was found, `$1` to `$9` its groups"]
    ["profiles.*.reply_headers": "list of rules" = "none"
        => "rules for headers of replies to the caller, in this order"]
    ["profiles.*.reply_headers[].set": "header name" = "one verb a rule"
        => "as in `headers`"]
    ["profiles.*.reply_headers[].add": "header name" = "one verb a rule"
        => "as in `headers`"]
    ["profiles.*.reply_headers[].remove": "header name, or its start and `*`" = "one verb a rule"
        => "as in `headers`"]
    ["profiles.*.reply_headers[].to": "template" = "with `set` and `add`"
        => "the value of `set` and `add`; it may use `status`"]
    ["profiles.*.reply_headers[].when": "condition" = "always"
        => "when the rule acts; it may ask for `status`"]
    ["profiles.*.reply_headers[].replace": "header name" = "one verb a rule"
        => "as in `headers`"]
    ["profiles.*.reply_headers[].match": "regular expression" = "with `replace`"
        => "as in `headers`"]
    ["profiles.*.reply_headers[].with": "template with groups" = "with `replace`"
        => "as in `headers`"]
    ["profiles.*.headers_pass": "list of header names, or their starts and `*`" = "none"
        => "unknown headers that cross between any two realms, in both directions"]
    ["profiles.*.request_uri": "template"
        = "user and parameters of the incoming one, at the target's host"
        => "the Request-URI of the outgoing request"]
    ["profiles.*.transparent_dialog_ids": "true or false" = "false"
        => "whether the outgoing request keeps the caller's Call-ID and From tag"]
    ["profiles.*.reply_codes": "map of status codes" = "none"
        => "what the other side hears instead: a status code, and a phrase"]
    ["profiles.*.record": "map" = "not recorded"
        => "how the call is recorded"]
    ["profiles.*.record.recorders": "list of names of recorders" = "none"
        => "who records the call, independent of one another"]
    [later "profiles.*.record.mandatory" => "calls that end without their recorder"]
    [later "profiles.*.record.announce" => "telling the parties of the recording"]
    [later "profiles.*.record.dtmf" => "masking DTMF in recordings"]
    ["maps": "map" = "none"
        => "what templates look up, by name: `${map.NAME[key]}`"]
    ["maps.*.table": "map of texts" = "one of the three"
        => "keys and what they stand for; one of `table`, `file` and `regex`"]
    ["maps.*.file": "path" = "one of the three"
        => "the same in a file: `key,value` on each line; from the folder of the configuration"]
    ["maps.*.regex": "list of rules" = "one of the three"
        => "the first whose expression is found in the key says what it stands for"]
    ["maps.*.regex[].match": "regular expression" = ""
        => "finds a part of the key"]
    ["maps.*.regex[].with": "text with groups" = ""
        => "what the key stands for; `$0` is what was found, `$1` to `$9` its groups"]
    ["routes": "list of rules" = "none"
        => "which call goes where; the first that matches decides"]
    ["routes[].name": "name" = ""
        => "its name, in logs and explanations"]
    ["routes[].from": "name of a trunk or realm" = "any"
        => "where the call comes from"]
    ["routes[].when": "condition" = "always"
        => "what else must hold of the request"]
    ["routes[].to": "list" = "one of `to` and `reject`"
        => "trunks, `request-uri`, `{ request-uri: { realm: R } }`; or one `{ app: NAME }`"]
    ["routes[].to[].request-uri": "map" = "none"
        => "the request's own URI"]
    ["routes[].to[].request-uri.realm": "name of a realm" = "the only realm"
        => "the side that the request leaves by"]
    ["routes[].to[].app": "name of an app" = "none"
        => "an app answers the call"]
    ["routes[].reject": "status code, or map" = "one of `to` and `reject`"
        => "refuses the call"]
    ["routes[].reject.code": "status code" = ""
        => "what the caller hears: 300 to 699"]
    ["routes[].reject.reason": "text" = "that of the code"
        => "the reason phrase"]
    ["routes[].profile": "name of a profile" = "the built-in one"
        => "what is done to the call"]
    ["routes[].ring_timeout": "duration" = "180s"
        => "how long a target may ring before the next is tried"]
    ["routes[].failover_codes": "list of status codes and classes" = "408, 430, 480, 5xx"
        => "after which refusals (and always after silence) the next target is tried"]
    ["routes[].redirect": "follow or pass" = "pass, without Contact unless both realms are trusted"
        => "whether a 3xx is followed, or passed on with its Contacts"]
    ["control": "map" = "none"
        => "settings that a call-control module shares between its uses, by the module's name"]
    ["observe": "map" = "nothing listens"
        => "addresses of the HTTP API and of the metrics"]
    ["observe.api": "address with port" = "no API"
        => "where the API listens; off loopback only with a token"]
    ["observe.metrics": "address with port" = "no metrics"
        => "where Prometheus finds `/metrics`; off loopback only with a token"]
    ["observe.token": "secret" = "none: who is on this machine may ask"
        => "who has it may ask, at both addresses, and nobody else"]
    ["drain": "duration" = "30s"
        => "how long running calls may go on after SIGTERM"]
    ["log": "map" = "see its keys"
        => "the log, on stderr"]
    ["log.level": "error, warn, info, debug or trace" = "info"
        => "from which level on is logged"]
    ["log.format": "text or json" = "text"
        => "how a line is written"]
    ["log.private": "true or false" = "false"
        => "whether numbers of subscribers stand in clear"]
    ["srs": "map" = "no recording server"
        => "the embedded recording server"]
    ["srs.listen": "address with port" = ""
        => "where it listens, UDP and TCP; media is bound to the same address"]
    ["srs.dir": "path" = "/var/lib/sbc/recordings"
        => "where recordings are written"]
    ["srs.ports": "range of ports" = "31000-31999"
        => "its media ports"]
    ["limits": "map" = "none"
        => "how many calls the box carries, whatever trunk they come from"]
    ["limits.calls": "number" = "unlimited"
        => "calls at a time, from the INVITE to the end"]
    ["limits.cps": "number" = "unlimited"
        => "new calls in a second; as many may come at once"]
    ["limits.code": "status code" = "503"
        => "what a call beyond hears: 300 to 699"]
    ["limits.reason": "text" = "Too Many Calls"
        => "the reason phrase"]
    [later "limits.queue_delay" => "overload control"]
    ["tests": "list of cases" = "none"
        => "cases that `sbc test` runs"]
    ["tests[].name": "text" = ""
        => "the name of the case"]
    ["tests[].invite": "map" = ""
        => "an INVITE, and where it arrives"]
    ["tests[].invite.listener": "name of a listener" = ""
        => "the listener that it arrives at"]
    ["tests[].invite.source": "address with port" = ""
        => "where it comes from"]
    ["tests[].invite.ruri": "URI" = "that of `message`"
        => "its Request-URI"]
    ["tests[].invite.from": "URI, or one with display name" = "user `caller` at the source"
        => "its From, without tag"]
    ["tests[].invite.to": "URI, or one with display name" = "the Request-URI"
        => "its To"]
    ["tests[].invite.headers": "headers by name" = "none"
        => "further headers of it"]
    ["tests[].invite.message": "path" = "none"
        => "a file with the whole request, relative to this one; instead of `ruri` and the rest"]
    ["tests[].expect": "map" = ""
        => "what shall become of it; what is left out may be anything"]
    ["tests[].expect.reject": "status code, or map" = "anything"
        => "it is refused"]
    ["tests[].expect.reject.code": "status code" = ""
        => "300 to 699"]
    ["tests[].expect.reject.reason": "text" = "anything"
        => "the reason phrase"]
    ["tests[].expect.to": "trunk, `request-uri` or `{ app: NAME }`" = "anything"
        => "where it goes"]
    ["tests[].expect.to.app": "name of an app" = ""
        => "the app that answers it"]
    ["tests[].expect.route": "name of a route" = "anything"
        => "the route that decides"]
    ["tests[].expect.profile": "name of a profile" = "anything"
        => "the profile; `built-in` for routes that name none"]
    ["tests[].expect.target": "text, or /regular expression/" = "anything"
        => "the first target that is tried, as `targets` has it"]
    ["tests[].expect.request_uri": "text, or /regular expression/" = "anything"
        => "the Request-URI that it leaves with"]
    ["tests[].expect.headers": "text, /regular expression/ or nothing, by name" = "anything"
        => "headers of the INVITE that leaves, or of the refusal; `~`: there is none"]
};

/// The last part of a key's path, where the rest is `parent`.
fn name_below(key: &Key, parent: &str) -> Option<&'static str> {
    let name = match key.path.rsplit_once('.') {
        Some((before, name)) if before == parent => name,
        None if parent.is_empty() => key.path,
        _ => return None,
    };
    Some(name)
}

fn find(parent: &str, name: &str) -> Option<&'static Key> {
    // Asked for each entry of a file: most keys are told apart by their length.
    let length = match parent.len() {
        0 => name.len(),
        parent => parent + 1 + name.len(),
    };
    KEYS.iter().find(|key| {
        key.path.len() == length
            && key.path.ends_with(name)
            && name_below(key, parent) == Some(name)
    })
}

/// Names of the keys below `parent` that work.
pub(crate) fn built(parent: &str) -> Vec<&'static str> {
    let below = KEYS.iter().filter(|key| key.built);
    below.filter_map(|key| name_below(key, parent)).collect()
}

/// Names of the keys below `parent` that a later version has.
pub(crate) fn all_later(parent: &str) -> impl Iterator<Item = &'static str> {
    let below = KEYS.iter().filter(|key| !key.built);
    below.filter_map(move |key| name_below(key, parent))
}

pub(crate) fn is_built(parent: &str, name: &str) -> bool {
    find(parent, name).is_some_and(|key| key.built)
}

/// What a key of a later version is about.
pub(crate) fn later_doc(parent: &str, name: &str) -> Option<&'static str> {
    find(parent, name)
        .filter(|key| !key.built)
        .map(|key| key.doc)
}

/// What a key does.
pub(crate) fn doc(parent: &str, name: &str) -> Option<&'static str> {
    find(parent, name).map(|key| key.doc)
}
