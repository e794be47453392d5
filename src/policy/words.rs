//! The grammar of a rule in one line of words.
//!
//! `ACTION PROTOCOL [PORTS | MESSAGES] [from|to REMOTE[, REMOTE]...] [priority N] [ipv4|ipv6] [id NAME] [disabled]
//! [maybe REASON]`
//!
//! It only takes the line apart; whether ports suit the protocol, and what a name stands for, is said later, when the
//! whole file has been read.

use crate::diag::{Diagnostic, Span, codes, did_you_mean};
use crate::packet::{Family, Protocol, service_name};
use crate::policy::scenario::address;
use crate::policy::scenario::written::{Fields, ProtocolWord, Remote, RemoteKind};
use crate::policy::tree::Piece;
use crate::policy::{Action, Direction, Doubt, Priority};

/// Words that end a list of ports or remotes, and so cannot be names.
pub(super) const RESERVED: &[&str] =
    &["any", "all", "group", "set", "from", "to", "priority", "ipv4", "ipv6", "id", "disabled", "maybe"];

/// A word or a comma of a line.
#[derive(Clone)]
struct Token<'t> {
    word: &'t str,
    at: Span,
}

impl Token<'_> {
    fn is(&self, word: &str) -> bool {
        self.word.eq_ignore_ascii_case(word)
    }

    /// Whether a list ends here.
    fn ends_list(&self) -> bool {
        ["from", "to", "priority", "ipv4", "ipv6", "id", "disabled", "maybe"].iter().any(|word| self.is(word))
    }
}

/// The words of a text, each comma one of its own.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if c.is_whitespace() || c == ',' {
            if let Some(start) = start.take() {
                tokens.push(Token { word: &text[start..at], at: start..at });
            }
            if c == ',' {
                tokens.push(Token { word: ",", at: at..at + 1 });
            }
        } else if start.is_none() {
            start = Some(at);
        }
    }
    tokens
}

/// The words that are left to read.
struct Words<'t, 'f> {
    text: &'t Piece,
    tokens: std::iter::Peekable<std::vec::IntoIter<Token<'t>>>,
    findings: &'f mut Vec<Diagnostic>,
    broken: bool,
}

impl<'t, 'f> Words<'t, 'f> {
    fn new(text: &'t Piece, findings: &'f mut Vec<Diagnostic>) -> Self {
        Self { text, tokens: tokens(&text.text).into_iter().peekable(), findings, broken: false }
    }

    fn tell(&mut self, finding: Diagnostic) {
        self.broken = true;
        self.findings.push(finding);
    }

    /// Where the text ends: what is missing is missing there.
    fn end(&self) -> Span {
        let end = self.text.text.trim_end().len();
        let last = self.text.text[..end].char_indices().next_back().map_or(0, |(at, _)| at);
        self.text.part(last..end)
    }

    /// A list of words separated by commas, up to the next keyword.
    fn list(&mut self, what: &str) -> Vec<Piece> {
        let mut items = Vec::new();
        loop {
            match self.tokens.next_if(|token| token.word != "," && !token.ends_list()) {
                Some(token) => items.push(self.piece(&token.at)),
                None => return self.missing(what, items),
            }
            if self.tokens.next_if(|token| token.word == ",").is_none() {
                return items;
            }
        }
    }

    /// Bytes of the text as a text of their own.
    fn piece(&self, at: &Span) -> Piece {
        self.text.slice(at.clone())
    }

    fn missing<T>(&mut self, what: &str, so_far: T) -> T {
        let (span, found) = match self.tokens.peek() {
            Some(token) => (self.text.part(token.at.clone()), format!("found `{}`", token.word)),
            None => (self.end(), "found the end of the rule".to_owned()),
        };
        self.tell(Diagnostic::new(codes::BAD_RULE, format!("expected {what}, {found}")).at(span, ""));
        so_far
    }

    /// The remotes behind `from` or `to`.
    fn remotes(&mut self) -> Vec<Remote> {
        let mut remotes = Vec::new();
        loop {
            let Some(token) = self.tokens.next_if(|token| token.word != "," && !token.ends_list()) else {
                return self.missing("an address, the name of a set or group, or `any`", remotes);
            };
            let qualified = token.is("group") || token.is("set");
            if qualified {
                let what = if token.is("group") { "the name of a group" } else { "the name of a set" };
                let Some(name) = self.tokens.next_if(|token| token.word != "," && !token.ends_list()) else {
                    return self.missing(what, remotes);
                };
                let kind = if token.is("group") { RemoteKind::Group } else { RemoteKind::Set };
                remotes.push(Remote { kind: kind(name.word.to_owned()), span: self.text.part(name.at) });
            } else {
                let piece = self.piece(&token.at);
                let remote = remote(&piece, self.findings);
                self.broken |= remote.kind == RemoteKind::Broken;
                remotes.push(remote);
            }
            if self.tokens.next_if(|token| token.word == ",").is_none() {
                return remotes;
            }
        }
    }
}

