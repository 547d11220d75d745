//! Many multiples of one point: signed fixed windows, added in affine coordinates with one shared field inversion a window.
//!
//! A scalar is cut into windows of `c` bits with digits in `-2^(c-1) ..= 2^(c-1)`. For each window a table holds the multiples
//! `1 ..= 2^(c-1)` of `2^(c*w) * base`; a multiple is the sum of one entry (or its negative) a window. The sums of a batch of
//! scalars advance together, so the inversions of the affine additions are paid once a window (Montgomery's trick).

use blstrs::Scalar;
use ff::PrimeField;
use group::Group;
use rayon::prelude::*;

use super::curve::{Coordinate, Curve1, Point};

/// Scalars that advance together. Small enough for the sums and their scratch to stay in the second-level cache.
pub const BATCH: usize = 1024;

const SCALAR_BITS: usize = 255;

/// What one addition of a batch has to do.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Nothing,
    Add,
    Double,
}

/// One addition on its way: between the two passes the shared inversion happens.
#[derive(Clone, Copy)]
struct Addition<F> {
    step: Step,
    addend: Point<F>,
    denominator: F,
    /// Product of the denominators before this one.
    prefix: F,
}

impl<F: Coordinate> Addition<F> {
    fn none() -> Self {
        Addition { step: Step::Nothing, addend: Point::default(), denominator: F::default(), prefix: F::default() }
    }
}

/// Working memory of a batch, reused from window to window.
pub struct Scratch<F> {
    additions: Vec<Addition<F>>,
    digits: Vec<i32>,
    pub sums: Vec<Point<F>>,
}

impl<F: Coordinate> Scratch<F> {
    pub fn new() -> Self {
        Scratch { additions: vec![Addition::none(); BATCH], digits: Vec::new(), sums: vec![Point::default(); BATCH] }
    }
}

/// `sums[i] += addend(i)` for every `i`, in affine coordinates, with one inversion for all.
#[inline(always)]
fn add_all<F: Coordinate>(
    sums: &mut [Point<F>],
    additions: &mut [Addition<F>],
    addend: impl Fn(usize) -> Option<Point<F>>,
) {
    let zero = F::default();
    let mut product = F::one();
    for (i, (sum, addition)) in sums.iter_mut().zip(additions.iter_mut()).enumerate() {
        addition.step = Step::Nothing;
        let Some(point) = addend(i) else { continue };
        if sum.is_infinity() {
            *sum = point;
            continue;
        }
        let mut denominator = point.x.sub(&sum.x);
        let mut step = Step::Add;
        if denominator == zero {
            if point.y != sum.y {
                *sum = Point::default();
                continue;
            }
            // The order of the group is odd: no point has y = 0.
            denominator = sum.y.add(&sum.y);
            step = Step::Double;
        }
        addition.step = step;
        addition.addend = point;
        addition.denominator = denominator;
        addition.prefix = product;
        product = product.mul(&denominator);
    }
    let mut inverse = product.inverse();
    for (sum, addition) in sums.iter_mut().zip(additions.iter()).rev() {
        let point = &addition.addend;
        let numerator = match addition.step {
            Step::Nothing => continue,
            Step::Add => point.y.sub(&sum.y),
            Step::Double => {
                let square = sum.x.square();
                square.add(&square).add(&square)
            }
        };
        let slope = numerator.mul(&inverse.mul(&addition.prefix));
        inverse = inverse.mul(&addition.denominator);
        let x = slope.square().sub(&sum.x).sub(&point.x);
        let y = slope.mul(&sum.x.sub(&x)).sub(&sum.y);
        *sum = Point { x, y };
    }
}

