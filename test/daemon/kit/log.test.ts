import { expect } from 'chai'
import { levelIn } from '../../../daemon/kit/log.js'

describe('log level of an environment', () => {
  it('S001-2 S003-74: SEALYARD_LOG, else RUST_LOG where it is a level, else info', () => {
    expect(levelIn({})).to.equal('info')
    expect(levelIn({ RUST_LOG: 'trace' })).to.equal('trace')
    expect(levelIn({ RUST_LOG: 'DEBUG' })).to.equal('debug')
    expect(levelIn({ RUST_LOG: 'off' })).to.equal('silent')
    expect(levelIn({ RUST_LOG: 'warn,bellperson=debug' })).to.equal('info')
    expect(levelIn({ SEALYARD_LOG: 'error', RUST_LOG: 'trace' })).to.equal('error')
  })
})
