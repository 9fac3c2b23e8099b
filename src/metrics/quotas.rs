//! Limits and counts of trunks and of the box, written anew for each page: the trunks are those of
//! the configuration in use, and one that a reload took away leaves no last value behind. Their
//! names bound the number of series.

use sbc_core::quota::{Counts, Quota, Quotas, TrunkQuota};
use std::fmt::Write;

/// The lines of one name.
struct Family {
    name: &'static str,
    text: &'static str,
    kind: &'static str,
}

const CALLS: Family = Family {
    name: "sbc_trunk_calls",
    text: "Calls that came from a trunk or go to it, and are not over",
    kind: "gauge",
};
const LIMIT: Family = Family {
    name: "sbc_trunk_calls_limit",
    text: "How many may be at the trunk at a time; not there where that is unlimited",
    kind: "gauge",
};
const ATTEMPTS: Family = Family {
    name: "sbc_trunk_attempts_total",
    text: "Calls that came from a trunk or were to go to it, the refused ones included",
    kind: "counter",
};
const TRUNK_REFUSED: Family = Family {
    name: "sbc_trunk_refused_total",
    text: "Calls that a limit of a trunk kept from it",
    kind: "counter",
};
const REFUSED: Family = Family {
    name: "sbc_refused_total",
    text: "Calls that a limit of the box refused; each copy of an INVITE counts",
    kind: "counter",
};

/// In the text format of Prometheus.
pub(super) fn render(quotas: &Quotas) -> String {
    let mut page = String::new();
    let trunks = &quotas.trunks;
    trunk_lines(&mut page, &CALLS, trunks, |c| {
        let [calls_in, calls_out] = [c.calls_in, c.calls_out].map(u64::from);
        [("way", "in", calls_in), ("way", "out", calls_out)]
    });
    begin(&mut page, &LIMIT);
    for TrunkQuota { quota, .. } in trunks {
        if let Some(limit) = quota.limits().calls {
            line(
                &mut page,
                &LIMIT,
                &format!("trunk=\"{}\"", quota.name()),
                limit.into(),
            );
        }
    }
    trunk_lines(&mut page, &ATTEMPTS, trunks, |c| {
        [("way", "in", c.attempts_in), ("way", "out", c.attempts_out)]
    });
    trunk_lines(&mut page, &TRUNK_REFUSED, trunks, refused);
    begin(&mut page, &REFUSED);
    for (label, value, number) in refused(&quotas.whole.counts()) {
        line(&mut page, &REFUSED, &format!("{label}=\"{value}\""), number);
    }
    page
}

type Label = (&'static str, &'static str, u64);

fn refused(counts: &Counts) -> [Label; 2] {
    [
        ("why", "calls", counts.refused_calls),
        ("why", "cps", counts.refused_cps),
    ]
}

/// A family with two lines for each trunk.
fn trunk_lines(
    page: &mut String,
    family: &Family,
    trunks: &[TrunkQuota],
    numbers: impl Fn(&Counts) -> [Label; 2],
) {
    begin(page, family);
    for quota in trunks
        .iter()
        .map(|trunk: &TrunkQuota| -> &Quota { &trunk.quota })
    {
        for (label, value, number) in numbers(&quota.counts()) {
            // Names of trunks are letters, digits, `-`, `_` and `.`: nothing to escape.
            let labels = format!("trunk=\"{}\",{label}=\"{value}\"", quota.name());
            line(page, family, &labels, number);
        }
    }
}

fn begin(page: &mut String, family: &Family) {
    let Family { name, text, kind } = family;
    // Into a string, which takes all.
    let _written = write!(page, "# HELP {name} {text}\n# TYPE {name} {kind}\n");
}

fn line(page: &mut String, family: &Family, labels: &str, number: u64) {
    let _written = writeln!(page, "{}{{{labels}}} {number}", family.name);
}

#[cfg(test)]
mod tests {
    use super::*;
    use sbc_core::Instant;
    use sbc_core::net::RealmId;
    use sbc_core::quota::{Limits, Way};
    use std::sync::Arc;

    #[test]
    fn every_trunk_of_the_configuration_has_its_lines_and_no_other() {
        let quota = |name: &str, calls| {
            let limits = Limits {
                calls,
                ..Limits::default()
            };
            Quota::new(name.into(), limits, Arc::default())
        };
        let now = Instant::default();
        let trunk = |quota| TrunkQuota {
            realm: RealmId(0),
            quota,
        };
        let (carrier, pbx) = (quota("carrier", Some(2)), quota("pbx", None));
        let held = [Way::In, Way::In, Way::Out].map(|way| carrier.take(now, way));
        let quotas = Quotas {
            whole: quota("", Some(0)),
            trunks: vec![trunk(carrier), trunk(pbx)],
        };
        drop(quotas.whole.take(now, Way::In));
        let page = render(&quotas);
        for line in [
            "# TYPE sbc_trunk_calls gauge",
            "sbc_trunk_calls{trunk=\"carrier\",way=\"in\"} 2",
            "sbc_trunk_calls{trunk=\"carrier\",way=\"out\"} 0",
            "sbc_trunk_calls{trunk=\"pbx\",way=\"in\"} 0",
            "sbc_trunk_calls_limit{trunk=\"carrier\"} 2",
            "sbc_trunk_attempts_total{trunk=\"carrier\",way=\"out\"} 1",
            "# TYPE sbc_trunk_refused_total counter",
            "sbc_trunk_refused_total{trunk=\"carrier\",why=\"calls\"} 1",
            "sbc_trunk_refused_total{trunk=\"carrier\",why=\"cps\"} 0",
            "sbc_refused_total{why=\"calls\"} 1",
            "sbc_refused_total{why=\"cps\"} 0",
        ] {
            assert!(page.lines().any(|l| l == line), "{line}\n{page}");
        }
        assert!(
            !page.contains("sbc_trunk_calls_limit{trunk=\"pbx\"}"),
            "{page}"
        );
        drop(held);
        let later = Quotas {
            trunks: quotas.trunks[..1].to_vec(),
            ..quotas
        };
        let page = render(&later);
        assert!(page.contains("sbc_trunk_calls{trunk=\"carrier\",way=\"in\"} 0\n"));
        assert!(!page.contains("pbx"), "{page}");
    }
}