/// One remote that is a single word.
fn remote(word: &Piece, findings: &mut Vec<Diagnostic>) -> Remote {
    let kind = if word.text.eq_ignore_ascii_case("any") {
        RemoteKind::Any
    } else if address::looks_like(&word.text) {
        address::range(word, findings).map_or(RemoteKind::Broken, RemoteKind::Range)
    } else {
        RemoteKind::Named(word.text.clone())
    };
    Remote { kind, span: word.span.clone() }
}

/// Reads remotes that stand alone, as behind the key `from:`; `None` when a mistake was told.
pub(super) fn remotes(text: &Piece, findings: &mut Vec<Diagnostic>) -> Option<Vec<Remote>> {
    let mut words = Words::new(text, findings);
    let remotes = words.remotes();
    if !words.broken
        && let Some(token) = words.tokens.next()
    {
        let message = format!("expected a comma or the end of the list of remotes, found `{}`", token.word);
        words.tell(Diagnostic::new(codes::BAD_RULE, message).at(text.part(token.at), ""));
    }
    (!words.broken).then_some(remotes)
}

/// Reads a service that stands alone: `PROTOCOL [PORTS | MESSAGES] [ipv4|ipv6]`.
pub(super) fn service(text: &Piece, findings: &mut Vec<Diagnostic>) -> Fields {
    let mut words = Words::new(text, findings);
    let mut fields = Fields { span: text.span.clone(), ..Fields::default() };
    read_protocol(&mut words, &mut fields);
    while !words.broken
        && let Some(token) = words.tokens.next()
    {
        if token.is("ipv4") || token.is("ipv6") {
            read_option(&mut words, &mut fields, &token);
            continue;
        }
        let message = format!("expected `ipv4`, `ipv6` or the end of the service, found `{}`", token.word);
        words.tell(Diagnostic::new(codes::BAD_RULE, message).at(text.part(token.at), ""));
    }
    fields.broken = words.broken;
    fields
}

/// Reads a rule. `in_flow_list` is whether it stands in `[...]`, where YAML ends it at a comma.
pub(super) fn rule(text: &Piece, in_flow_list: bool, findings: &mut Vec<Diagnostic>) -> Fields {
    let mut words = Words::new(text, findings);
    let mut fields = Fields { span: text.span.clone(), ..Fields::default() };
    read_action(&mut words, &mut fields, in_flow_list);
    // Without an action nothing that follows can be trusted to be what it seems.
    if fields.action.is_some() {
        read_protocol(&mut words, &mut fields);
        while let Some(token) = words.tokens.next() {
            if !read_option(&mut words, &mut fields, &token) {
                break;
            }
        }
    }
    fields.broken = words.broken;
    fields
}

fn read_action(words: &mut Words<'_, '_>, fields: &mut Fields, in_flow_list: bool) {
    let Some(token) = words.tokens.next() else {
        return words.missing("a rule such as `allow tcp 22 from any`", ());
    };
    fields.action = action(token.word);
    if fields.action.is_none() {
        let message = format!("expected `allow` or `deny`, found `{}`", token.word);
        let finding = Diagnostic::new(codes::BAD_ACTION, message).at(words.text.part(token.at), "");
        let meant = match token.word.to_ascii_lowercase().as_str() {
            "accept" | "permit" | "pass" => Some("did you mean `allow`?".to_owned()),
            "drop" | "reject" | "block" => Some("did you mean `deny`?".to_owned()),
            other => did_you_mean(other, ["allow", "deny"]),
        };
        let comma = in_flow_list && meant.is_none();
        let comma = comma
            .then(|| "inside [...] a comma ends the rule: put a rule that has commas in quotes".to_owned());
        words.tell(finding.maybe_help(meant).maybe_help(comma));
    }
}

/// `allow` or `deny`.
pub(super) fn action(word: &str) -> Option<Action> {
    [Action::Allow, Action::Deny].into_iter().find(|action| action.to_string().eq_ignore_ascii_case(word))
}

/// `all`, or the name or number of a protocol.
pub(super) fn protocol(word: &Piece, findings: &mut Vec<Diagnostic>) -> Option<ProtocolWord> {
    if word.text.eq_ignore_ascii_case("all") {
        return Some(ProtocolWord::All);
    }
    match word.text.parse::<Protocol>() {
        Ok(protocol) => {
            port_as_protocol(word, protocol, findings);
            Some(ProtocolWord::One(protocol))
        }
        Err(error) => {
            let finding = Diagnostic::new(codes::BAD_PROTOCOL, error.to_string()).at(word.span.clone(), "");
            let meant = if word.text.eq_ignore_ascii_case("any") {
                Some("every protocol is `all`".to_owned())
            } else {
                did_you_mean(&word.text, ["all", "tcp", "udp", "icmp", "icmpv6", "sctp", "gre"])
            };
            findings.push(finding.maybe_help(meant));
            None
        }
    }
}

