//! The two passes over a circuit that the generator needs: one that counts, one that evaluates the QAP polynomials at tau.

use bellpepper_core::{Circuit, ConstraintSystem, Index, LinearCombination, SynthesisError, Variable};
use blstrs::Scalar;
use ff::{Field, PrimeField};
use rayon::prelude::*;

use super::progress::Progress;

/// What a circuit consists of. `constraints` includes one `x * 0 = 0` for each input, which keeps the input polynomials independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitSize {
    pub constraints: usize,
    pub inputs: usize,
    pub aux: usize,
}

/// Counts variables and constraints without looking at them.
struct Counter {
    size: CircuitSize,
}

impl ConstraintSystem<Scalar> for Counter {
    type Root = Self;

    fn alloc<F, A, AR>(&mut self, _: A, _: F) -> Result<Variable, SynthesisError>
    where
        F: FnOnce() -> Result<Scalar, SynthesisError>,
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        self.size.aux += 1;
        Ok(Variable::new_unchecked(Index::Aux(self.size.aux - 1)))
    }

    fn alloc_input<F, A, AR>(&mut self, _: A, _: F) -> Result<Variable, SynthesisError>
    where
        F: FnOnce() -> Result<Scalar, SynthesisError>,
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        self.size.inputs += 1;
        Ok(Variable::new_unchecked(Index::Input(self.size.inputs - 1)))
    }

    fn enforce<A, AR, LA, LB, LC>(&mut self, _: A, _: LA, _: LB, _: LC)
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
        LA: FnOnce(LinearCombination<Scalar>) -> LinearCombination<Scalar>,
        LB: FnOnce(LinearCombination<Scalar>) -> LinearCombination<Scalar>,
        LC: FnOnce(LinearCombination<Scalar>) -> LinearCombination<Scalar>,
    {
        self.size.constraints += 1;
    }

    fn push_namespace<NR: Into<String>, N: FnOnce() -> NR>(&mut self, _: N) {}
    fn pop_namespace(&mut self) {}
    fn get_root(&mut self) -> &mut Self::Root {
        self
    }
}

pub fn count<C: Circuit<Scalar>>(circuit: C) -> Result<CircuitSize, SynthesisError> {
    let mut counter = Counter { size: CircuitSize { constraints: 0, inputs: 1, aux: 0 } };
    circuit.synthesize(&mut counter)?;
    counter.size.constraints += counter.size.inputs;
    Ok(counter.size)
}

/// The Lagrange coefficients at tau over the smallest power-of-two domain, a stretch at a time.
///
/// `L_i(tau) = (tau^m - 1) / m * omega^i / (tau - omega^i)`; no FFT and no array of the whole domain.
struct Lagrange {
    tau: Scalar,
    omega: Scalar,
    /// (tau^m - 1) / m
    factor: Scalar,
    start: usize,
    values: Vec<Scalar>,
}

const STRETCH: usize = 1 << 16;
const PIECE: usize = 1 << 10;

impl Lagrange {
    fn new(tau: Scalar, domain: usize) -> Result<Self, SynthesisError> {
        let bits = domain.trailing_zeros();
        if bits > Scalar::S {
            return Err(SynthesisError::PolynomialDegreeTooLarge);
        }
        let mut omega = Scalar::ROOT_OF_UNITY;
        for _ in bits..Scalar::S {
            omega = omega.square();
        }
        let m_inverse =
            Option::<Scalar>::from(Scalar::from(domain as u64).invert()).ok_or(SynthesisError::DivisionByZero)?;
        let factor = (tau.pow_vartime([domain as u64]) - Scalar::ONE) * m_inverse;
        Ok(Lagrange { tau, omega, factor, start: 0, values: Vec::new() })
    }

    #[inline(always)]
    fn at(&mut self, index: usize) -> Scalar {
        if index >= self.start + self.values.len() {
            self.refill(index);
        }
        self.values[index - self.start]
    }

    /// Constraints come in order, so a stretch is computed once.
    fn refill(&mut self, index: usize) {
        self.start = index;
        self.values.resize(STRETCH, Scalar::ZERO);
        let (tau, omega, factor) = (self.tau, self.omega, self.factor);
        self.values.par_chunks_mut(PIECE).enumerate().for_each(|(piece, values)| {
            let first = omega.pow_vartime([(index + piece * PIECE) as u64]);
            // One inversion for the piece: prefix products forward, then unwind.
            let mut prefixes = [Scalar::ONE; PIECE];
            let mut root = first;
            let mut product = Scalar::ONE;
            for prefix in prefixes[..values.len()].iter_mut() {
                *prefix = product;
                product *= tau - root;
                root *= omega;
            }
            // tau is no root of unity: the chance is 2^-230, and the caller's identity check would notice.
            let mut inverse = Option::<Scalar>::from(product.invert()).unwrap_or(Scalar::ZERO);
            let omega_inverse = Option::<Scalar>::from(omega.invert()).unwrap_or(Scalar::ZERO);
            for (value, prefix) in values.iter_mut().zip(&prefixes).rev() {
                root *= omega_inverse;
                *value = inverse * prefix * root * factor;
                inverse *= tau - root;
            }
        });
    }
}

