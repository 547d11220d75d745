import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { managerOpenRpc } from '../../../daemon/manager/api/openrpc.js'
import { managerService } from '../../../rpc-schema/manager/index.js'
import { PERMISSIONS } from '../../../rpc-schema/rpc/method.js'
import type { OpenRpcDocument } from '../../../rpc-schema/rpc/openrpc.js'
import { ManagerBench } from './manager-bench.js'

const FILE = new URL('../../../../docs/openrpc/manager.json', import.meta.url)

describe('manager: docs/openrpc/manager.json', function () {
  this.timeout(20_000)
  const written = JSON.parse(readFileSync(FILE, 'utf8')) as OpenRpcDocument

  it('is what the code declares (else: npm run docs)', () => {
    const declared = JSON.parse(JSON.stringify(managerOpenRpc(written.info.version)))
    expect(written.methods.map(({ name }) => name)).to.deep.equal(
      (declared as OpenRpcDocument).methods.map(({ name }) => name),
    )
    expect(written).to.deep.equal(declared)
  })

  it('is what a running manager tells of itself by rpc.discover, but for its version and the order of methods', async () => {
    const bench = await new ManagerBench({ devnet: { manual: true } }).start()
    try {
      const response = await fetch(`http://${bench.manager.address}/rpc/v0`, {
        method: 'POST',
        body: '{"id":1,"method":"rpc.discover"}',
      })
      const { result } = (await response.json()) as { result: OpenRpcDocument }
      const byName = (document: OpenRpcDocument) =>
        Object.fromEntries(document.methods.map(method => [method.name, method]))
      expect(byName(result)).to.deep.equal(byName(written))
      expect(result.components).to.deep.equal(written.components)
    } finally {
      await bench.stop()
    }
  })

  it('every method says who may call it; what changes something needs more than read', () => {
    for (const { name, tags } of written.methods)
      expect(
        tags?.map(tag => tag.name),
        name,
      ).to.satisfy((names: string[]) => PERMISSIONS.some(permission => names.includes(`permission:${permission}`)))
    const CHANGING =
      /^(Submit|Report|Assign|Acquire|Allocate|Store(Reserve|Release)|Import|Restore|Terminate|Remove|Finalize|SectorSet)/
    for (const [name, { permission }] of Object.entries(managerService.methods))
      if (CHANGING.test(name)) expect(permission, name).to.not.equal('read')
  })
})