/// Warns of `allow 22`, which is about IP protocol 22.
fn port_as_protocol(word: &Piece, protocol: Protocol, findings: &mut Vec<Diagnostic>) {
    let number = word.text.bytes().all(|b| b.is_ascii_digit());
    let known =
        [Protocol::TCP, Protocol::UDP].into_iter().find(|&of| service_name(of, protocol.0.into()).is_some());
    if let (true, None, Some(of)) = (number, protocol.name(), known) {
        let message = format!("{} is read as the number of a protocol", word.text);
        let finding = Diagnostic::new(codes::PORT_AS_PROTOCOL, message).at(word.span.clone(), "");
        findings.push(finding.help(format!("the port is `{of} {}`", word.text)));
    }
}

fn read_protocol(words: &mut Words<'_, '_>, fields: &mut Fields) {
    let Some(token) = words.tokens.next_if(|token| token.word != "," && !token.ends_list()) else {
        return words.missing("a protocol such as tcp, udp, icmp or all", ());
    };
    let word = words.piece(&token.at);
    match protocol(&word, words.findings) {
        Some(protocol) => fields.protocol = Some((protocol, word.span)),
        None => words.broken = true,
    }
    if words.tokens.peek().is_none_or(Token::ends_list) {
        return;
    }
    let is_icmp = matches!(fields.protocol, Some((ProtocolWord::One(Protocol::ICMP | Protocol::ICMPV6), _)));
    let list = words.list(if is_icmp { "an ICMP message" } else { "a port" });
    *(if is_icmp { &mut fields.icmp } else { &mut fields.ports }) = Some(list);
}

/// Reads what `token` begins; false when nothing more can be read.
fn read_option(words: &mut Words<'_, '_>, fields: &mut Fields, token: &Token<'_>) -> bool {
    let at = words.text.part(token.at.clone());
    let twice;
    if token.is("from") || token.is("to") {
        twice = fields.remotes.is_some();
        let side = if token.is("from") { Direction::Ingress } else { Direction::Egress };
        fields.side = Some((side, at.clone()));
        fields.remotes = Some(words.remotes());
    } else if token.is("priority") {
        twice = fields.priority.is_some();
        match words.tokens.next() {
            Some(number) => {
                let number = words.piece(&number.at);
                fields.priority = priority(&number, words.findings);
                words.broken |= fields.priority.is_none();
            }
            None => words.missing("a priority from 1 to 100", ()),
        }
    } else if token.is("ipv4") || token.is("ipv6") {
        twice = fields.family.is_some();
        let family = if token.is("ipv4") { Family::V4 } else { Family::V6 };
        fields.family = Some((family, at.clone()));
    } else if token.is("id") {
        twice = fields.id.is_some();
        match words.tokens.next_if(|token| token.word != ",") {
            Some(name) => fields.id = Some(words.piece(&name.at)),
            None => words.missing("the rule's id", ()),
        }
    } else if token.is("maybe") {
        twice = fields.doubt.is_some();
        match words.tokens.next() {
            Some(reason) => {
                fields.doubt = doubt(&words.piece(&reason.at), words.findings);
                words.broken |= fields.doubt.is_none();
            }
            None => words.missing("the reason of a doubt", ()),
        }
    } else if token.is("disabled") {
        twice = fields.enabled.is_some();
        fields.enabled = Some(false);
    } else {
        let message = format!(
            "expected `from`, `to`, `priority`, `ipv4`, `ipv6`, `id`, `disabled` or `maybe`, found `{}`",
            token.word
        );
        let finding = Diagnostic::new(codes::BAD_RULE, message).at(at, "");
        let options = ["from", "to", "priority", "ipv4", "ipv6", "id", "disabled", "maybe"];
        words.tell(finding.maybe_help(did_you_mean(token.word, options)));
        return false;
    }
    if twice {
        let message = format!("`{}` stands a second time in one rule", token.word);
        words.tell(Diagnostic::new(codes::BAD_RULE, message).at(at, ""));
    }
    true
}

/// Why a rule only may match.
pub(super) fn doubt(word: &Piece, findings: &mut Vec<Diagnostic>) -> Option<Doubt> {
    let found = Doubt::ALL.into_iter().find(|doubt| doubt.code() == word.text);
    if found.is_none() {
        let known = Doubt::ALL.map(Doubt::code);
        let message = format!("expected the reason of a doubt ({}), found `{}`", known.join(", "), word.text);
        let finding = Diagnostic::new(codes::BAD_VALUE, message).at(word.span.clone(), "");
        findings.push(finding.maybe_help(did_you_mean(&word.text, known)));
    }
    found
}

/// A priority from 1 to 100.
pub(super) fn priority(number: &Piece, findings: &mut Vec<Diagnostic>) -> Option<Priority> {
    let digits = !number.text.is_empty() && number.text.bytes().all(|b| b.is_ascii_digit());
    let priority = digits.then(|| number.text.parse().ok().and_then(Priority::new)).flatten();
    if priority.is_none() {
        let message = format!("expected a priority from 1 to 100, found `{}`", number.text);
        let finding = Diagnostic::new(codes::BAD_PRIORITY, message).at(number.span.clone(), "");
        findings.push(finding.help("1 is asked first; a rule without a priority has 1"));
    }
    priority
}
