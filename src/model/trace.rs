//! W3C Trace Context: which trace an event was recorded in, so that its targets can go on with it.

use std::fmt;

/// The `traceparent` and `tracestate` an event was recorded with, passed on to its targets unchanged.
///
/// carteiro reports no spans of its own. So the parent stays the caller's too: an id of ours would name a span that no
/// tracing system ever hears of, and cut the target's spans off from the caller's (W3C Trace Context, "Forwarding"
/// without taking part).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    parent_id: u64,
    flags: u8,
    state: Box<str>,
}

impl TraceContext {
    /// The longest `tracestate` that is passed on, in bytes: what the specification asks for at least (3.3.1.5). Of a
    /// longer one, whole members are left out.
    pub const MAX_STATE_BYTES: usize = 512;
    /// The most members a `tracestate` may have (3.3.1.1).
    const MAX_STATE_MEMBERS: usize = 32;
    /// Longer members are the first to be left out (3.3.1.5).
    const LONG_MEMBER_BYTES: usize = 128;
    const SAMPLED: u8 = 1;
    const IDS_LEN: usize = 16 + 8 + 1;

    /// Reads `00-<trace id>-<parent id>-<flags>`; `None` for what isn't that, which the specification asks to ignore.
    /// Of a later version what version 00 knows is taken (3.2.4). A `tracestate` that can't be read is left out alone.
    pub fn parse(traceparent: &str, tracestate: &str) -> Option<Self> {
        let parts: Vec<&str> = traceparent.splitn(5, '-').collect();
        let [version, trace_id, parent_id, flags, more @ ..] = parts.as_slice() else {
            return None;
        };
        let version = hex(version, 2).filter(|version| *version != 0xff)?;
        if version == 0 && !more.is_empty() {
            return None;
        }
        let trace_id = hex(trace_id, 32).filter(|id| *id != 0)?;
        let parent_id = hex(parent_id, 16).and_then(|id| u64::try_from(id).ok()).filter(|id| *id != 0)?;
        let flags = u8::try_from(hex(flags, 2)?).ok()?;
        let flags = if version == 0 { flags } else { flags & Self::SAMPLED };
        let state = Self::state(tracestate).unwrap_or_default().into_boxed_str();
        Some(Self { trace_id, parent_id, flags, state })
    }

    fn state(text: &str) -> Option<String> {
        let members: Vec<&str> = text
            .split(',')
            .map(|member| member.trim_matches([' ', '\t']))
            .filter(|member| !member.is_empty())
            .collect();
        if members.len() > Self::MAX_STATE_MEMBERS || !members.iter().all(|member| is_state_member(member)) {
            return None;
        }
        let whole = members.join(",");
        if whole.len() <= Self::MAX_STATE_BYTES {
            return Some(whole);
        }
        let mut state = String::new();
        for member in members.into_iter().filter(|member| member.len() <= Self::LONG_MEMBER_BYTES) {
            if state.len() + 1 + member.len() > Self::MAX_STATE_BYTES {
                break;
            }
            if !state.is_empty() {
                state.push(',');
            }
            state.push_str(member);
        }
        Some(state)
    }

    /// The value of `traceparent`, in version 00.
    pub fn traceparent(&self) -> String {
        format!("00-{:032x}-{:016x}-{:02x}", self.trace_id, self.parent_id, self.flags)
    }

    /// The value of `tracestate`, visible ASCII; `None` where there is nothing to send.
    pub fn tracestate(&self) -> Option<&str> {
        (!self.state.is_empty()).then_some(&*self.state)
    }

    /// What the trace is called in logs and answers: its id alone.
    pub fn trace_id(&self) -> impl fmt::Display + use<> {
        struct Hex(u128);
        impl fmt::Display for Hex {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }
        Hex(self.trace_id)
    }

    /// As it is stored: both ids big-endian, the flags, the state.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::IDS_LEN + self.state.len());
        bytes.extend_from_slice(&self.trace_id.to_be_bytes());
        bytes.extend_from_slice(&self.parent_id.to_be_bytes());
        bytes.push(self.flags);
        bytes.extend_from_slice(self.state.as_bytes());
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (ids, state) = bytes.split_at_checked(Self::IDS_LEN)?;
        let (trace_id, rest) = ids.split_first_chunk()?;
        let (parent_id, flags) = rest.split_first_chunk()?;
        let state = std::str::from_utf8(state).ok()?;
        let again = Self::state(state).filter(|again| again == state)?;
        Some(Self {
            trace_id: u128::from_be_bytes(*trace_id),
            parent_id: u64::from_be_bytes(*parent_id),
            flags: *flags.first()?,
            state: again.into_boxed_str(),
        })
    }
}

