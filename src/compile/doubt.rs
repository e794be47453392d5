//! Rules in doubt: what they and the rules behind them come to.

use crate::policy::{Action, Doubt, Policy, RuleId};

/// What the rules of a step say about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// This rule decides; `None` is the default drop.
    Certain(Option<RuleId>),
    /// It hangs on this rule, which may match or not.
    Doubtful(RuleId, Doubt),
}

impl Ruling {
    /// The rule that decides, or that it hangs on.
    pub const fn rule(self) -> Option<RuleId> {
        match self {
            Self::Certain(rule) => rule,
            Self::Doubtful(rule, _) => Some(rule),
        }
    }

    /// Whether it is certain that the packet passes.
    pub fn allows(self, policy: &Policy) -> bool {
        matches!(self, Self::Certain(Some(rule)) if policy.rule(rule).action == Action::Allow)
    }
}

/// Follows the rules from the first one that matches or may match to the first that does for certain.
///
/// Of a rule in doubt both is possible: that it decides, and that the next one does. When all of them and the end of the
/// list say the same, the doubt makes no difference.
pub(super) fn settle(
    policy: &Policy,
    first: Option<RuleId>,
    mut behind: impl FnMut(RuleId) -> Option<RuleId>,
) -> Ruling {
    let Some((rule, doubt)) = first.and_then(|rule| Some((rule, policy.rule(rule).doubt?))) else {
        return Ruling::Certain(first);
    };
    let action = policy.rule(rule).action;
    let mut next = rule;
    loop {
        let Some(rule_behind) = behind(next) else {
            let same = action == Action::Deny;
            return if same { Ruling::Certain(None) } else { Ruling::Doubtful(rule, doubt) };
        };
        next = rule_behind;
        if policy.rule(next).action != action {
            return Ruling::Doubtful(rule, doubt);
        }
        if policy.rule(next).doubt.is_none() {
            return Ruling::Certain(Some(next));
        }
    }
}
