import { execFile } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { authenticator } from '../../../daemon/kit/access/authenticator.js'
import { Tokens } from '../../../daemon/kit/rpc/tokens.js'
import { managerService } from '../../../rpc-schema/manager/index.js'
import { sealyardService } from '../../../rpc-schema/manager/sealyard.js'
import { rpcClient } from '../../../rpc-schema/rpc/client.js'
import { connectRpc } from '../../../rpc-schema/rpc/connection.js'
import { PERMISSIONS, type Permission } from '../../../rpc-schema/rpc/method.js'
import { eventually } from '../../harness/eventually.js'
import { ManagerBench } from './manager-bench.js'

const BIN = new URL('../../../bin/damocles-manager.js', import.meta.url).pathname
const run = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, [BIN, ...args], { timeout: 20_000 })).stdout.trim()

describe('manager: access', function () {
  this.timeout(60_000)
  let bench: ManagerBench
  let home: string
  const tokens: Record<string, string> = {}

  before(async () => {
    bench = await new ManagerBench({
      commonConfig: `[Common.Access]\nRequireToken = true\n[[Common.PieceStores]]\nPath = "/tmp"\nReadOnly = true`,
    }).start()
    home = join(bench.dir, 'manager')
    for (const permission of ['read', 'write', 'admin'])
      tokens[permission] = await run('--home', home, 'auth', 'create-token', '--perm', permission, '--name', permission)
  })
  after(() => bench?.stop())

  /** What a call with a token ends with; a `ws` address is a WebSocket. */
  async function outcome(
    scheme: 'http' | 'ws',
    token: string | undefined,
    call: (api: ReturnType<typeof rpcClient<typeof managerService.methods>>) => Promise<unknown>,
  ): Promise<string> {
    const connection = connectRpc(`${scheme}://${bench.manager.address}`, { path: '/rpc/v0', ...(token && { token }) })
    try {
      await call(rpcClient(managerService, connection))
      return 'done'
    } catch (error) {
      return (error as Error).message
    } finally {
      await connection.close()
    }
  }

  for (const scheme of ['http', 'ws'] as const) {
    it(`over ${scheme}: no token, or another's, opens nothing`, async () => {
      const list = outcome(scheme, undefined, api => api.StoreList())
      expect(await list).to.match(/401/)
      const foreign = new Tokens(new Uint8Array(32)).issue(['read', 'write', 'sign', 'admin'])
      expect(await outcome(scheme, foreign, api => api.StoreList())).to.match(/401/)
    })

    it(`over ${scheme}: a token opens what it permits`, async () => {
      expect(await outcome(scheme, tokens.read, api => api.StoreList())).to.equal('done')
      const allocate = { AllowedMiners: [77], AllowedProofTypes: [] }
      expect(await outcome(scheme, tokens.read, api => api.AllocateSector(allocate))).to.match(
        /missing permission to invoke '.*AllocateSector' \(need 'write'\)/,
      )
      expect(await outcome(scheme, tokens.write, api => api.AllocateSector(allocate))).to.equal('done')
      expect(await outcome(scheme, tokens.write, api => api.WorkerPingInfoRemove('x'))).to.match(/need 'admin'/)
      expect(await outcome(scheme, tokens.admin, api => api.WorkerPingInfoRemove('x'))).to.equal('done')
    })
  }

  const post = async (token: string | undefined, body: unknown): Promise<Response> =>
    fetch(`http://${bench.manager.address}/rpc/v0`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    })

  it('every method needs what it declares, and lets in whoever has it', async () => {
    for (const service of [managerService, sealyardService]) {
      for (const [name, { permission }] of Object.entries(service.methods)) {
        const method = `${service.namespace}.${name}`
        for (const [held, token] of Object.entries(tokens)) {
          // Parameters that no method takes: whoever is let in gets no further.
          const answer = await post(token, { jsonrpc: '2.0', id: 1, method, params: Array(20).fill({}) })
          const text = await answer.text()
          const enough = PERMISSIONS.indexOf(held as Permission) >= PERMISSIONS.indexOf(permission)
          expect(
            text.includes(`missing permission to invoke '${method}' (need '${permission}')`),
            `${method} ${held}`,
          ).to.equal(!enough)
        }
      }
    }
  })

  it('each call of a batch is judged by itself', async () => {
    const calls = ['StoreList', 'WorkerPingInfoRemove'].map((name, id) => ({
      jsonrpc: '2.0',
      id,
      method: `Venus.${name}`,
      params: id === 0 ? [] : ['x'],
    }))
    const answers = (await (await post(tokens.read, calls)).json()) as { id: number; error?: { message: string } }[]
    expect(answers.find(({ id }) => id === 0)?.error).to.equal(undefined)
    expect(answers.find(({ id }) => id === 1)?.error?.message).to.match(/missing permission/)
    expect((await post(undefined, calls)).status).to.equal(401)
  })

  it('tokens are listed, and revoked by name while the manager runs', async () => {
    const token = await run('--home', home, 'auth', 'create-token', '--perm', 'write', '--name', 'worker-9')
    const call = { jsonrpc: '2.0', id: 1, method: 'Venus.StoreList', params: [] }
    expect((await post(token, call)).status).to.equal(200)
    const listed = await run('--home', home, 'auth', 'list')
    expect(listed).to.match(/^ID +Name +Permits +Made +Revoked$/m)
    expect(listed).to.match(/^[0-9a-f]{16} +worker-9 +read,write +\S+ +-$/m)
    expect(listed).to.not.include(token)
    expect(await run('--home', home, 'auth', 'revoke', 'worker-9')).to.equal('revoked: 1')
    await eventually(
      'the token to be refused',
      10_000,
      async () => (await post(token, call)).status === 401 || undefined,
    )
    expect((await post(tokens.write, call)).status).to.equal(200)
    expect(await run('--home', home, 'auth', 'list')).to.match(/worker-9 +read,write +\S+ +\d{4}-/)
    const again = await run('--home', home, 'auth', 'revoke', 'worker-9').catch((error: Error) => error.message)
    expect(again).to.include('no token named worker-9 that is not revoked')
  })

  it('pieces are for all to read, and written with a token', async () => {
    const url = `http://${bench.manager.address}/piecestore/x`
    const put = (token?: string) =>
      fetch(url, { method: 'PUT', body: 'x', headers: token ? { authorization: `Bearer ${token}` } : {} })
    expect((await put()).status).to.equal(401)
    expect((await put(tokens.read)).status).to.equal(403)
    expect((await put(tokens.write)).status, 'the store is read-only').to.equal(500)
    expect((await fetch(url)).status, 'not a CID').to.equal(400)
  })

  it('the command line finds the secret of a home on this machine, or takes a token', async () => {
    const list = ['util', '--listen', bench.manager.address]
    expect(await run('--home', home, ...list, 'storage', 'list')).to.include('persist')
    const elsewhere = join(bench.dir, 'elsewhere')
    const refused = await run('--home', elsewhere, ...list, 'storage', 'list').catch((error: Error) => error.message)
    expect(refused).to.match(/401/)
    expect(await run('--home', elsewhere, ...list, '--token', tokens.read!, 'storage', 'list')).to.include('persist')
  })

  it('the secret is for the owner alone, and a new one makes tokens void', async () => {
    expect(statSync(join(home, 'token-secret')).mode & 0o777).to.equal(0o600)
    expect(await run('--home', home, 'auth', 'inspect', tokens.write!)).to.equal('write: read, write')
    const without = await run('--home', home, 'auth', 'renew-secret').catch((error: Error) => error.message)
    expect(without).to.match(/--really-do-it/)
    await run('--home', home, 'auth', 'renew-secret', '--really-do-it')
    const inspected = await run('--home', home, 'auth', 'inspect', tokens.write!).catch((error: Error) => error.message)
    expect(inspected).to.match(/not made by this manager/)
  })

  it('without RequireToken everyone may do everything, but a token of ours only what it permits', () => {
    const own = new Tokens(new Uint8Array(32).fill(1))
    const open = authenticator(own, false, { has: id => id === 'gone' })
    expect(open(own.issue(['read'], 'x', 'gone'))).to.equal(null)
    expect(open(undefined)).to.include('admin')
    expect(open('a.b.c')).to.include('admin')
    expect(open(own.issue(['read']))).to.deep.equal(['read'])
  })
})
