import { expect } from 'chai'
import { NEWEST_RULES } from '../../../../../daemon/manager/chain/network-version.js'
import {
  type Extended,
  extensionDeclarations,
  extensionMessages,
  halvesOf,
  numbersOf,
} from '../../../../../daemon/manager/commitment/extension/extension-messages.js'
import {
  type Claim,
  type ExtensionRules,
  extensionOf,
  latestExpiration,
} from '../../../../../daemon/manager/commitment/extension/sector-extension.js'
import { ExtendSectorExpiration2Params } from '../../../../../rpc-schema/actors/miner-sectors.js'
import { FakeChain } from '../fake-chain.js'

const DAY = 2_880
const NOW = 1_000_000

const RULES: ExtensionRules = {
  epoch: NOW,
  life: NEWEST_RULES.life,
  extension: 540 * DAY,
  newExpiration: 0,
  tolerance: 7 * DAY,
  onlyCommittedCapacity: false,
  dropClaims: false,
}

const chain = new FakeChain()
const sector = (change: object = {}) => {
  chain.sectors.set(1, {
    at: [0, 0],
    Activation: 500_000,
    PowerBaseEpoch: 500_000,
    Expiration: NOW + 10 * DAY,
    ...change,
  })
  return chain.info(1)!
}
const duration = NOW + 10 * DAY - 500_000
const verified = (bytes: number, change: object = {}) =>
  sector({ VerifiedDealWeight: BigInt(bytes) * BigInt(duration), ...change })
const claim = (id: number, change: Partial<Claim> = {}): Claim => ({
  id,
  Provider: 1000,
  Client: 1002,
  Data: chain.info(1)!.SealedCID,
  Size: 2048,
  TermMin: 180 * DAY,
  TermMax: 5 * 365 * DAY,
  TermStart: 500_000,
  Sector: 1,
  ...change,
})

const ADDRESSED = NEWEST_RULES.addressed

describe('manager: how far a sector is extended', () => {
  const rows = [
    { what: 'by the extension', expected: { to: NOW + 550 * DAY, claims: null } },
    { what: 'to an epoch', rules: { newExpiration: NOW + 100 * DAY }, expected: { to: NOW + 100 * DAY, claims: null } },
    {
      what: 'not beyond what can be promised now',
      rules: { extension: 9_000 * DAY },
      expected: { to: NOW + 1_278 * DAY, claims: null },
    },
    {
      what: 'not beyond the age that a sector can have',
      of: sector({ Activation: NOW - 1_800 * DAY }),
      expected: { to: NOW + 25 * DAY, claims: null },
    },
    {
      what: 'not for too few epochs',
      rules: { extension: 6 * DAY },
      expected: /gain 17280 epochs, fewer than the tolerance/,
    },
    { what: 'not backwards', rules: { newExpiration: NOW + DAY }, expected: /lives until 1028800 already/ },
    { what: 'not after its end', of: sector({ Expiration: NOW - 1 }), expected: /expired at epoch 999999/ },
    {
      what: 'not with data when only committed capacity is wanted',
      of: sector({ DealWeight: 1n }),
      rules: { onlyCommittedCapacity: true },
      expected: /has data/,
    },
    {
      what: 'with its claims, when they last',
      of: verified(4096),
      claims: [claim(1), claim(2)],
      expected: { to: NOW + 550 * DAY, claims: { SectorNumber: 1, MaintainClaims: [1, 2], DropClaims: [] } },
    },
    {
      what: 'not when its claims are not those that its power is counted for',
      of: verified(4096),
      claims: [claim(1)],
      expected: /claims hold 2048 bytes, its power is counted for 4096/,
    },
    {
      what: 'not past a claim',
      of: verified(2048),
      claims: [claim(1, { TermMax: 300 * DAY })],
      expected: /claim 1 can be kept until 1364000 only/,
    },
    {
      what: 'past a claim that may be dropped',
      of: verified(4096),
      rules: { dropClaims: true },
      claims: [claim(1, { TermMax: 200 * DAY, TermMin: 170 * DAY }), claim(2)],
      expected: { to: NOW + 550 * DAY, claims: { SectorNumber: 1, MaintainClaims: [2], DropClaims: [1] } },
    },
    {
      what: 'not past a claim whose least term runs',
      of: verified(2048),
      rules: { dropClaims: true },
      claims: [claim(1, { TermMax: 200 * DAY, TermMin: 190 * DAY })],
      expected: /claim 1 is to be kept until epoch 1047200/,
    },
    {
      what: 'not past a claim long before the end of the sector',
      of: sector({ Expiration: NOW + 40 * DAY, VerifiedDealWeight: 2048n * BigInt(NOW + 40 * DAY - 500_000) }),
      rules: { dropClaims: true },
      claims: [claim(1, { TermMax: 200 * DAY })],
      expected: /claim 1 can be dropped from epoch 1028800 on/,
    },
  ]
  for (const { what, of = sector(), rules = {}, claims = [], expected } of rows)
    it(what, () => {
      const extension = extensionOf(of, claims, { ...RULES, ...rules })
      if (expected instanceof RegExp) expect('leftOut' in extension && extension.leftOut).to.match(expected)
      else expect(extension).to.deep.equal(expected)
    })

  it('the latest ends are those of its age and of today', () => {
    expect(latestExpiration({ Activation: 0 }, RULES)).to.deep.equal({ ever: 1_825 * DAY, now: NOW + 1_278 * DAY })
  })
})

