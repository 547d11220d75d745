//! Groth16 parameters of a circuit, made locally. INSECURE by construction: whoever knows the seed can forge proofs.
//!
//! [`fast`] writes the same bytes as bellperson's own generator does from the same random numbers ([`stock`]), in a fraction of
//! the time and memory: see `assembly` and `fixed_base`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{ensure, Context, Result};
use bellpepper_core::{Circuit, SynthesisError};
use bellperson::groth16::{generate_random_parameters, VerifyingKey};
use blstrs::{Bls12, G1Affine, G1Projective, G2Projective, Scalar};
use ff::Field;
use group::{Curve, Group};
use rand::RngCore;
use rayon::prelude::*;

use super::assembly::{count, evaluate, CircuitSize};
use super::curve::{Curve1, G1, G2};
use super::fixed_base::{FixedBase, Scratch, BATCH};
use super::progress::Progress;

/// The numbers that nobody may know in a real set-up, in the order bellperson draws them.
struct ToxicWaste {
    g1: G1Projective,
    g2: G2Projective,
    alpha: Scalar,
    beta: Scalar,
    gamma: Scalar,
    delta: Scalar,
    tau: Scalar,
}

impl ToxicWaste {
    fn draw(rng: &mut impl RngCore) -> Self {
        let g1 = G1Projective::random(&mut *rng);
        let g2 = G2Projective::random(&mut *rng);
        let alpha = Scalar::random(&mut *rng);
        let beta = Scalar::random(&mut *rng);
        let gamma = Scalar::random(&mut *rng);
        let delta = Scalar::random(&mut *rng);
        let tau = Scalar::random(&mut *rng);
        ToxicWaste { g1, g2, alpha, beta, gamma, delta, tau }
    }
}

fn inverse(value: &Scalar) -> Result<Scalar, SynthesisError> {
    Option::from(value.invert()).ok_or(SynthesisError::UnexpectedIdentity)
}

/// A table costs time to build too: small for few multiples. Measured on the four circuits of 2 KiB sectors.
fn window_bits(multiples: usize, second_group: bool) -> usize {
    match (multiples, second_group) {
        (0..=200_000, false) => 12,
        (200_001..=1_000_000, false) => 14,
        (_, false) => 16,
        (0..=200_000, true) => 11,
        (_, true) => 14,
    }
}

/// Writes `amount` points at `offset`, several batches at a time. `fill` gives the scalars from an index on.
fn write_multiples<C: Curve1>(
    file: &File,
    offset: u64,
    base: &FixedBase<C>,
    amount: usize,
    fill: impl Fn(usize, &mut [Scalar]) + Sync,
    progress: &Progress,
) -> io::Result<()> {
    let units_a_point = (C::ENCODED_BYTES / 96 * C::ENCODED_BYTES / 96) as u64;
    (0..amount.div_ceil(BATCH)).into_par_iter().with_min_len(4).try_for_each_init(
        || (Scratch::new(), vec![Scalar::ZERO; BATCH], vec![0u8; BATCH * C::ENCODED_BYTES]),
        |(scratch, scalars, bytes), batch| {
            progress.proceed()?;
            let start = batch * BATCH;
            let count = BATCH.min(amount - start);
            fill(start, &mut scalars[..count]);
            base.multiply(&scalars[..count], scratch);
            let bytes = &mut bytes[..count * C::ENCODED_BYTES];
            for (point, out) in scratch.sums.iter().zip(bytes.chunks_exact_mut(C::ENCODED_BYTES)) {
                C::encode(point, out);
            }
            file.write_all_at(bytes, offset + (start * C::ENCODED_BYTES) as u64)?;
            progress.advance(count as u64 * units_a_point);
            Ok(())
        },
    )
}

fn from_slice(scalars: &[Scalar]) -> impl Fn(usize, &mut [Scalar]) + Sync + '_ {
    move |start, out| out.copy_from_slice(&scalars[start..start + out.len()])
}

