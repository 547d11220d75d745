import { expect } from 'chai'
import { resourceIdOf, taskIdOf } from '../../../rpc-schema/gpuproxy/task-ids.js'
import { Address } from '../../../rpc-schema/wire/address.js'

describe('gpuproxy: ids', () => {
  const document = Buffer.from('{"a":1}')

  it('are functions of the bytes and the miner, as the original makes them', () => {
    const resource = resourceIdOf(document)
    expect(resource).to.equal('171fb8c7-a826-5398-b15d-7b84d868613c')
    expect(taskIdOf(Address.parse('f01002'), 0, resource)).to.equal('18946f79-e3a6-5cf0-92dc-39b4eea8c59c')
    expect(taskIdOf(Address.parse('t01002'), 0, resource), 'on every network').to.equal(
      '18946f79-e3a6-5cf0-92dc-39b4eea8c59c',
    )
    expect(taskIdOf(Address.parse('f01003'), 0, resource)).to.not.equal('18946f79-e3a6-5cf0-92dc-39b4eea8c59c')
  })
})
