import { expect } from 'chai'
import { connectService, type ServiceName, serviceAddresses } from '../../../../daemon/manager/chain/services.js'

const api = (over: Partial<Parameters<typeof serviceAddresses>[1]> = {}) =>
  ({ Chain: '', Messager: '', Market: '', Gateway: [], Token: '', ChainEventInterval: 60_000, ...over }) as Parameters<
    typeof serviceAddresses
  >[1]

describe('manager: addresses of the services it calls', () => {
  const FORMS: readonly (readonly [ServiceName, string, string])[] = [
    ['chain', '/ip4/10.0.0.1/tcp/1234/ws', 'ws://10.0.0.1:1234/rpc/v1'],
    ['messager', '/dns/messager.example/tcp/82/wss', 'wss://messager.example:82/rpc/v0'],
    ['market', '/ip4/127.0.0.1/tcp/41235', 'ws://127.0.0.1:41235/rpc/v1'],
    ['gateway', '/dns/gateway.example/tcp/83/wss', 'wss://gateway.example:83/rpc/v2'],
    ['chain', 'https://node.example/key', 'https://node.example/key/rpc/v1'],
    ['chain', 'https://node.example/key/rpc/v1', 'https://node.example/key/rpc/v1'],
    ['chain', 'aGVh.cGF5.c2ln:/ip4/10.0.0.1/tcp/1234/http', 'http://10.0.0.1:1234/rpc/v1'],
  ]
  for (const [name, address, url] of FORMS)
    it(`S003-3…6: ${name} at ${address}`, async () => {
      const connection = connectService(name, address, '')
      expect(connection.url).to.equal(url)
      await connection.close()
    })

  it('the chain may be one, several with commas, a list, or the gateways', () => {
    expect(serviceAddresses('chain', api({ Chain: 'a' }))).to.deep.equal(['a'])
    expect(serviceAddresses('chain', api({ Chain: 'a, b' }))).to.deep.equal(['a', 'b'])
    expect(serviceAddresses('chain', api({ Chain: ['a', 'b', ''] }))).to.deep.equal(['a', 'b'])
    expect(serviceAddresses('chain', api({ Gateway: ['g', 'h'] }))).to.deep.equal(['g', 'h'])
    expect(serviceAddresses('chain', api())).to.deep.equal([])
  })

  it('messager and market stand behind the first gateway when they have no address', () => {
    for (const name of ['messager', 'market'] as const) {
      expect(serviceAddresses(name, api({ Gateway: ['g', 'h'] }))).to.deep.equal(['g'])
      expect(serviceAddresses(name, api({ Chain: 'a' }))).to.deep.equal([])
    }
    expect(serviceAddresses('messager', api({ Messager: 'm', Gateway: ['g'] }))).to.deep.equal(['m'])
  })
})