/// Asks for a table entry before it is needed: the tables are bigger than the second-level cache.
#[inline(always)]
fn prefetch<T>(item: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
        let start = (item as *const T).cast::<i8>();
        for line in (0..std::mem::size_of::<T>()).step_by(64) {
            // Safety: a prefetch reads nothing.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.add(line)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = item;
}

const AHEAD: usize = 12;

/// The multiples of one base point.
pub struct FixedBase<C: Curve1> {
    window_bits: usize,
    windows: usize,
    /// `windows` tables one after the other, each of `2^(window_bits-1)` points.
    table: Vec<Point<C::Field>>,
}

impl<C: Curve1> FixedBase<C> {
    /// A bigger window is a bigger table and fewer additions: it pays off for many multiples.
    pub fn new(base: &C::Projective, window_bits: usize) -> Self {
        let windows = SCALAR_BITS.div_ceil(window_bits) + usize::from(SCALAR_BITS % window_bits == 0);
        let entries = 1usize << (window_bits - 1);
        let mut bases = Vec::with_capacity(windows);
        let mut at = *base;
        for _ in 0..windows {
            bases.push(C::from_projective(&at));
            for _ in 0..window_bits {
                at = at.double();
            }
        }
        let mut table = vec![Point::default(); windows * entries];
        table.par_chunks_mut(entries).zip(bases.par_iter()).for_each(|(table, first)| {
            table[0] = *first;
            let mut additions = vec![Addition::none(); entries / 2];
            let mut filled = 1;
            while filled < entries {
                // (1..=n)P + nP = (n+1..=2n)P
                let (low, high) = table.split_at_mut(filled);
                let last = low[filled - 1];
                high[..filled].copy_from_slice(low);
                add_all(&mut high[..filled], &mut additions[..filled], |_| Some(last));
                filled *= 2;
            }
        });
        FixedBase { window_bits, windows, table }
    }

    /// The multiples of at most [`BATCH`] scalars, in `scratch.sums`.
    pub fn multiply(&self, scalars: &[Scalar], scratch: &mut Scratch<C::Field>) {
        let count = scalars.len();
        assert!(count <= BATCH);
        scratch.digits.resize(self.windows * BATCH, 0);
        for (i, scalar) in scalars.iter().enumerate() {
            self.cut(scalar, i, &mut scratch.digits);
        }
        scratch.sums[..count].fill(Point::default());
        let entries = 1usize << (self.window_bits - 1);
        for window in 0..self.windows {
            let table = &self.table[window * entries..][..entries];
            let digits = &scratch.digits[window * BATCH..][..count];
            let entry = |i: usize| {
                let digit = digits[i];
                if digit == 0 {
                    return None;
                }
                Some(&table[digit.unsigned_abs() as usize - 1])
            };
            add_all(&mut scratch.sums[..count], &mut scratch.additions[..count], |i| {
                if i + AHEAD < count {
                    if let Some(later) = entry(i + AHEAD) {
                        prefetch(later);
                    }
                }
                entry(i).map(|point| Point { x: point.x, y: point.y.negate_if(digits[i] < 0) })
            });
        }
    }

    /// Writes the signed digits of a scalar, one a window, at column `i`.
    fn cut(&self, scalar: &Scalar, i: usize, digits: &mut [i32]) {
        let bytes = scalar.to_repr();
        let mut limbs = [0u64; 5];
        for (limb, chunk) in limbs.iter_mut().zip(bytes.as_ref().chunks_exact(8)) {
            *limb = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
        }
        let half = 1i32 << (self.window_bits - 1);
        let mask = (1u64 << self.window_bits) - 1;
        let mut carry = 0i32;
        for window in 0..self.windows {
            let bit = window * self.window_bits;
            let (limb, shift) = (bit / 64, bit % 64);
            let low = limbs.get(limb).copied().unwrap_or(0) >> shift;
            let high = if shift == 0 { 0 } else { limbs.get(limb + 1).copied().unwrap_or(0) << (64 - shift) };
            let mut digit = ((low | high) & mask) as i32 + carry;
            carry = 0;
            if digit > half {
                digit -= half * 2;
                carry = 1;
            }
            digits[window * BATCH + i] = digit;
        }
        debug_assert_eq!(carry, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::curve::{G1, G2};
    use super::*;
    use ff::Field;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    fn agrees<C: Curve1>(window_bits: usize)
    where
        C::Projective: std::ops::Mul<Scalar, Output = C::Projective>,
    {
        let mut rng = ChaCha20Rng::from_seed([7; 32]);
        let base = C::Projective::random(&mut rng);
        let fixed = FixedBase::<C>::new(&base, window_bits);
        let mut scalars: Vec<Scalar> = (0..40).map(|_| Scalar::random(&mut rng)).collect();
        scalars.extend([
            Scalar::ZERO,
            Scalar::ONE,
            -Scalar::ONE,
            Scalar::from(2),
            -Scalar::from(2),
            Scalar::from(u64::MAX),
        ]);
        scalars.push(Scalar::from(1u64 << (window_bits - 1)));
        let mut scratch = Scratch::new();
        fixed.multiply(&scalars, &mut scratch);
        for (scalar, sum) in scalars.iter().zip(&scratch.sums) {
            assert!(*sum == C::from_projective(&(base * *scalar)), "{scalar:?}");
        }
    }

    #[test]
    fn multiples_agree_with_double_and_add() {
        for window_bits in [3, 5, 8, 11] {
            agrees::<G1>(window_bits);
            agrees::<G2>(window_bits);
        }
    }
}
