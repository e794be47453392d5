//! A workload for one scenario: every name looked up, every flow known to be possible.

use crate::diag::{self, Diagnostic, codes};
use crate::packet::{Family, PortRange, Timestamp};
use crate::policy::language::Piece;
use crate::policy::{NamedSet, Owners, Policy};

use super::distribution::Distribution;
use super::ends::{Names, Pool};
use super::workload::{
    Amount, Asked, Course, Expected, LoadedWorkload, Workload, WrittenFlow, WrittenTunnel,
};

/// The seed of a workload that names none.
const SEED: u64 = 1;
/// How long a client's port rests after its conversation, as Linux's `TIME_WAIT` does; nanoseconds.
pub(super) const REST: u64 = 60_000_000_000;

/// What is to be made.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where all random choices come from.
    pub seed: u64,
    /// When it begins.
    pub start: Timestamp,
    /// How long conversations keep beginning, nanoseconds.
    pub duration: u64,
    /// The flows, in the order written, without those left out.
    pub flows: Vec<Flow>,
    pub(super) owners: Owners,
}

/// Conversations of one kind.
#[derive(Debug, Clone)]
pub struct Flow {
    /// Its name.
    pub name: String,
    /// What the groups should say of it.
    pub expect: Option<Expected>,
    pub(super) from: Pool,
    pub(super) to: Pool,
    pub(super) tunnel: Option<Tunnel>,
    pub(super) course: Course,
    /// Where forged sources come from.
    pub(super) forged: Pool,
}

/// A VXLAN tunnel between interfaces.
#[derive(Debug, Clone)]
pub(super) struct Tunnel {
    pub(super) from: Pool,
    pub(super) to: Pool,
    pub(super) vni: u32,
    /// Who wraps or unwraps, ascending: each has its own part of the inner networks.
    pub(super) carriers: Vec<std::net::IpAddr>,
}

/// A plan as far as it could be made.
#[derive(Debug)]
pub struct Planned {
    /// Mistakes and remarks about the workload, those of reading it among them.
    pub loaded: LoadedWorkload,
    /// The plan; `None` when there was an error.
    pub plan: Option<Plan>,
}

impl Flow {
    /// Whether this may be one of its conversations: both ends at one interface meet no group.
    pub(super) const fn has_two_ends(
        a: Option<crate::policy::InterfaceId>,
        b: Option<crate::policy::InterfaceId>,
    ) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => a.0 != b.0,
            _ => true,
        }
    }
}

impl Plan {
    /// Looks up the names of a workload in a scenario. `seed` takes precedence over the workload's own; `scale` makes
    /// so many times as many conversations in so many times the duration.
    pub fn make(
        mut loaded: LoadedWorkload,
        policy: &Policy,
        sets: &[NamedSet],
        seed: Option<u64>,
        scale: u32,
    ) -> Planned {
        let Some(workload) = loaded.workload.take() else { return Planned { loaded, plan: None } };
        let mut findings = std::mem::take(&mut loaded.diagnostics);
        let plan = Self::of(&workload, policy, sets, seed, scale, &mut findings);
        diag::tidy(&mut findings, &loaded.source);
        let plan = (!findings.iter().any(Diagnostic::is_error)).then_some(plan);
        loaded.diagnostics = findings;
        loaded.workload = Some(workload);
        Planned { loaded, plan }
    }

    fn of(
        workload: &Workload,
        policy: &Policy,
        sets: &[NamedSet],
        seed: Option<u64>,
        scale: u32,
        findings: &mut Vec<Diagnostic>,
    ) -> Self {
        let names = Names::new(policy, sets, &workload.addresses, findings);
        let duration = workload.duration.saturating_mul(u64::from(scale));
        let (mut flows, mut left_out) = (Vec::new(), Vec::<(String, Vec<&Piece>)>::new());
        for written in &workload.flows {
            let mut told = Vec::new();
            let flow = flow(written, &names, policy, workload.duration, &mut told);
            if written.optional
                && told.iter().any(|finding: &Diagnostic| {
                    finding.code == codes::EMPTY_END || finding.code == codes::UNKNOWN_END
                })
            {
                let why = told.swap_remove(0).message;
                match left_out.iter_mut().find(|(known, _)| *known == why) {
                    Some((_, names)) => names.push(&written.name),
                    None => left_out.push((why, vec![&written.name])),
                }
                continue;
            }
            findings.append(&mut told);
            flows.extend(flow.map(|flow| flow.scaled(scale)));
        }
        findings.extend(left_out.iter().map(|(why, names)| not_made(why, names)));
        if flows.is_empty() && !findings.iter().any(Diagnostic::is_error) {
            findings.push(Diagnostic::new(codes::EMPTY_END, "no flow of the workload suits the scenario"));
        }
        Self {
            seed: seed.or(workload.seed).unwrap_or(SEED),
            start: workload.start,
            duration,
            flows,
            owners: policy.owners.clone(),
        }
    }
}

impl Flow {
    fn scaled(mut self, scale: u32) -> Self {
        if let Amount::Count(count) = &mut self.course.amount {
            *count = count.saturating_mul(u64::from(scale));
        }
        self
    }
}

/// What is said of flows that are left out for the same reason: once, however many there are.
fn not_made(why: &str, flows: &[&Piece]) -> Diagnostic {
    let names: Vec<_> = flows.iter().map(|name| format!("`{}`", name.text)).collect();
    let (message, help) = match &names[..] {
        [name] => (format!("flow {name} is left out: {why}"), None),
        _ => (
            format!("{} flows are left out: {why}", names.len()),
            Some(format!("they are {}", names.join(", "))),
        ),
    };
    let place = flows.first().map_or(0..0, |name| name.span.clone());
    Diagnostic::new(codes::FLOW_LEFT_OUT, message).at(place, "").maybe_help(help)
}

