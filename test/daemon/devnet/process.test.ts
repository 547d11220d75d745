import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'chai'
import { devnetCommand } from '../../../bin/commands/devnet.js'
import { lotusService } from '../../../rpc-schema/chain/index.js'
import { devnetService } from '../../../rpc-schema/devnet/index.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { Address } from '../../../rpc-schema/wire/address.js'
import { signedMessageCid } from '../../../rpc-schema/wire/message.js'
import { eventually } from '../../harness/eventually.js'
import { DevnetUnderTest } from './devnet-under-test.js'

const COMMAND = new URL('../../../bin/commands/devnet.js', import.meta.url).href

describe('devnet: as a program', () => {
  const home = mkdtempSync(join(tmpdir(), 'devnet-process-'))
  const children: ChildProcess[] = []
  after(() => {
    for (const child of children) child.kill('SIGKILL')
    rmSync(home, { recursive: true, force: true })
  })

  /** Starts the program; resolves with what its ready line says. */
  async function run(...args: string[]): Promise<{ child: ChildProcess; address: string }> {
    const script = `import(${JSON.stringify(COMMAND)}).then(m => m.devnetCommand().parseAsync(process.argv.slice(1), { from: 'user' }))`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, 'run', '--home', home, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    children.push(child)
    for await (const line of createInterface({ input: child.stdout! })) {
      const { ready, address } = JSON.parse(line) as { ready: boolean; address: string }
      expect(ready).to.equal(true)
      return { child, address }
    }
    throw new Error('it ended without a ready line')
  }

  const ended = (child: ChildProcess) =>
    new Promise<number | string | null>(resolve => child.on('exit', (code, signal) => resolve(signal ?? code)))

  it('says where it listens, survives kill -9 with what it had answered, and stops on SIGTERM', async function () {
    this.timeout(30_000)
    const args = ['--listen', '127.0.0.1:0', '--epoch-ms', '20']
    const first = await run(...args)
    const connection = connectRpc(first.address, { path: '/rpc/v1' })
    const node = rpcClient(lotusService, connection)
    const admin = rpcClient(devnetService, connection)
    await admin.PauseMining()
    const worker = await node.WalletDefaultAddress()
    const message = { Version: 0, To: Address.fromId(100), From: worker, Nonce: 0, Value: 1n, GasLimit: 0 }
    const pushed = await node.MpoolPushMessage(
      { ...message, GasFeeCap: 0n, GasPremium: 0n, Method: 0, Params: new Uint8Array() },
      null,
    )
    const head = await admin.Advance(3)
    const waiting = await node.MpoolPushMessage({ ...pushed.Message, Nonce: 0 }, null)
    const gone = ended(first.child)
    first.child.kill('SIGKILL')
    expect(await gone).to.equal('SIGKILL')
    await connection.close()

    const second = await run(...args)
    const again = connectRpc(second.address, { path: '/rpc/v1' })
    const resumed = rpcClient(lotusService, again)
    expect((await resumed.ChainGetTipSet(head.Cids)).Height).to.equal(head.Height)
    for (const signed of [pushed, waiting]) {
      const found = await resumed.StateWaitMsg(signedMessageCid(signed), 1, -1, true)
      expect(found.Receipt.ExitCode).to.equal(0)
    }
    await eventually(
      'epochs go on',
      5_000,
      async () => (await resumed.ChainHead()).Height > head.Height + 10 || undefined,
    )
    await again.close()
    const stopped = ended(second.child)
    second.child.kill('SIGTERM')
    expect(await stopped).to.equal(0)
  })

  describe('its commands', () => {
    let test: DevnetUnderTest
    before(async () => {
      test = await DevnetUnderTest.start()
    })
    after(() => test.stop())

    /** Output of a command; throws with its error. */
    async function command(...args: string[]): Promise<string> {
      let [output, error] = ['', '']
      const devnet = devnetCommand()
      for (const part of [devnet, ...devnet.commands]) {
        part.exitOverride()
        part.configureOutput({
          writeOut: text => {
            output += text
          },
          writeErr: text => {
            error += text
          },
        })
      }
      try {
        await devnet.parseAsync([...args, '--address', test.devnet.address], { from: 'user' })
      } catch (cause) {
        throw new Error(error, { cause })
      }
      return output
    }
    const refused = (...args: string[]) =>
      command(...args).then(
        () => expect.fail('not refused'),
        (error: Error) => error.message,
      )

    it('show and steer the chain', async () => {
      const { Height } = JSON.parse(await command('status')) as { Height: number }
      expect(JSON.parse(await command('advance', '3'))).to.deep.equal({ Height: Height + 3 })
      expect(JSON.parse(await command('null-rounds', '2'))).to.deep.equal({ Height: Height + 6 })
      expect(JSON.parse(await command('reorg', '2'))).to.deep.equal({ Height: Height + 2 })
      await command('fund', test.client.toString(), '5 FIL')
      await command('advance', '2')
      const landed = JSON.parse(await command('messages', '--method', '0')) as { Message: { Value: string } }[]
      expect(landed.map(({ Message }) => Message.Value)).to.deep.equal([(5n * 10n ** 18n).toString()])
      await command('fail', 'Filecoin.ChainHead', 'error', '--times', '1', '--message', 'broken')
      expect((JSON.parse(await command('status')) as { Faults: unknown[] }).Faults).to.deep.equal([
        { Method: 'Filecoin.ChainHead', Kind: 'error', Times: 1, Message: 'broken' },
      ])
      await command('clear-faults')
      await command('pause')
      await command('resume')
      await command('pause')
    })

    it('change the conditions of the network', async () => {
      const status = async () => JSON.parse(await command('status')) as Record<string, unknown>
      const height = (await status()).Height as number
      await command('upgrade', '29', '--at', String(height + 50))
      await command('base-fee', '5 nanoFIL')
      await command('hold-head', 'second', '--behind', '1')
      const { Upgrades, BaseFee, HeldHeads } = await status()
      expect(Upgrades).to.deep.equal([{ Version: 29, Epoch: height + 50 }])
      expect([BaseFee, HeldHeads]).to.deep.equal(['5000000000', ['second']])
      await command('release-head', 'second')
      expect((await status()).HeldHeads).to.deep.equal([])
      const { Message } = await test.forced({ To: test.client })
      expect(JSON.parse(await command('forget-messages'))).to.deep.equal({ Forgotten: 1 })
      expect(await test.node.MpoolGetNonce(test.worker)).to.equal(Message.Nonce)
      await command('base-fee', '100 attoFIL')
    })

    it('take a file as a deal', async () => {
      const file = join(home, 'piece')
      writeFileSync(file, 'some data')
      const deal = JSON.parse(await command('import-deal', file)) as { AllocationID: number; PayloadSize: number }
      expect([deal.AllocationID, deal.PayloadSize]).to.deep.equal([1, 9])
      expect(await refused('import-deal', file, '--miner', '2000')).to.contain('no miner')
    })

    it('refuse what makes no sense', async () => {
      expect(await refused('advance', 'many')).to.contain('expected a number')
      expect(await refused('fail', 'Filecoin.ChainHead', 'explode')).to.contain('drop-after-effect')
      expect(await refused('fund', 't01', '5 doubloons')).to.contain('unknown unit')
      expect(await refused('upgrade', '28', '--at', '5000')).to.contain('is at version')
      expect(await refused('hold-head', 'third')).to.contain('main, second')
      expect(await refused('reorg', '5000')).to.contain('cannot take back 5000')
    })
  })
})
