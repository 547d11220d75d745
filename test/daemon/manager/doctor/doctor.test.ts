import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { systemClock } from '../../../../daemon/kit/clock.js'
import { silentLog } from '../../../../daemon/kit/log.js'
import { ChainNode } from '../../../../daemon/manager/chain/chain-node.js'
import { managerHome } from '../../../../daemon/manager/config/home.js'
import { loadSettingsFile } from '../../../../daemon/manager/config/load-settings.js'
import { DOCTOR_CHECKS, examine } from '../../../../daemon/manager/doctor/doctor.js'
import { sealyardService } from '../../../../rpc-schema/manager/sealyard.js'
import { rpcClient } from '../../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../../rpc-schema/rpc/connection.js'
import { ManagerBench } from '../manager-bench.js'

describe('manager: doctor', function () {
  this.timeout(60_000)
  let bench: ManagerBench
  let dir: string
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'manager-doctor-'))
    bench = await new ManagerBench().start()
  })
  after(async () => {
    rmSync(dir, { recursive: true, force: true })
    await bench?.stop()
  })

  const alarms = async () => {
    const connection = connectRpc(`http://${bench.manager.address}`, { path: '/rpc/v0' })
    try {
      return await rpcClient(sealyardService, connection).Alarms()
    } finally {
      await connection.close()
    }
  }

  /** The findings of a home, as `check: verdict: text`. */
  async function findings(
    home = managerHome({ home: join(bench.dir, 'manager') }, {}),
    now = Date.now(),
    network?: string,
  ): Promise<string[]> {
    const { config: setup } = loadSettingsFile(home.configFile)
    const node = ChainNode.connect([setup.common.API.Chain].flat(), { token: '', clock: systemClock, log: silentLog })
    if (network !== undefined) Object.assign(node.api, { StateNetworkName: async () => network })
    try {
      const found = await examine({ home, setup, node, clock: { ...systemClock, now: () => now }, alarms })
      for (const { verdict, remedy, about } of found)
        expect(verdict === 'ok', `${about} has a remedy, or needs none`).to.equal(remedy === undefined)
      return found.map(({ check, verdict, about }) => `${check}: ${verdict}: ${about}`)
    } finally {
      await node.close()
    }
  }

  it('looks at everything of a running manager', async () => {
    const found = await findings()
    for (const { name } of DOCTOR_CHECKS) expect(found.join('\n'), name).to.match(new RegExp(`^${name}: `, 'm'))
    const text = found.join('\n')
    expect(text).to.match(/^database: ok: .*manager\.db is whole$/m)
    expect(text).to.match(/^network: ok: network version \d+$/m)
    expect(text).to.match(/^funds: ok: f01000: .*available$/m)
    expect(text).to.match(/^funds: \w+: f01000: worker [ft]0\d+ has /m)
    expect(text).to.match(/^access: warn: calls need no token$/m)
    expect(text).to.match(/^stores: warn: store persist: .* is no mount point$/m)
  })

  it('a clock behind the chain, a secret that others can read, a sender without a right, a store that is away', async () => {
    const home = managerHome({ home: join(dir, 'home') }, {})
    mkdirSync(home.dir)
    writeFileSync(
      home.configFile,
      `[Common.API]\nChain = "${bench.devnet.address}/rpc/v1"\n[[Common.PersistStores]]\nPath = "${join(dir, 'away')}"\n[[Miners]]\nActor = 1000\n[Miners.PoSt]\nSenders = ["f099"]\n`,
    )
    writeFileSync(join(home.dir, 'token-secret'), '00')
    chmodSync(join(home.dir, 'token-secret'), 0o644)
    const text = (await findings(home, 0, 'calibrationnet')).join('\n')
    expect(text).to.match(/^node: fail: the clock of this machine is \d+ s behind the newest block$/m)
    expect(text).to.match(/^access: fail: .*token-secret can be read by others/m)
    expect(text).to.match(
      /^funds: fail: f01000: the sender [ft]099 is neither its owner nor its worker nor a control address$/m,
    )
    expect(text).to.match(/^stores: fail: store .*away/m)
    expect(text).to.match(/^configuration: fail: .*: 1 problem$/m)
    expect(text).to.match(/^database: ok: no database yet/m)
  })

  it('a clock behind a private network, which may run faster than its timestamps say, is no failure', async () => {
    const home = managerHome({ home: join(bench.dir, 'manager') }, {})
    expect((await findings(home, 0)).join('\n')).to.match(/^node: warn: the clock of this machine is \d+ s behind/m)
  })

  it('without a chain the other checks are made all the same', async () => {
    const home = managerHome({ home: join(dir, 'lone') }, {})
    mkdirSync(home.dir)
    writeFileSync(home.configFile, '[Common.API]\nChain = "http://127.0.0.1:1/rpc/v1"\n[[Miners]]\nActor = 1000\n')
    const text = (await findings(home)).join('\n')
    expect(text).to.match(/^node: fail: /m)
    expect(text).to.match(/^disk: /m)
  })
})