/// The three QAP polynomials of every variable at tau: inputs first, then the auxiliary ones.
pub struct Evaluation {
    pub a: Vec<Scalar>,
    pub b: Vec<Scalar>,
    pub c: Vec<Scalar>,
}

struct Evaluator<'a> {
    size: CircuitSize,
    inputs: usize,
    aux: usize,
    constraints: usize,
    lagrange: Lagrange,
    at: Evaluation,
    progress: &'a Progress,
}

#[inline(always)]
fn accumulate(into: &mut [Scalar], inputs: usize, combination: &LinearCombination<Scalar>, lagrange: &Scalar) {
    let one = Scalar::ONE;
    for (variable, coefficient) in combination.iter() {
        let slot = match variable.get_unchecked() {
            Index::Input(i) => &mut into[i],
            Index::Aux(i) => &mut into[inputs + i],
        };
        // Most coefficients are one.
        if *coefficient == one {
            *slot += lagrange;
        } else {
            *slot += *coefficient * lagrange;
        }
    }
}

impl Evaluator<'_> {
    fn constrain(
        &mut self,
        a: &LinearCombination<Scalar>,
        b: &LinearCombination<Scalar>,
        c: &LinearCombination<Scalar>,
    ) {
        let lagrange = self.lagrange.at(self.constraints);
        let inputs = self.size.inputs;
        accumulate(&mut self.at.a, inputs, a, &lagrange);
        accumulate(&mut self.at.b, inputs, b, &lagrange);
        accumulate(&mut self.at.c, inputs, c, &lagrange);
        self.constraints += 1;
        if self.constraints % STRETCH == 0 {
            self.progress.advance(STRETCH as u64 / 8);
        }
    }
}

impl ConstraintSystem<Scalar> for Evaluator<'_> {
    type Root = Self;

    fn alloc<F, A, AR>(&mut self, _: A, _: F) -> Result<Variable, SynthesisError>
    where
        F: FnOnce() -> Result<Scalar, SynthesisError>,
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        self.aux += 1;
        Ok(Variable::new_unchecked(Index::Aux(self.aux - 1)))
    }

    fn alloc_input<F, A, AR>(&mut self, _: A, _: F) -> Result<Variable, SynthesisError>
    where
        F: FnOnce() -> Result<Scalar, SynthesisError>,
        A: FnOnce() -> AR,
        AR: Into<String>,
    {
        self.inputs += 1;
        Ok(Variable::new_unchecked(Index::Input(self.inputs - 1)))
    }

    fn enforce<A, AR, LA, LB, LC>(&mut self, _: A, a: LA, b: LB, c: LC)
    where
        A: FnOnce() -> AR,
        AR: Into<String>,
        LA: FnOnce(LinearCombination<Scalar>) -> LinearCombination<Scalar>,
        LB: FnOnce(LinearCombination<Scalar>) -> LinearCombination<Scalar>,
        LC: FnOnce(LinearCombination<Scalar>) -> LinearCombination<Scalar>,
    {
        self.constrain(&a(LinearCombination::zero()), &b(LinearCombination::zero()), &c(LinearCombination::zero()));
    }

    fn push_namespace<NR: Into<String>, N: FnOnce() -> NR>(&mut self, _: N) {}
    fn pop_namespace(&mut self) {}
    fn get_root(&mut self) -> &mut Self::Root {
        self
    }
}

/// Second pass over an equal circuit: adds every coefficient times its Lagrange coefficient as it comes, and stores no constraint.
pub fn evaluate<C: Circuit<Scalar>>(
    circuit: C,
    size: CircuitSize,
    domain: usize,
    tau: Scalar,
    progress: &Progress,
) -> Result<Evaluation, SynthesisError> {
    let variables = size.inputs + size.aux;
    let mut evaluator = Evaluator {
        size,
        inputs: 1,
        aux: 0,
        constraints: 0,
        lagrange: Lagrange::new(tau, domain)?,
        at: Evaluation {
            a: vec![Scalar::ZERO; variables],
            b: vec![Scalar::ZERO; variables],
            c: vec![Scalar::ZERO; variables],
        },
        progress,
    };
    circuit.synthesize(&mut evaluator)?;
    for i in 0..evaluator.inputs {
        let input = LinearCombination::zero() + Variable::new_unchecked(Index::Input(i));
        evaluator.constrain(&input, &LinearCombination::zero(), &LinearCombination::zero());
    }
    let found = CircuitSize { constraints: evaluator.constraints, inputs: evaluator.inputs, aux: evaluator.aux };
    assert_eq!(found, size, "the second pass saw another circuit");
    Ok(evaluator.at)
}
