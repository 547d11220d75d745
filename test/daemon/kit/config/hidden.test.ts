import { Writable } from 'node:stream'
import { expect } from 'chai'
import { lineWithoutSecrets, withoutTokens } from '../../../../daemon/kit/config/hidden.js'

/** As text of the configuration or of a command, and as it is shown. */
const SHOWN: readonly (readonly [string, string])[] = [
  ['https://user:pa/ss@host:1/rpc', 'https://***@host:1/rpc'],
  ['wss://key12345@host/rpc/v1', 'wss://***@host/rpc/v1'],
  ['https://host/v3/0123456789abcdef0123456789abcdef', 'https://host/v3/***'],
  ['wss://host/apikey_Ab3dE6gH9jK2mN5pQ8sT/rpc/v1', 'wss://host/***/rpc/v1'],
  ['https://host/rpc/v1?token=abc&x=1', 'https://host/rpc/v1?token=***&x=1'],
  ['https://host/rpc/v1?apiKey=abc', 'https://host/rpc/v1?apiKey=***'],
  ['https://host?k=0123456789abcdef0123456789abcdef', 'https://host?k=***'],
  ['no answer from ws://h:1/Zx81Zx81Zx81Zx81Zx81: refused', 'no answer from ws://h:1/***: refused'],
  ['mysql://u:p@h:1/db', 'mysql://***@h:1/db'],
]
/** What has nothing to hide. */
const KEPT = [
  'http://127.0.0.1:1789/rpc/v0',
  'http://h/piecestore/baga6ea4seaqdze2m6jmh3q4ba54gc73croxc6kx64zrgoo3cnpxmd7kmnm2iedy',
  'http://bucket-of-sectors-in-region-eu1.example.com/sealed/s-t01000-3',
  'ws://h/123e4567-e89b-12d3-a456-426614174000',
  '/ip4/apis.filecoin.io/tcp/10086/https',
]

describe('kit: secrets in addresses', () => {
  for (const [text, shown] of SHOWN)
    it(`${text} is shown as ${shown}`, () => expect(withoutTokens(text)).to.equal(shown))
  for (const text of KEPT) it(`${text} has none`, () => expect(withoutTokens(text)).to.equal(text))

  it('do not come into a log, whatever writes them, and its lines stay JSON', async () => {
    const { pino } = await import('pino')
    let line = ''
    const to = new Writable({
      write(chunk, _, done) {
        line += chunk
        done()
      },
    })
    const log = pino({ hooks: { streamWrite: lineWithoutSecrets } }, to)
    const err = new Error('connection to wss://h:1/Zx81Zx81Zx81Zx81Zx81: refused')
    log.warn(
      { err, chain: 'wss://key12345@h/?token=secret1' },
      'with eyJhbGciOiJIUzI1NiJ9.eyJuYW1lIjoiMSJ9.JenwgK0JZcxFDin3',
    )
    const { chain, msg, err: told } = JSON.parse(line)
    expect({ chain, msg, message: told.message }).to.deep.equal({
      chain: 'wss://***@h/?token=***',
      msg: 'with ***',
      message: 'connection to wss://h:1/***: refused',
    })
    expect(told.stack).to.contain('hidden.test').and.not.contain('Zx81')
  })
})