describe('manager: extension messages', () => {
  const extended = (number: number, to: number, change: Partial<Extended> = {}): Extended => ({
    number,
    at: { Deadline: 1, Partition: 0 },
    to,
    from: 0,
    claims: null,
    ...change,
  })
  const withClaims = (number: number) => ({ SectorNumber: number, MaintainClaims: [number * 10], DropClaims: [] })

  it('sectors of a partition that end near each other end together, never later than asked for', () => {
    const found = extensionDeclarations(
      [
        extended(1, 1_000),
        extended(2, 1_009),
        extended(3, 1_010),
        extended(4, 1_000, { at: { Deadline: 0, Partition: 2 } }),
      ],
      10,
    )
    expect(found.map(one => [one.Deadline, one.Partition, one.Sectors.toArray(), one.NewExpiration])).to.deep.equal([
      [0, 2, [4], 1_000],
      [1, 0, [1, 2], 1_000],
      [1, 0, [3], 1_010],
    ])
  })

  it('a claim is dropped for the end that was asked for only', () => {
    const dropping = { SectorNumber: 2, MaintainClaims: [], DropClaims: [20] }
    const found = extensionDeclarations([extended(1, 1_000), extended(2, 1_005, { claims: dropping })], 10)
    expect(found.map(one => one.NewExpiration)).to.deep.equal([1_000, 1_005])
  })

  it('no sector is put to an end that it has already', () => {
    const found = extensionDeclarations([extended(1, 1_000), extended(2, 1_005, { from: 1_000 })], 10)
    expect(found.map(one => one.NewExpiration)).to.deep.equal([1_000, 1_005])
  })

  it('sectors with and without claims are told apart, and survive being divided', () => {
    const all = extensionDeclarations(
      [extended(1, 5), extended(2, 5, { claims: withClaims(2) }), extended(3, 5, { claims: withClaims(3) })],
      1,
    )
    expect(all[0]!.Sectors.toArray()).to.deep.equal([1])
    expect(all[0]!.SectorsWithClaims).to.deep.equal([withClaims(2), withClaims(3)])
    const parts = extensionMessages(all, { sectors: 2, declarations: 9 })
    expect(parts.map(numbersOf)).to.deep.equal([[1, 2], [3]])
    expect(halvesOf(all, ADDRESSED)!.map(numbersOf)).to.deep.equal([[1, 2], [3]])
    const read = ExtendSectorExpiration2Params.decode(ExtendSectorExpiration2Params.encode({ Extensions: parts[0]! }))
    expect(read.Extensions[0]!.SectorsWithClaims).to.deep.equal([withClaims(2)])
  })

  it('keep to 25,000 sectors and 3,000 declarations', () => {
    const many = Array.from({ length: 30_000 }, (_, number) => extended(number, 1_000))
    expect(
      extensionMessages(extensionDeclarations(many, 1), ADDRESSED).map(message => numbersOf(message).length),
    ).to.deep.equal([25_000, 5_000])
    const apart = Array.from({ length: 3_500 }, (_, number) => extended(number, number * 10))
    expect(extensionMessages(extensionDeclarations(apart, 1), ADDRESSED).map(({ length }) => length)).to.deep.equal([
      3_000, 500,
    ])
  })
})
