//! The four parameter sets of a sector size and their circuits.

use anyhow::{bail, Result};
use bellpepper_core::Circuit;
use blstrs::Scalar;
use filecoin_proofs::constants::{
    DefaultPieceHasher, SectorShape2KiB, SectorShape32GiB, SectorShape512MiB, SectorShape64GiB, SectorShape8MiB,
};
use filecoin_proofs::parameters::{public_params, window_post_public_params, winning_post_public_params};
use filecoin_proofs::{MerkleTreeTrait, TreeRHasher};
use filecoin_proofs_api::{RegisteredPoStProof, RegisteredSealProof};
use serde::{Deserialize, Serialize};
use storage_proofs_core::compound_proof::CompoundProof;
use storage_proofs_core::parameter_cache::CacheableParameters;
use storage_proofs_porep::stacked::{StackedCompound, StackedDrg};
use storage_proofs_post::fallback::{FallbackPoSt, FallbackPoStCompound};
use storage_proofs_update::{
    compound::EmptySectorUpdateCompound, EmptySectorUpdate, EmptySectorUpdateCircuit, PublicParams,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParameterSet {
    PoRep,
    Window,
    Winning,
    Update,
}

pub const KIB2: u64 = 2 << 10;
pub const MIB8: u64 = 8 << 20;
const MIB512: u64 = 512 << 20;
const GIB32: u64 = 32 << 30;
const GIB64: u64 = 64 << 30;

pub fn sector_size_name(sector_size: u64) -> String {
    match sector_size {
        KIB2 => "2KiB".into(),
        MIB8 => "8MiB".into(),
        MIB512 => "512MiB".into(),
        GIB32 => "32GiB".into(),
        GIB64 => "64GiB".into(),
        other => format!("{other} bytes"),
    }
}

impl ParameterSet {
    pub fn name(self) -> &'static str {
        match self {
            ParameterSet::PoRep => "porep",
            ParameterSet::Window => "window",
            ParameterSet::Winning => "winning",
            ParameterSet::Update => "update",
        }
    }

    /// The part of the file names that stands for the circuit. All seal proofs of a size share one circuit, so do V1 and V1_2 windows.
    pub fn identifier(self, sector_size: u64) -> Result<String> {
        macro_rules! by_size {
            ($kind:ident, $two:ident, $eight:ident, $half:ident, $thirty_two:ident, $sixty_four:ident) => {
                match sector_size {
                    KIB2 => $kind::$two,
                    MIB8 => $kind::$eight,
                    MIB512 => $kind::$half,
                    GIB32 => $kind::$thirty_two,
                    GIB64 => $kind::$sixty_four,
                    other => bail!("no sector has {other} bytes"),
                }
                .circuit_identifier()
            };
        }
        match self {
            ParameterSet::PoRep => by_size!(
                RegisteredSealProof,
                StackedDrg2KiBV1_1,
                StackedDrg8MiBV1_1,
                StackedDrg512MiBV1_1,
                StackedDrg32GiBV1_1,
                StackedDrg64GiBV1_1
            ),
            ParameterSet::Window => by_size!(
                RegisteredPoStProof,
                StackedDrgWindow2KiBV1_2,
                StackedDrgWindow8MiBV1_2,
                StackedDrgWindow512MiBV1_2,
                StackedDrgWindow32GiBV1_2,
                StackedDrgWindow64GiBV1_2
            ),
            ParameterSet::Winning => by_size!(
                RegisteredPoStProof,
                StackedDrgWinning2KiBV1,
                StackedDrgWinning8MiBV1,
                StackedDrgWinning512MiBV1,
                StackedDrgWinning32GiBV1,
                StackedDrgWinning64GiBV1
            ),
            // The library's own method answers with the seal proof's circuit.
            ParameterSet::Update => Ok(match sector_size {
                KIB2 => update_identifier::<SectorShape2KiB>(sector_size),
                MIB8 => update_identifier::<SectorShape8MiB>(sector_size),
                MIB512 => update_identifier::<SectorShape512MiB>(sector_size),
                GIB32 => update_identifier::<SectorShape32GiB>(sector_size),
                GIB64 => update_identifier::<SectorShape64GiB>(sector_size),
                other => bail!("no sector has {other} bytes"),
            }),
        }
    }

    /// Hands a maker of this set's empty circuit to `user`. Only for the sizes that are ever generated.
    pub fn with_circuit<U: CircuitUser>(self, sector_size: u64, user: U) -> Result<U::Output> {
        macro_rules! shape {
            ($shape:ty, $seal:ident, $window:ident, $winning:ident) => {
                match self {
                    ParameterSet::PoRep => {
                        let params = public_params::<$shape>(&RegisteredSealProof::$seal.as_v1_config())?;
                        user.run(|| {
                            <StackedCompound<$shape, DefaultPieceHasher> as CompoundProof<
                                StackedDrg<'_, $shape, DefaultPieceHasher>,
                                _,
                            >>::blank_circuit(&params)
                        })
                    }
                    ParameterSet::Window => {
                        let params = window_post_public_params::<$shape>(&RegisteredPoStProof::$window.as_v1_config())?;
                        user.run(|| {
                            <FallbackPoStCompound<$shape> as CompoundProof<FallbackPoSt<'_, $shape>, _>>::blank_circuit(&params)
                        })
                    }
                    ParameterSet::Winning => {
                        let params = winning_post_public_params::<$shape>(&RegisteredPoStProof::$winning.as_v1_config())?;
                        user.run(|| {
                            <FallbackPoStCompound<$shape> as CompoundProof<FallbackPoSt<'_, $shape>, _>>::blank_circuit(&params)
                        })
                    }
                    ParameterSet::Update => {
                        let params = PublicParams::from_sector_size(sector_size);
                        user.run(|| {
                            <EmptySectorUpdateCompound<$shape> as CompoundProof<EmptySectorUpdate<$shape>, _>>::blank_circuit(&params)
                        })
                    }
                }
            };
        }
        match sector_size {
            KIB2 => shape!(SectorShape2KiB, StackedDrg2KiBV1_1, StackedDrgWindow2KiBV1_2, StackedDrgWinning2KiBV1),
            MIB8 => shape!(SectorShape8MiB, StackedDrg8MiBV1_1, StackedDrgWindow8MiBV1_2, StackedDrgWinning8MiBV1),
            other => bail!("the circuits of {} sectors are not made here", sector_size_name(other)),
        }
    }
}

fn update_identifier<Tree: 'static + MerkleTreeTrait<Hasher = TreeRHasher>>(sector_size: u64) -> String {
    <EmptySectorUpdateCompound<Tree> as CacheableParameters<EmptySectorUpdateCircuit<Tree>, PublicParams>>::cache_identifier(
        &PublicParams::from_sector_size(sector_size),
    )
}

/// Something that works with any circuit.
pub trait CircuitUser {
    type Output;
    fn run<C: Circuit<Scalar>>(self, make: impl Fn() -> C + Sync) -> Result<Self::Output>;
}
