//! The order in which the targets of a trunk are tried: priority, then weight (after RFC 2782).

use crate::schema::SipUri;
use sbc_core::Entropy;
use sbc_core::transport::Target;

/// A target of a trunk.
pub(crate) struct Listed {
    pub(crate) uri: SipUri,
    pub(crate) target: Target,
    /// The lowest goes first.
    pub(crate) priority: u16,
    /// Its share of the first place among those of its priority; zero: behind those with one.
    pub(crate) weight: u16,
}

/// One order of `targets`, which are sorted by priority. Of those with one priority, each place
/// goes to one that is left, with a chance of its weight in the sum of theirs; those without weight
/// follow in the order they stand. Without weights nothing is drawn from `entropy`.
pub(super) fn ordered<'t>(targets: &'t [Listed], entropy: &mut Entropy) -> Vec<&'t Listed> {
    let mut left: Vec<&Listed> = targets.iter().collect();
    let mut ordered = Vec::with_capacity(left.len());
    while let Some(first) = left.first() {
        let equals = left.iter().take_while(|t| t.priority == first.priority);
        let equals = equals.count();
        let next = drawn(&left[..equals], entropy);
        ordered.push(left.remove(next));
    }
    ordered
}

fn drawn(equals: &[&Listed], entropy: &mut Entropy) -> usize {
    let sum: u64 = equals.iter().map(|t| u64::from(t.weight)).sum();
    if sum == 0 || equals.len() == 1 {
        return 0;
    }
    let mut point = entropy.below(sum);
    for (n, target) in equals.iter().enumerate() {
        let weight = u64::from(target.weight);
        if point < weight {
            return n;
        }
        point -= weight;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use sbc_core::sip::{Host, Uri};
    use sbc_core::transport::Transport;

    fn targets(of: &[(u16, u16)]) -> Vec<Listed> {
        let listed = |(n, &(priority, weight)): (usize, &(u16, u16))| {
            let host = Host::Name(format!("t{n}").into());
            Listed {
                uri: SipUri(Uri::sip(None, host.clone(), None)),
                target: Target {
                    host,
                    port: 5060,
                    transport: Transport::Udp,
                },
                priority,
                weight,
            }
        };
        of.iter().enumerate().map(listed).collect()
    }

    /// The places of `targets` in one order.
    fn order(targets: &[Listed], entropy: &mut Entropy) -> Vec<usize> {
        let place = |t: &Listed| targets.iter().position(|o| o.target == t.target);
        let ordered = ordered(targets, entropy).into_iter();
        ordered.map(|t| place(t).expect("one of them")).collect()
    }

    #[test]
    fn the_first_place_is_shared_by_weight() {
        let targets = targets(&[(1, 60), (1, 30), (1, 10)]);
        let mut entropy = Entropy::from_seed(7);
        let mut first = [0_i32; 3];
        let mut second_after_0 = [0_i32; 3];
        for _ in 0..10_000 {
            let order = order(&targets, &mut entropy);
            first[order[0]] += 1;
            if order[0] == 0 {
                second_after_0[order[1]] += 1;
            }
        }
        // Four standard deviations are 196 at most.
        for (have, want) in first.iter().zip([6000, 3000, 1000]) {
            assert!((have - want).abs() < 200, "{first:?}");
        }
        // Of those left, three to one.
        let (b, c) = (second_after_0[1], second_after_0[2]);
        assert!((b - 3 * c).abs() < 600, "{second_after_0:?}");
    }

    #[test]
    fn priority_goes_before_weight_and_none_is_lost() {
        let targets = targets(&[(1, 1), (1, 5), (2, 60_000), (2, 0), (2, 1), (9, 0)]);
        let mut entropy = Entropy::from_seed(8);
        for _ in 0..200 {
            let order = order(&targets, &mut entropy);
            assert_eq!(order.len(), 6);
            assert!(order[..2].contains(&0) && order[..2].contains(&1));
            assert!(order[2..4].contains(&2) && order[2..4].contains(&4));
            assert_eq!(order[4..], [3, 5], "no weight comes last in its priority");
        }
    }

    #[test]
    fn without_weights_the_list_is_the_order_and_nothing_is_drawn() {
        let targets = targets(&[(1, 0), (1, 0), (2, 7), (3, 0)]);
        let (mut entropy, mut untouched) = (Entropy::from_seed(9), Entropy::from_seed(9));
        assert_eq!(order(&targets, &mut entropy), [0, 1, 2, 3]);
        assert_eq!(entropy.u64(), untouched.u64());
    }
}
