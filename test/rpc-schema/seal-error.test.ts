import { expect } from 'chai'
import { errorChain, errorText, SealError } from '../../rpc-schema/seal-error.js'

describe('seal-error', () => {
  it('reads outermost first, and each thing once', () => {
    const inner = new Error('no space left')
    expect(errorText(new SealError('permanent', 'transfer of s-t01000-1', { cause: inner }))).to.equal(
      'transfer of s-t01000-1: no space left',
    )
    expect(errorText(new Error('cannot write: no space left', { cause: inner }))).to.equal(
      'cannot write: no space left',
    )
  })
  it('ends at a cause that points back', () => {
    const error = new Error('a')
    error.cause = error
    expect(errorChain(error)).to.deep.equal(['a'])
  })
})
