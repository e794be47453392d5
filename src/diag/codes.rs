//! Every kind of finding, in one table.
//!
//! Codes are stable: append-only, never renamed, because people search for them and silence them. Each has a section
//! in `docs/diagnostics.md`; a test keeps table and page together.

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The input cannot be used.
    Error,
    /// The input is used, but probably does not say what was meant.
    Warning,
    /// Worth knowing.
    Note,
}

/// A kind of finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Its stable name in kebab case.
    pub name: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// What it means, in one sentence.
    pub about: &'static str,
}

macro_rules! codes {
    ($($konst:ident = $severity:ident $name:literal $about:literal;)*) => {
        $(
            #[doc = $about]
            pub const $konst: Code =
                Code { name: $name, severity: Severity::$severity, about: $about };
        )*

        /// All codes, in the order of `docs/diagnostics.md`.
        pub const ALL: &[Code] = &[$($konst),*];
    };
}

codes! {
    UNREADABLE_FILE = Error "unreadable-file" "The file is missing, is a folder, or may not be read.";
    NOT_UTF8 = Error "not-utf8" "The file holds bytes that are not UTF-8 text.";
    EMPTY_FILE = Error "empty-file" "The file says nothing.";
    SYNTAX = Error "syntax" "The text is neither YAML nor JSON.";
    TOO_LARGE = Error "too-large" "The file is larger, deeper or more entangled than a scenario may be.";
    SEVERAL_DOCUMENTS = Error "several-documents" "The file holds more than one YAML document.";
    WRONG_TYPE = Error "wrong-type" "A list, a mapping or a text stands where something else belongs.";
    UNKNOWN_KEY = Error "unknown-key" "The key means nothing at this place.";
    DUPLICATE_KEY = Error "duplicate-key" "One mapping has the same key twice.";
    DUPLICATE_GROUP = Error "duplicate-group" "Two groups have one name.";
    DUPLICATE_SET = Error "duplicate-set" "An address set has the name of a parameter of the preset.";
    DUPLICATE_RULE_ID = Error "duplicate-rule-id" "Two rules of one group have one id.";
    BAD_NAME = Error "bad-name" "The name could not be told from other words of a rule.";
    BAD_VALUE = Error "bad-value" "The value is not one of those that the key takes.";
    BAD_DURATION = Error "bad-duration" "The text is not a length of time such as 30s, 10m or 5d.";
    BAD_CIDR = Error "bad-cidr" "The text is not an address, CIDR or address range.";
    BACKWARDS_RANGE = Error "backwards-range" "The range ends before it starts.";
    BAD_PORT = Error "bad-port" "The text is not a port from 0 to 65535 or a range of them.";
    BAD_PROTOCOL = Error "bad-protocol" "The text is neither the name nor the number of an IP protocol.";
    BAD_ICMP = Error "bad-icmp" "The text is neither the name of an ICMP message nor a type and code.";
    BAD_PRIORITY = Error "bad-priority" "The priority is not a number from 1 to 100.";
    BAD_ACTION = Error "bad-action" "The rule neither allows nor denies.";
    BAD_RULE = Error "bad-rule" "The words do not make a rule.";
    WRONG_SIDE = Error "wrong-side" "An ingress rule says `to`, or an egress rule `from`.";
    NO_PORTS = Error "no-ports" "Ports or ICMP messages are asked of a protocol that has none.";
    FAMILY_CONFLICT = Error "family-conflict" "The protocol and the ethertype exclude each other.";
    UNKNOWN_GROUP = Error "unknown-group" "No group has this name.";
    UNKNOWN_REMOTE = Error "unknown-remote" "The far side is neither an address nor the name of a set or group.";
    AMBIGUOUS_REMOTE = Error "ambiguous-remote" "A set and a group have this name, and the rule does not say which.";
    AMBIGUOUS_GROUP = Error "ambiguous-group" "Several groups have this name, and nothing says which is meant.";
    CYCLIC_SET = Error "cyclic-set" "An address set contains itself.";
    INTERFACE_WITHOUT_ADDRESS = Error "interface-without-address" "The interface has no address of its own.";
    ADDRESS_OWNED_TWICE = Error "address-owned-twice" "Two interfaces own one address or network.";
    UNKNOWN_PRESET = Error "unknown-preset" "No preset has this name.";
    MISSING_PARAMETER = Error "missing-parameter" "The preset has to be told an address range of the cluster.";
    UNKNOWN_PARAMETER = Error "unknown-parameter" "The preset has no parameter of this name.";
    UNKNOWN_RULE = Error "unknown-rule" "A rule is named that does not exist.";
    UNKNOWN_FORMAT = Error "unknown-format" "The file is JSON or a workbook, but in no form that is read.";
    NOTHING_USED = Error "nothing-used" "The form of the file is known, but there is nothing in it to use.";
    MISSING_FIELD = Error "missing-field" "A field that the form always has is missing.";
    UNKNOWN_WORKLOAD = Error "unknown-workload" "No workload has this name.";
    INCOMPLETE_FLOW = Error "incomplete-flow" "The flow does not say who talks to whom about what.";
    BAD_RATE = Error "bad-rate" "The count or rate is zero, or no number.";
    BAD_DISTRIBUTION = Error "bad-distribution" "The words make no size, length of time or share.";
    UNKNOWN_END = Error "unknown-end" "The end of a flow is neither an address nor the name of an interface, group or set.";
    EMPTY_END = Error "empty-end" "No address can stand at this end of the flow.";
    TOO_MANY_FLOWS = Error "too-many-flows" "More conversations need a port at the same time than there are ports.";
    BAD_FILTER = Error "bad-filter" "The line is no ClassBench filter.";
    HOST_BITS = Warning "host-bits" "The CIDR has bits set behind its prefix; they are ignored.";
    ICMP_MEANS_ICMPV6 = Warning "icmp-means-icmpv6" "The rule says icmp and ipv6; it is read as icmpv6.";
    PORT_AS_PROTOCOL = Warning "port-as-protocol" "A number stands where the protocol does, and it is better known as a port.";
    MAPPED_ADDRESS = Warning "mapped-address" "An IPv4-mapped IPv6 address never stands in an IPv4 packet.";
    UNBOUND_GROUP = Warning "unbound-group" "The group is bound to no interface, so its rules decide nothing.";
    BOUND_TWICE = Warning "bound-twice" "The interface names one group twice; the second time is ignored.";
    EMPTY_REMOTE = Warning "empty-remote" "The far side of the rule holds no address, so the rule never matches.";
    TWO_REMOTES = Warning "two-remotes" "The rule names more than one far side, and its form allows one.";
    NOT_UNDERSTOOD = Warning "not-understood" "No page of the cloud says what this means.";
    UNATTACHED_RULE = Warning "unattached-rule" "The file does not say of which group the rule is.";
    UNKNOWN_MEMBERS = Warning "unknown-members" "No input gives the addresses of a group or set that rules name.";
    AMBIGUOUS_NAME = Warning "ambiguous-name" "Several groups have the name of one that no input has by its identifier.";
    INCOMPLETE_EXPORT = Warning "incomplete-export" "The file is one page of a longer list.";
    LAYERS_DIFFER = Note "layers-differ" "Two inputs say different things; which is taken is said.";
    ASSUMED = Note "assumed" "Something that the file does not say was taken to be so.";
    NO_INTERFACES = Warning "no-interfaces" "The scenario has no interface, so every packet is outside.";
    MISSING_KEY = Error "missing-key" "Something has to be said that is not.";
    CONFLICTING_KEYS = Error "conflicting-keys" "Two keys of one mapping do not go together.";
    BAD_COUNT = Error "bad-count" "The text is neither a count nor a comparison with one.";
    BAD_FLOW = Error "bad-flow" "The text is not a flow such as tcp 10.0.0.1 > 10.0.0.2:443.";
    UNKNOWN_INTERFACE = Error "unknown-interface" "No interface has this name.";
    MATCHED_NOTHING = Error "matched-nothing" "The expectation chooses no packet, flow or connection, so it says nothing.";
    FLOW_LEFT_OUT = Warning "flow-left-out" "An optional flow is left out, because nobody of the scenario can take part.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kebab_case_and_told_apart() {
        for (i, code) in ALL.iter().enumerate() {
            assert!(code.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            assert!(code.about.ends_with('.'), "{}", code.name);
            assert!(ALL[..i].iter().all(|other| other.name != code.name), "{}", code.name);
        }
    }

    #[test]
    fn the_page_has_a_section_for_each_code_in_the_order_of_the_table() {
        let page = include_str!("../../docs/diagnostics.md").replace("\r\n", "\n");
        let sections: Vec<_> = page.split("\n## ").skip(1).collect();
        let titles: Vec<_> = sections.iter().map(|section| section.lines().next().unwrap_or("")).collect();
        assert_eq!(titles, ALL.iter().map(|code| code.name).collect::<Vec<_>>());
        for (section, code) in sections.iter().zip(ALL) {
            let first = format!("{}\n\n{:?}. {}\n", code.name, code.severity, code.about);
            assert!(section.starts_with(&first), "docs/diagnostics.md should say: {first}");
        }
    }
}
