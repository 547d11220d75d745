import { expect } from 'chai'
import { EXIT_CODES, exitCodeText, isSuccess } from '../../../rpc-schema/actors/exit-codes.js'

describe('actors/exit-codes', () => {
  it('names the codes', () => {
    expect(exitCodeText(0)).to.equal('Ok(0)')
    expect(exitCodeText(7)).to.equal('SysErrOutOfGas(7)')
    expect(exitCodeText(16)).to.equal('ErrIllegalArgument(16)')
    expect(exitCodeText(33)).to.equal('33')
    expect(isSuccess(EXIT_CODES.Ok)).to.equal(true)
    expect(isSuccess(EXIT_CODES.ErrForbidden)).to.equal(false)
  })
})
