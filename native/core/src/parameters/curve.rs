//! Points of the two groups of the pairing in affine coordinates, and the arithmetic of their coordinates.

use blst::{blst_fp, blst_fp2, blst_p1_affine, blst_p2_affine};
use blstrs::{G1Affine, G1Projective, G2Affine, G2Projective, Scalar};
use group::{prime::PrimeCurveAffine, Curve, Group};

/// A field element of blst, in Montgomery form.
pub trait Coordinate: Copy + PartialEq + Default + Send + Sync {
    fn one() -> Self;
    fn mul(&self, by: &Self) -> Self;
    fn square(&self) -> Self;
    fn add(&self, other: &Self) -> Self;
    fn sub(&self, other: &Self) -> Self;
    fn negate_if(&self, flag: bool) -> Self;
    fn inverse(&self) -> Self;
}

macro_rules! coordinate {
    ($type:ty, $one:expr, $mul:ident, $sqr:ident, $add:ident, $sub:ident, $cneg:ident, $inverse:ident) => {
        impl Coordinate for $type {
            fn one() -> Self {
                $one
            }
            #[inline(always)]
            fn mul(&self, by: &Self) -> Self {
                let mut out = Self::default();
                // Safety: blst reads two and writes one initialised element.
                unsafe { blst::$mul(&mut out, self, by) };
                out
            }
            #[inline(always)]
            fn square(&self) -> Self {
                let mut out = Self::default();
                unsafe { blst::$sqr(&mut out, self) };
                out
            }
            #[inline(always)]
            fn add(&self, other: &Self) -> Self {
                let mut out = Self::default();
                unsafe { blst::$add(&mut out, self, other) };
                out
            }
            #[inline(always)]
            fn sub(&self, other: &Self) -> Self {
                let mut out = Self::default();
                unsafe { blst::$sub(&mut out, self, other) };
                out
            }
            #[inline(always)]
            fn negate_if(&self, flag: bool) -> Self {
                let mut out = Self::default();
                unsafe { blst::$cneg(&mut out, self, flag) };
                out
            }
            fn inverse(&self) -> Self {
                let mut out = Self::default();
                unsafe { blst::$inverse(&mut out, self) };
                out
            }
        }
    };
}

fn fp_one() -> blst_fp {
    let mut out = blst_fp::default();
    unsafe { blst::blst_fp_from_uint64(&mut out, [1u64, 0, 0, 0, 0, 0].as_ptr()) };
    out
}

coordinate!(blst_fp, fp_one(), blst_fp_mul, blst_fp_sqr, blst_fp_add, blst_fp_sub, blst_fp_cneg, blst_fp_eucl_inverse);
coordinate!(
    blst_fp2,
    blst_fp2 { fp: [fp_one(), blst_fp::default()] },
    blst_fp2_mul,
    blst_fp2_sqr,
    blst_fp2_add,
    blst_fp2_sub,
    blst_fp2_cneg,
    blst_fp2_eucl_inverse
);

/// A point in affine coordinates. Both zero is the point at infinity (not on the curve otherwise).
#[derive(Clone, Copy, PartialEq, Default)]
pub struct Point<F> {
    pub x: F,
    pub y: F,
}

impl<F: Coordinate> Point<F> {
    #[inline(always)]
    pub fn is_infinity(&self) -> bool {
        self.x == F::default() && self.y == F::default()
    }
}

/// A curve group whose points can be written to a parameter file.
pub trait Curve1 {
    type Field: Coordinate;
    type Projective: Group<Scalar = Scalar> + Copy + Send + Sync;
    /// Bytes of a point in the file: uncompressed, big endian.
    const ENCODED_BYTES: usize;
    fn from_projective(point: &Self::Projective) -> Point<Self::Field>;
    fn encode(point: &Point<Self::Field>, out: &mut [u8]);
}

pub struct G1;
pub struct G2;

impl Curve1 for G1 {
    type Field = blst_fp;
    type Projective = G1Projective;
    const ENCODED_BYTES: usize = 96;

    fn from_projective(point: &G1Projective) -> Point<blst_fp> {
        let affine: G1Affine = point.to_affine();
        if bool::from(affine.is_identity()) {
            return Point::default();
        }
        let raw: &blst_p1_affine = affine.as_ref();
        Point { x: raw.x, y: raw.y }
    }

    fn encode(point: &Point<blst_fp>, out: &mut [u8]) {
        assert_eq!(out.len(), Self::ENCODED_BYTES);
        let raw = blst_p1_affine { x: point.x, y: point.y };
        // Safety: the buffer has the 96 bytes that blst writes.
        unsafe { blst::blst_p1_affine_serialize(out.as_mut_ptr(), &raw) };
    }
}

impl Curve1 for G2 {
    type Field = blst_fp2;
    type Projective = G2Projective;
    const ENCODED_BYTES: usize = 192;

    fn from_projective(point: &G2Projective) -> Point<blst_fp2> {
        let affine: G2Affine = point.to_affine();
        if bool::from(affine.is_identity()) {
            return Point::default();
        }
        let raw: &blst_p2_affine = affine.as_ref();
        Point { x: raw.x, y: raw.y }
    }

    fn encode(point: &Point<blst_fp2>, out: &mut [u8]) {
        assert_eq!(out.len(), Self::ENCODED_BYTES);
        let raw = blst_p2_affine { x: point.x, y: point.y };
        // Safety: the buffer has the 192 bytes that blst writes.
        unsafe { blst::blst_p2_affine_serialize(out.as_mut_ptr(), &raw) };
    }
}
