import { expect } from 'chai'
import { z } from 'zod'
import { BareAttoFil, MinerConfig } from '../../../rpc-schema/manager/miner-config.js'
import { type RecordedCall, vectorLines } from '../rpc/recorded-calls.js'

describe('BareAttoFil', () => {
  it('is exact up to 2^53 − 1', () => {
    expect(z.decode(BareAttoFil, 5_000_000_000)).to.equal(5_000_000_000n)
    expect(z.encode(BareAttoFil, 9_007_199_254_740_991n)).to.equal(9_007_199_254_740_991)
  })

  it('takes larger amounts with the precision of a double', () => {
    const fil = z.decode(BareAttoFil, JSON.parse('1234567890123456789') as number)
    expect(fil).to.equal(1_234_567_890_123_456_768n)
    expect(z.encode(BareAttoFil, 1_000_000_000_000_000_000n)).to.equal(1e18)
  })

  it('refuses fractions and text', () => {
    expect(z.safeDecode(BareAttoFil, 1.5).success).to.equal(false)
    expect(z.safeDecode(BareAttoFil, '1' as never).success).to.equal(false)
  })
})

describe('MinerConfig', () => {
  it('has durations in milliseconds and fees in attoFIL', () => {
    const calls = vectorLines('rpc/manager.jsonl') as (RecordedCall & { peer: string })[]
    const recorded = calls.find(call => call.peer === 'mock' && call.tag === 'GetMinerConfig')!
    const config = z.decode(MinerConfig, recorded.result as never)
    expect(config.Commitment.Pre.Batch.MaxWait).to.equal(3_600_000)
    expect(config.Commitment.Pre.GasFeeCap).to.equal(5_000_000_000n)
    expect(config.Commitment.Pre.MaxFeeCap).to.equal(null)
    expect(config.PoSt.Senders?.[0]?.toString()).to.equal('f1abjxfbp274xpdqcpuaykwkfb43omjotacm2p3za')
  })
})
