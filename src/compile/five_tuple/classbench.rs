//! The text forms of `ClassBench` (Taylor and Turner, "`ClassBench`: A Packet Classification Benchmark", 2007):
//! filter sets and header traces.

use std::net::Ipv4Addr;

use crate::packet::{PortRange, Protocol};

use super::{FiveTuple, FiveTupleRule, Prefix};

/// A line that is no filter or no header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ClassBenchError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// Reads a filter set: `@src/len  dst/len  sport : sport  dport : dport  proto/mask  flags/mask` a line, first line
/// first. Empty lines are skipped; the last column may be missing and is not looked at.
pub fn parse_rules(text: &str) -> Result<Vec<FiveTupleRule>, ClassBenchError> {
    lines(text, |line| {
        let line = line.strip_prefix('@').ok_or("a filter starts with '@'")?;
        let mut words = line.split_ascii_whitespace();
        let source = prefix(next(&mut words, "source prefix")?)?;
        let destination = prefix(next(&mut words, "destination prefix")?)?;
        let source_ports = ports(&mut words, "source port")?;
        let destination_ports = ports(&mut words, "destination port")?;
        let protocol = protocol(next(&mut words, "protocol")?)?;
        Ok(FiveTupleRule { source, destination, source_ports, destination_ports, protocol })
    })
}

/// Reads a header trace: source, destination, source port, destination port and protocol a line, in decimal. Further
/// columns (the generator's own answer) are not looked at.
pub fn parse_trace(text: &str) -> Result<Vec<FiveTuple>, ClassBenchError> {
    lines(text, |line| {
        let mut words = line.split_ascii_whitespace();
        let source = number(next(&mut words, "source address")?, "an address as a number")?;
        let destination = number(next(&mut words, "destination address")?, "an address as a number")?;
        let source_port = number(next(&mut words, "source port")?, "a port")?;
        let destination_port = number(next(&mut words, "destination port")?, "a port")?;
        let protocol = Protocol(number(next(&mut words, "protocol")?, "a protocol number")?);
        let (source, destination) = (Ipv4Addr::from_bits(source), Ipv4Addr::from_bits(destination));
        Ok(FiveTuple::new(source, destination, source_port, destination_port, protocol))
    })
}

fn lines<T>(text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, ClassBenchError> {
    (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| read(line).map_err(|problem| ClassBenchError { line: number, problem }))
        .collect()
}

fn next<'t>(words: &mut impl Iterator<Item = &'t str>, what: &str) -> Result<&'t str, String> {
    words.next().ok_or_else(|| format!("the {what} is missing"))
}

fn number<N: std::str::FromStr>(text: &str, what: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("'{text}' is not {what}"))
}

fn prefix(text: &str) -> Result<Prefix, String> {
    let (address, length) = text.split_once('/').ok_or_else(|| format!("'{text}' has no prefix length"))?;
    let address: Ipv4Addr = number(address, "an IPv4 address")?;
    let length = number(length, "a prefix length")?;
    Prefix::new(address, length).ok_or_else(|| format!("prefix length {length} is over 32"))
}

fn ports<'t>(words: &mut impl Iterator<Item = &'t str>, what: &str) -> Result<PortRange, String> {
    let first = number(next(words, what)?, "a port")?;
    match next(words, "':' between two ports")? {
        ":" => {}
        other => return Err(format!("'{other}' stands where ':' belongs, between two ports")),
    }
    let last = number(next(words, what)?, "a port")?;
    PortRange::new(first, last).ok_or_else(|| format!("{what} range {first} : {last} is backwards"))
}

fn protocol(text: &str) -> Result<Option<Protocol>, String> {
    let hex = |text: &str| {
        text.strip_prefix("0x")
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .ok_or_else(|| format!("'{text}' is not a byte such as 0x06"))
    };
    let (value, mask) = text.split_once('/').ok_or_else(|| format!("protocol '{text}' has no mask"))?;
    match hex(mask)? {
        0 => Ok(None),
        0xff => Ok(Some(Protocol(hex(value)?))),
        _ => Err(format!("protocol mask '{mask}' is neither 0x00 nor 0xFF")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_and_a_header_are_read() {
        let rules = parse_rules(
            "@206.185.185.29/32\t108.156.0.0/16\t0 : 65535\t1712 : 1720\t0x06/0xFF\t0x1000/0x1000\t\n\n\
             @0.0.0.0/0 128.0.0.0/1 53 : 53 0 : 65535 0x00/0x00\n",
        )
        .unwrap();
        assert_eq!(rules.len(), 2);
        assert_eq!(rules[0].destination.length(), 16);
        assert_eq!(rules[0].protocol, Some(Protocol::TCP));
        assert_eq!((rules[1].protocol, rules[1].source), (None, Prefix::ANY));
        let trace = parse_trace("3468278077\t2009652530\t0\t1521\t6\t17\n").unwrap();
        assert_eq!(trace[0].source().to_string(), "206.185.185.61");
        assert_eq!((trace[0].destination_port(), trace[0].protocol()), (1521, Protocol::TCP));
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let message = |text: &str| parse_rules(text).unwrap_err().to_string();
        let good = "@0.0.0.0/0 128.0.0.0/1 53 : 53 0 : 65535 0x00/0x00\n";
        assert_eq!(message(&good.replace('@', "")), "line 1: a filter starts with '@'");
        assert_eq!(message(&format!("{good}@0.0.0.0/33")), "line 2: prefix length 33 is over 32");
        assert_eq!(message("@0.0.0.0/0"), "line 1: the destination prefix is missing");
        assert_eq!(
            message(&good.replace("53 : 53", "53 : 52")),
            "line 1: source port range 53 : 52 is backwards"
        );
        assert_eq!(
            message(&good.replace("53 : 53", "53 - 53")),
            "line 1: '-' stands where ':' belongs, between two ports"
        );
        assert_eq!(
            message(&good.replace("0x00/0x00", "0x06/0x0F")),
            "line 1: protocol mask '0x0F' is neither 0x00 nor 0xFF"
        );
        assert_eq!(
            parse_trace("1 2 3 4 6\n1 2 70000 4 6").unwrap_err().to_string(),
            "line 2: '70000' is not a port"
        );
    }
}
