import { expect } from 'chai'
import { endpointHost, endpointUrl, parseEndpoint } from '../../../rpc-schema/rpc/endpoint.js'

describe('rpc/endpoint: the address of a JSON-RPC service', () => {
  const forms: [string, string][] = [
    ['/ip4/127.0.0.1/tcp/1789', 'http://127.0.0.1:1789/rpc/v0'],
    ['/ip4/127.0.0.1/tcp/1789/http', 'http://127.0.0.1:1789/rpc/v0'],
    ['/ip4/10.0.0.7/tcp/1789/ws', 'ws://10.0.0.7:1789/rpc/v0'],
    ['/dns/node.example/tcp/443/https', 'https://node.example:443/rpc/v0'],
    ['/dns4/node.example/tcp/443/wss', 'wss://node.example:443/rpc/v0'],
    ['/ip6/::1/tcp/1789', 'http://[::1]:1789/rpc/v0'],
    ['http://127.0.0.1:1789', 'http://127.0.0.1:1789/rpc/v0'],
    ['ws://127.0.0.1:1789/', 'ws://127.0.0.1:1789/rpc/v0'],
    ['http://127.0.0.1:1789/rpc/v1', 'http://127.0.0.1:1789/rpc/v1'],
    ['127.0.0.1:1789', 'http://127.0.0.1:1789/rpc/v0'],
  ]
  for (const [text, url] of forms) it(`${text} is ${url}`, () => expect(endpointUrl(parseEndpoint(text))).to.equal(url))

  it('splits the token of a Lotus API info', () => {
    const endpoint = parseEndpoint('eyJhbGciOiJIUzI1NiJ9.eyJBbGxvdyI6WyJyZWFkIl19.c2ln:/ip4/127.0.0.1/tcp/1234/http')
    expect(endpoint.token).to.equal('eyJhbGciOiJIUzI1NiJ9.eyJBbGxvdyI6WyJyZWFkIl19.c2ln')
    expect(endpointUrl(endpoint, 'ws')).to.equal('ws://127.0.0.1:1234/rpc/v0')
  })

  it('knows host and port', () => {
    expect(endpointHost(parseEndpoint('https://node.example'))).to.deep.equal({ host: 'node.example', port: 443 })
    expect(endpointHost(parseEndpoint('/ip6/::1/tcp/17'))).to.deep.equal({ host: '::1', port: 17 })
  })

  for (const bad of ['', '/ip4/999.0.0.1/tcp/1', '/tcp/17', '/ip4/127.0.0.1/tcp/1/p2p-circuit', 'ftp://x', 'http://']) {
    it(`refuses ${JSON.stringify(bad)} and says what is expected`, () =>
      expect(() => parseEndpoint(bad)).to.throw(/cannot read the address .*expected a multiaddr/))
  }
})
