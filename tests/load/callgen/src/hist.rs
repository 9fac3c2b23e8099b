//! Log-linear histogram of nanoseconds: 64 sub-buckets per power of two (<1.6 % error).
const SUB: usize = 64;
const SUB_BITS: u32 = 6;

#[derive(Clone)]
pub struct Hist {
    b: Vec<u32>,
    pub n: u64,
    sum: u128,
    pub max: u64,
    pub min: u64,
}

impl Default for Hist {
    fn default() -> Self {
        Hist {
            b: vec![0; SUB * 40],
            n: 0,
            sum: 0,
            max: 0,
            min: u64::MAX,
        }
    }
}

impl Hist {
    fn idx(v: u64) -> usize {
        if v < SUB as u64 {
            return v as usize;
        }
        let top = 63 - v.leading_zeros();
        let shift = top - SUB_BITS;
        let i = (shift as usize + 1) * SUB + ((v >> shift) as usize & (SUB - 1));
        i.min(SUB * 40 - 1)
    }
    fn value(i: usize) -> u64 {
        if i < SUB {
            return i as u64;
        }
        let shift = i / SUB - 1;
        ((SUB + i % SUB) as u64) << shift
    }
    #[inline]
    pub fn add(&mut self, v: u64) {
        self.b[Self::idx(v)] += 1;
        self.n += 1;
        self.sum += v as u128;
        if v > self.max {
            self.max = v;
        }
        if v < self.min {
            self.min = v;
        }
    }
    pub fn mean(&self) -> f64 {
        if self.n == 0 {
            0.0
        } else {
            self.sum as f64 / self.n as f64
        }
    }
    /// Value at quantile q (0..1), in ns.
    pub fn q(&self, q: f64) -> u64 {
        if self.n == 0 {
            return 0;
        }
        let want = ((self.n as f64 * q).ceil() as u64).clamp(1, self.n);
        let mut acc = 0u64;
        for (i, c) in self.b.iter().enumerate() {
            acc += *c as u64;
            if acc >= want {
                return Self::value(i).min(self.max);
            }
        }
        self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn quantiles_are_close() {
        let mut h = Hist::default();
        for i in 1..=100_000u64 {
            h.add(i * 1000);
        }
        for (q, want) in [
            (0.5, 50_000_000f64),
            (0.99, 99_000_000.0),
            (0.999, 99_900_000.0),
        ] {
            let got = h.q(q) as f64;
            assert!((got - want).abs() / want < 0.02, "{q} {got} {want}");
        }
        assert_eq!(h.max, 100_000_000);
    }
    #[test]
    fn small_values_exact() {
        for v in 0..64 {
            assert_eq!(Hist::value(Hist::idx(v)), v);
        }
    }
}
