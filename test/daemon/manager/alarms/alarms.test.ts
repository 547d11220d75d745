import { expect } from 'chai'
import { Alarms } from '../../../../daemon/manager/alarms/alarms.js'
import { alarms as alarmCheck } from '../../../../daemon/manager/doctor/alarm-check.js'
import type { Patient } from '../../../../daemon/manager/doctor/patient.js'
import { RpcTransportError } from '../../../../rpc-schema/rpc/error.js'
import { HandClock } from '../proven-records.js'

describe('manager: alarms', () => {
  let clock: HandClock
  let alarms: Alarms
  beforeEach(() => {
    clock = new HandClock()
    alarms = new Alarms(clock)
  })
  const texts = async () => (await alarms.list()).map(({ kind, subject, text }) => `${kind} ${subject}: ${text}`)

  it('stand from the first time until they are cleared, with the newest text', async () => {
    const begun = clock.now()
    alarms.raise('funds', 'PreCommit of miner 1000', '1 FIL is missing')
    clock.advance(1_000)
    alarms.raise('stuck', 'bafy1', 'no nonce 6')
    alarms.raise('funds', 'PreCommit of miner 1000', '2 FIL are missing')
    expect(await texts()).to.deep.equal(['funds PreCommit of miner 1000: 2 FIL are missing', 'stuck bafy1: no nonce 6'])
    expect((await alarms.list())[0]!.since).to.equal(begun)
    alarms.clear('funds', 'bafy1')
    alarms.clear('funds', 'PreCommit of miner 1000')
    expect(await texts()).to.deep.equal(['stuck bafy1: no nonce 6'])
  })

  it('that are written down elsewhere are looked up, in the order of their time', async () => {
    alarms.raise('stuck', 'bafy1', 'no nonce 6')
    const since = clock.now() - 5_000
    alarms.watch(async () => [{ kind: 'upgrade', subject: 's-t01000-3', text: 'expired', since }])
    expect(await texts()).to.deep.equal(['upgrade s-t01000-3: expired', 'stuck bafy1: no nonce 6'])
  })

  it('are failures for the doctor; a manager that does not run has none', async () => {
    const told = async (ask: Patient['alarms']) =>
      (await alarmCheck({ alarms: ask } as Patient)).map(({ verdict, about }) => `${verdict}: ${about}`)
    const info = { Alarm: 'funds', Subject: 'PreCommit', Text: 'short', Since: 1, Meaning: 'top up' }
    expect(await told(async () => [info])).to.deep.equal(['fail: PreCommit: short'])
    expect(await told(async () => [])).to.deep.equal(['ok: the manager runs, and has no alarms'])
    const away = new RpcTransportError('http://127.0.0.1:1', 'refused')
    expect((await told(() => Promise.reject(away)))[0]).to.match(/^ok: no manager answers/)
    const refused = await told(() => Promise.reject(new Error('no token'))).catch((error: Error) => error.message)
    expect(refused).to.equal('no token')
  })
})
