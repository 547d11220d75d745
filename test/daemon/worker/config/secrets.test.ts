import { expect } from 'chai'
import { withoutTokens } from '../../../../daemon/kit/config/hidden.js'
import { parseToml } from '../../../../daemon/kit/config/toml-file.js'
import { resolveSecret, shownArgs, shownEnv } from '../../../../daemon/worker/config/secrets.js'
import { interpretWorkerFile } from '../../../../daemon/worker/config/worker-config.js'

const sources = {
  env: { TOKEN: 'from the environment', EMPTY: '' },
  readFile(path: string): string {
    if (path === '/run/secrets/token') return 'from a file\n'
    if (path === '/run/secrets/empty') return '\n'
    if (path === '/closed') throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' })
    throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' })
  },
}

const interpret = (manager: string, more = '') =>
  interpretWorkerFile(
    parseToml(
      `[sector_manager]\nrpc_client.addr = "/ip4/127.0.0.1/tcp/1789"\n${manager}\n[[sealing_thread]]\nlocation = "s"\n${more}`,
      'w.toml',
    ),
    sources,
  )

describe('secrets of a configuration', () => {
  for (const [text, value, origin] of [
    ['plain', 'plain', undefined],
    ['env:TOKEN', 'from the environment', 'env TOKEN'],
    ['file:/run/secrets/token', 'from a file', 'file /run/secrets/token'],
    ['file:///opt/licence', 'file:///opt/licence', undefined],
    ['literal:env:TOKEN', 'env:TOKEN', undefined],
    ['environment', 'environment', undefined],
  ] as const) {
    it(`${text} is ${value}`, () => expect(resolveSecret(text, sources)).to.deep.equal({ value, origin }))
  }

  it('stand in for the token, headers and environments', () => {
    const { config, problems, source } = interpret(
      'piece_token = "file:/run/secrets/token"\nrpc_client.headers = { Authorization = "env:TOKEN", Plain = "x" }',
      '[[processors.c2]]\nenvs = { KEY = "env:TOKEN", LICENCE = "file:///opt/licence" }\n[[processors.add_pieces]]',
    )
    expect(problems).to.deep.equal([])
    expect(config.manager.pieceToken).to.equal('from a file')
    expect(config.manager.headers).to.deep.equal({ Authorization: 'from the environment', Plain: 'x' })
    expect(config.processors.children.c2![0]!.envs).to.deep.equal({
      KEY: 'from the environment',
      LICENCE: 'file:///opt/licence',
    })
    expect(config.processors.children.add_pieces![0]!.envs).to.deep.equal({ PIECE_FETCHER_TOKEN: 'from a file' })
    expect([...source.secrets]).to.deep.equal([
      ['sector_manager.rpc_client.headers.Authorization', 'env TOKEN'],
      ['processors.c2[0].envs.KEY', 'env TOKEN'],
      ['sector_manager.piece_token', 'file /run/secrets/token'],
    ])
  })

  it('what is not there is a problem of the key, all at once', () => {
    const { problems } = interpret(
      'piece_token = "env:NOBODY"\nrpc_client.headers = { A = "env:EMPTY", "B C" = "x" }',
      '[[processors.c2]]\nenvs = { K = "file:/none", L = "file:/closed", M = "file:/run/secrets/empty" }',
    )
    expect(problems.map(({ line, path, message }) => `${line} ${path}: ${message}`)).to.have.members([
      '4 sector_manager.rpc_client.headers.A: the environment variable EMPTY is empty',
      '4 sector_manager.rpc_client.headers.B C: cannot be sent as an HTTP header',
      '8 processors.c2[0].envs.K: there is no file /none',
      '8 processors.c2[0].envs.L: cannot read /closed: EACCES: permission denied',
      '8 processors.c2[0].envs.M: the file /run/secrets/empty is empty',
      '3 sector_manager.piece_token: the environment variable NOBODY is not set',
    ])
  })

  it('are not told when they have the wrong form', () => {
    expect(() => interpret('piece_token = ["hush"]'))
      .to.throw(/piece_token: expected a string/)
      .and.not.match(/hush/)
    expect(() => interpret('').config).not.to.throw()
    const address =
      '[sector_manager]\nrpc_client.addr = "abcdef.ghijklmnop.qrstuvwxyz:/ip4/nowhere"\n[[sealing_thread]]'
    expect(() => interpretWorkerFile(parseToml(address, 'w.toml'), sources))
      .to.throw(/w\.toml:2: sector_manager\.rpc_client\.addr/)
      .and.not.match(/ghijklmnop/)
  })

  it('are recognised by their name and look', () => {
    const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJuYW1lIjoiMSJ9.JenwgK0JZcxFDin3'
    expect(shownEnv('RUST_LOG', 'info')).to.equal('info')
    expect(shownEnv('LICENCE_PATH', '/var/tmp/c2.licence.dev')).to.equal('/var/tmp/c2.licence.dev')
    expect(shownEnv('PIECE_FETCHER_TOKEN', 'abc')).to.equal('***')
    expect(shownEnv('DB_PASSWORD', 'abc')).to.equal('***')
    expect(shownEnv('FULLNODE_API_INFO', `${jwt}:/ip4/1.2.3.4/tcp/1`)).to.equal('***:/ip4/1.2.3.4/tcp/1')
    expect(withoutTokens('mysql://u:p@h:1/db')).to.equal('mysql://***@h:1/db')
    expect(shownArgs(['run', '--auth-token', 'x', '--url', 'http://h', '--secret=y', jwt])).to.deep.equal([
      'run',
      '--auth-token',
      '***',
      '--url',
      'http://h',
      '--secret=***',
      '***',
    ])
    expect(withoutTokens('/ip4/apis.filecoin.io/tcp/10086/https')).to.equal('/ip4/apis.filecoin.io/tcp/10086/https')
  })
})