/// So many digits, lower case as the specification asks.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let good = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    good.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// `key=value` (3.3.1.3).
fn is_state_member(member: &str) -> bool {
    let Some((key, value)) = member.split_once('=') else {
        return false;
    };
    let is_key = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@');
    let is_value = |byte: u8| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=';
    (1..=256).contains(&key.len())
        && key.bytes().all(is_key)
        && (1..=256).contains(&value.len())
        && value.bytes().all(is_value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_context_is_passed_on_as_it_came() {
        let state = "congo=t61rcWkgMzE,rojo@shop=00f067aa0ba902b7";
        let trace = TraceContext::parse(GIVEN, state).unwrap();
        assert_eq!((trace.traceparent(), trace.tracestate()), (GIVEN.to_owned(), Some(state)));
        assert_eq!(trace.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(TraceContext::from_bytes(&trace.to_bytes()), Some(trace));
        let bare = TraceContext::parse(&GIVEN.replace("-01", "-ff"), "").unwrap();
        assert_eq!((bare.traceparent(), bare.tracestate()), (GIVEN.replace("-01", "-ff"), None));
        assert_eq!(TraceContext::from_bytes(&bare.to_bytes()), Some(bare));
    }

    #[test]
    fn what_is_none_is_ignored() {
        for bad in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 ",
        ] {
            assert_eq!(TraceContext::parse(bad, "a=1"), None, "{bad}");
        }
    }

    /// 3.2.4: of a later version its first four parts, sent on in version 00, of the flags the one that 00 knows.
    #[test]
    fn of_a_later_version_what_is_known_is_taken() {
        for later in [GIVEN.replace("00-", "cc-"), GIVEN.replace("00-", "01-").replace("-01", "-03-what-comes")] {
            assert_eq!(TraceContext::parse(&later, "").unwrap().traceparent(), GIVEN, "{later}");
        }
    }

    #[test]
    fn a_state_that_is_broken_or_long_costs_no_more_than_it_must() {
        let parsed = |state: &str| TraceContext::parse(GIVEN, state).unwrap().tracestate().map(str::to_owned);
        for broken in ["a", "a=", "=1", "A=1", "a=1,b", "a=é", "a=1=2", "a=1\u{7f}"] {
            assert_eq!(parsed(broken), None, "{broken}");
        }
        assert_eq!(parsed(" a=1 ,,\tb=2"), Some("a=1,b=2".to_owned()));
        let members = |count: usize| (0..count).map(|n| format!("k{n}=1")).collect::<Vec<_>>().join(",");
        assert_eq!(parsed(&members(32)), Some(members(32)));
        assert_eq!(parsed(&members(33)), None);
        let (long, short) = (format!("long={}", "x".repeat(200)), format!("s={}", "x".repeat(100)));
        let rest = [&*short; 4].join(",");
        assert_eq!(parsed(&format!("{long},{rest}")), Some(rest.clone()), "the long one goes first");
        assert_eq!(parsed(&[&*short; 6].join(",")), Some(rest), "then those at the end");
        assert_eq!(parsed(&format!("s={}", "x".repeat(255))).map(|state| state.len()), Some(257));
        // At each limit, and one byte past it.
        let member = |bytes: usize| format!("m={}", "x".repeat(bytes - 2));
        let most = [member(256), member(255)].join(",");
        assert_eq!((most.len(), parsed(&most)), (TraceContext::MAX_STATE_BYTES, Some(most)));
        assert_eq!(parsed(&[member(256), member(256)].join(",")), None, "too long, and each of its members is too");
        let with = |bytes: usize| parsed(&[member(bytes), member(258), member(258)].join(","));
        let longest = TraceContext::LONG_MEMBER_BYTES;
        assert_eq!((with(longest), with(longest + 1)), (Some(member(longest)), None));
    }

    proptest! {
        #[test]
        fn whatever_is_taken_is_kept_and_can_be_sent(
            parent in "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}",
            state in "\\PC{0,40}|[a-c=,@ ]{0,900}",
        ) {
            if let Some(trace) = TraceContext::parse(&parent, &state) {
                prop_assert_eq!(TraceContext::from_bytes(&trace.to_bytes()), Some(trace.clone()));
                prop_assert!(http::HeaderValue::from_str(trace.tracestate().unwrap_or_default()).is_ok());
                prop_assert!(trace.tracestate().unwrap_or_default().len() <= TraceContext::MAX_STATE_BYTES);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = TraceContext::from_bytes(&bytes);
        }
    }
}