/// Streams the parameters of a circuit to a file and returns the bytes of the verifying key, which the file begins with.
pub fn fast<C: Circuit<Scalar>>(
    make: impl Fn() -> C + Sync,
    rng: &mut impl RngCore,
    path: &Path,
    progress: &Progress,
) -> Result<Vec<u8>> {
    let waste = ToxicWaste::draw(rng);
    let gamma_inverse = inverse(&waste.gamma)?;
    let delta_inverse = inverse(&waste.delta)?;

    progress.phase("counting");
    let size = count(make())?;
    let domain = size.constraints.next_power_of_two();
    let variables = size.inputs + size.aux;
    // The number of points in the B queries is known after the second pass; a third of the variables is about right.
    let expected = |b: usize| (domain + 2 * variables + b + 4 * b + size.constraints / 8) as u64;
    progress.expect(expected(variables / 3));

    progress.phase("tables");
    let (g1, g2) = rayon::join(
        || FixedBase::<G1>::new(&waste.g1, window_bits(domain + 2 * variables, false)),
        || FixedBase::<G2>::new(&waste.g2, window_bits(variables / 2, true)),
    );

    progress.phase("points");
    let file = File::create(path).with_context(|| format!("could not create {}", path.display()))?;
    let h_offset = vk_bytes(size.inputs) + 4;
    let h_count = domain - 1;
    // H = { tau^i (tau^m - 1) / delta }, which needs no circuit: made while the second pass runs.
    let z = waste.tau.pow_vartime([domain as u64]) - Scalar::ONE;
    let h_factor = z * delta_inverse;
    let powers = |start: usize, out: &mut [Scalar]| {
        let mut power = waste.tau.pow_vartime([start as u64]) * h_factor;
        for scalar in out {
            *scalar = power;
            power *= waste.tau;
        }
    };
    let (evaluation, h_written) = rayon::join(
        || evaluate(make(), size, domain, waste.tau, progress),
        || write_multiples(&file, h_offset, &g1, h_count, powers, progress),
    );
    h_written?;
    let super::assembly::Evaluation { mut a, mut b, mut c } = evaluation?;

    // c becomes (beta a + alpha b + c) / gamma for the inputs, / delta for the others.
    let inputs = size.inputs;
    c.par_iter_mut().zip(a.par_iter().zip(b.par_iter())).enumerate().for_each(|(i, (c, (a, b)))| {
        let divisor = if i < inputs { &gamma_inverse } else { &delta_inverse };
        *c = (*a * waste.beta + *b * waste.alpha + *c) * divisor;
    });
    ensure!(c[inputs..].par_iter().all(|value| *value != Scalar::ZERO), SynthesisError::UnconstrainedVariable);
    // Points at infinity are left out of the A and B queries.
    a.retain(|value| *value != Scalar::ZERO);
    b.retain(|value| *value != Scalar::ZERO);
    progress.expect(expected(b.len()));

    let vk = verifying_key(&waste, &g1, &c[..inputs])?;
    let l = &c[inputs..];
    let mut sections = Sections { file: &file, end: 0 };
    sections.bytes(&vk)?;
    let at = sections.points(h_count, G1::ENCODED_BYTES)?;
    assert_eq!(at, h_offset);
    let at = sections.points(l.len(), G1::ENCODED_BYTES)?;
    write_multiples(&file, at, &g1, l.len(), from_slice(l), progress)?;
    let at = sections.points(a.len(), G1::ENCODED_BYTES)?;
    write_multiples(&file, at, &g1, a.len(), from_slice(&a), progress)?;
    let at = sections.points(b.len(), G1::ENCODED_BYTES)?;
    write_multiples(&file, at, &g1, b.len(), from_slice(&b), progress)?;
    let at = sections.points(b.len(), G2::ENCODED_BYTES)?;
    write_multiples(&file, at, &g2, b.len(), from_slice(&b), progress)?;
    progress.phase("syncing");
    file.sync_all()?;
    Ok(vk)
}

/// Lays the sections of the file one after the other: a big-endian count, then points.
struct Sections<'a> {
    file: &'a File,
    end: u64,
}

impl Sections<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.end)?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// Writes the count and leaves room for the points; returns where they go.
    fn points(&mut self, count: usize, bytes_each: usize) -> Result<u64> {
        let count = u32::try_from(count).context("too many points for the file format")?;
        self.bytes(&count.to_be_bytes())?;
        let at = self.end;
        self.end += u64::from(count) * bytes_each as u64;
        Ok(at)
    }
}

/// Bytes of a verifying key in the file: three points of each group, a count, and one point an input.
pub fn vk_bytes(inputs: usize) -> u64 {
    (3 * 96 + 3 * 192 + 4 + inputs * 96) as u64
}

fn verifying_key(waste: &ToxicWaste, g1: &FixedBase<G1>, inputs: &[Scalar]) -> Result<Vec<u8>> {
    let mut ic = Vec::with_capacity(inputs.len());
    let mut scratch = Scratch::new();
    for batch in inputs.chunks(BATCH) {
        g1.multiply(batch, &mut scratch);
        for point in &scratch.sums[..batch.len()] {
            let mut bytes = [0u8; 96];
            G1::encode(point, &mut bytes);
            let decoded = Option::<G1Affine>::from(G1Affine::from_uncompressed_unchecked(&bytes));
            ic.push(decoded.context("an input point could not be read back")?);
        }
    }
    let key = VerifyingKey::<Bls12> {
        alpha_g1: (waste.g1 * waste.alpha).to_affine(),
        beta_g1: (waste.g1 * waste.beta).to_affine(),
        beta_g2: (waste.g2 * waste.beta).to_affine(),
        gamma_g2: (waste.g2 * waste.gamma).to_affine(),
        delta_g1: (waste.g1 * waste.delta).to_affine(),
        delta_g2: (waste.g2 * waste.delta).to_affine(),
        ic,
    };
    let mut bytes = Vec::new();
    key.write(&mut bytes)?;
    Ok(bytes)
}

/// The generator of the library itself. Slow; for comparison.
pub fn stock<C: Circuit<Scalar>>(make: impl Fn() -> C, rng: &mut impl RngCore, path: &Path) -> Result<Vec<u8>> {
    let parameters = generate_random_parameters::<Bls12, _, _>(make(), rng)?;
    let file = File::create(path).with_context(|| format!("could not create {}", path.display()))?;
    let mut out = BufWriter::new(file);
    parameters.write(&mut out)?;
    out.flush()?;
    let mut vk = Vec::new();
    parameters.vk.write(&mut vk)?;
    Ok(vk)
}

/// Size of a circuit, without making anything.
pub fn measure<C: Circuit<Scalar>>(make: impl Fn() -> C) -> Result<CircuitSize> {
    Ok(count(make())?)
}