fn flow(
    written: &WrittenFlow,
    names: &Names<'_>,
    policy: &Policy,
    duration: u64,
    findings: &mut Vec<Diagnostic>,
) -> Option<Flow> {
    let family = written.family;
    let from = pool(&written.from, family, &written.name, names, findings);
    let to = pool(&written.to, family, &written.name, names, findings);
    let tunnel = match &written.inside {
        Some(inside) => Some(tunnel(inside, &written.name, names, policy, findings)?),
        None => None,
    };
    let (from, to) = (from?, to?);
    if tunnel.is_none() {
        apart(&from, &to, policy, &written.from, findings)?;
    }
    if written.course.after >= duration {
        let message = format!("flow `{}` begins after the end of the workload", written.name.text);
        let finding = Diagnostic::new(codes::BAD_DURATION, message).at(written.name.span.clone(), "");
        findings.push(finding.help("give the workload a longer `duration`"));
        return None;
    }
    enough_ports(written, &from, &to, duration - written.course.after, findings)?;
    let forged = names.entries(&Piece::elsewhere("outside", &(0..0)), findings).unwrap_or_default();
    Some(Flow {
        name: written.name.text.clone(),
        expect: written.expect,
        from,
        to,
        tunnel,
        course: written.course.clone(),
        forged: Pool::new(family, forged),
    })
}

fn tunnel(
    written: &WrittenTunnel,
    flow: &Piece,
    names: &Names<'_>,
    policy: &Policy,
    findings: &mut Vec<Diagnostic>,
) -> Option<Tunnel> {
    // What is wrapped may be of the other family; those who wrap meet over IPv4.
    let from = pool(&written.from, Family::V4, flow, names, findings);
    let to = pool(&written.to, Family::V4, flow, names, findings);
    let (from, to) = (from?, to?);
    apart(&from, &to, policy, &written.from, findings)?;
    let mut carriers: Vec<_> = from.singles().chain(to.singles()).collect();
    carriers.sort_unstable();
    carriers.dedup();
    Some(Tunnel { from, to, vni: written.vni, carriers })
}

/// The addresses of an end; `None` when there are none, which is told.
fn pool(
    texts: &[Piece],
    family: Family,
    flow: &Piece,
    names: &Names<'_>,
    findings: &mut Vec<Diagnostic>,
) -> Option<Pool> {
    let mut entries = Vec::new();
    for text in texts {
        entries.extend(names.entries(text, findings)?);
    }
    let pool = Pool::new(family, entries);
    if !pool.is_empty() {
        return Some(pool);
    }
    let said: Vec<_> = texts.iter().map(|text| text.text.as_str()).collect();
    let what =
        if said.is_empty() { "an end of the flow".to_owned() } else { format!("`{}`", said.join(", ")) };
    let about = match said[..] {
        [one] if one.starts_with("group ") => "no interface with an address",
        _ => "no address",
    };
    let span = texts.first().map_or_else(|| flow.span.clone(), |text| text.span.clone());
    findings.push(Diagnostic::new(codes::EMPTY_END, format!("{what} has {about} of {family}")).at(span, ""));
    None
}

/// Both ends must not always be one interface.
fn apart(
    from: &Pool,
    to: &Pool,
    policy: &Policy,
    texts: &[Piece],
    findings: &mut Vec<Diagnostic>,
) -> Option<()> {
    let mut owners = from.owners(policy);
    owners.extend(to.owners(policy));
    owners.sort_unstable();
    owners.dedup();
    let [Some(id)] = owners[..] else { return Some(()) };
    let message = format!("both ends of the flow are interface `{}` alone", policy.interface(id).name);
    let finding = Diagnostic::new(codes::EMPTY_END, message);
    let span = texts.first().map_or(0..0, |text| text.span.clone());
    findings.push(finding.at(span, "").help("such packets meet no group: name another end"));
    None
}

/// Whether the conversations that need a port at the same time can have one, on average; the rest is seen on the way.
#[allow(clippy::cast_precision_loss, reason = "an estimate")]
fn enough_ports(
    written: &WrittenFlow,
    from: &Pool,
    to: &Pool,
    duration: u64,
    findings: &mut Vec<Diagnostic>,
) -> Option<()> {
    let Asked::Ports(_, services) = &written.course.service else { return Some(()) };
    let size = |range: &PortRange| u64::from(range.last() - range.first()) + 1;
    let services: u64 = services.iter().map(size).sum();
    let pairs = from.len().saturating_mul(to.len()).saturating_mul(services);
    let tuples = pairs.saturating_mul(size(&written.course.ports));
    let mean = match written.course.lasts {
        Distribution::Fixed(time) => time as f64,
        _ => 0.0,
    };
    let window = REST as f64 + mean;
    let wanted = match written.course.amount {
        Amount::Count(count) => count as f64 * (window / duration as f64).min(1.0),
        Amount::Every(gap) => window.min(duration as f64) / gap,
    };
    if wanted <= tuples as f64 {
        return Some(());
    }
    let message = format!(
        "flow `{}` needs about {wanted:.0} ports at the same time, and there are {tuples} for its clients and services",
        written.name.text
    );
    let finding = Diagnostic::new(codes::TOO_MANY_FLOWS, message).at(written.amount_span.clone(), "");
    findings
        .push(finding.help("give it more `ports` or clients, a longer `duration`, or fewer conversations"));
    None
}
