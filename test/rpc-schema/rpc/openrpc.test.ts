import { expect } from 'chai'
import { gatewayService, lotusService, marketService, messagerService } from '../../../rpc-schema/chain/index.js'
import { managerService } from '../../../rpc-schema/manager/index.js'
import { openRpcDocument } from '../../../rpc-schema/rpc/openrpc.js'
import { workerService } from '../../../rpc-schema/worker/index.js'

const services = [managerService, workerService, lotusService, messagerService, marketService, gatewayService]
const info = { title: 'Sealyard manager', version: '1.2.3' }

function references(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(references)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, member]) => (key === '$ref' ? [String(member)] : references(member)))
}

describe('openRpcDocument', () => {
  const document = openRpcDocument(managerService, info)
  const methodOf = (name: string) => document.methods.find(method => method.name === name)!

  it('has the head of a document', () => {
    expect(document.openrpc).to.equal('1.2.6')
    expect(document.info).to.deep.equal(info)
    expect(openRpcDocument(managerService, { ...info, description: 'why' }).info.description).to.equal('why')
  })

  it('describes every method by position', () => {
    expect(document.methods.map(method => method.name)).to.deep.equal(
      Object.keys(managerService.methods).map(name => `Venus.${name}`),
    )
    for (const method of document.methods) {
      expect(method.paramStructure).to.equal('by-position')
      expect(method.summary, method.name).to.not.equal('')
      for (const param of method.params) expect(param.required, method.name).to.equal(true)
      const names = method.params.map(param => param.name)
      expect(new Set(names).size, method.name).to.equal(names.length)
    }
  })

  it('refers to named components', () => {
    expect(methodOf('Venus.AllocateSector').params[0]!.schema).to.deep.equal({
      $ref: '#/components/schemas/AllocateSectorSpec',
    })
    expect(methodOf('Venus.AllocateSector').result.schema).to.deep.equal({
      anyOf: [{ $ref: '#/components/schemas/AllocatedSector' }, { type: 'null' }],
    })
    expect(document.components.schemas).to.include.keys('SectorID', 'SectorState', 'Cid', 'TokenAmount', 'MinerConfig')
  })

  it('shows the wire, not the values behind it', () => {
    const { Commitment, Cid, SectorID, TokenAmount } = document.components.schemas
    expect(Commitment).to.include({ type: 'array', minItems: 32, maxItems: 32 })
    expect(Cid).to.deep.include({ type: 'object', required: ['/'] })
    expect(SectorID).to.deep.include({ type: 'object', required: ['Miner', 'Number'] })
    expect(TokenAmount).to.include({ type: 'string' })
  })

  it('marks permissions and channels', () => {
    expect(methodOf('Venus.RemoveSector')['x-permission']).to.equal('admin')
    expect(methodOf('Venus.UnsealPiece')['x-channel']).to.equal(true)
    expect(methodOf('Venus.Version')).to.not.have.property('x-channel')
  })

  it('is plain JSON', () => {
    expect(JSON.parse(JSON.stringify(document))).to.deep.equal(document)
  })

  for (const service of services) {
    it(`of ${service.namespace}: every reference leads to a component, every schema says something`, () => {
      const { methods, components } = openRpcDocument(service, info)
      for (const reference of [...references(methods), ...references(components)]) {
        expect(reference).to.match(/^#\/components\/schemas\//)
        expect(components.schemas).to.have.property(reference.slice('#/components/schemas/'.length))
      }
      for (const [name, schema] of Object.entries(components.schemas)) expect(schema, name).to.not.deep.equal({})
    })
  }

  it('joins several services', () => {
    const all = openRpcDocument(services, info)
    expect(all.methods).to.have.lengthOf(services.flatMap(service => Object.keys(service.methods)).length)
  })
})
