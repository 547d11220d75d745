import { expect } from 'chai'
import { BodyIntake } from '../../../../daemon/gpuproxy/http/body-intake.js'
import type { IncomingResource } from '../../../../daemon/gpuproxy/resources/resource-store.js'
import { resourceIdOf } from '../../../../rpc-schema/gpuproxy/task-ids.js'
import { resource } from '../proxy-under-test.js'

const BASE64 = resource(3).toString('base64')

describe('gpuproxy: the body of a request that is still coming', () => {
  let received: { bytes: number; discarded: boolean }[]
  beforeEach(() => {
    received = []
  })
  const receive = (): IncomingResource => {
    const one = { bytes: 0, discarded: false }
    received.push(one)
    return {
      write: async ({ length }) => {
        one.bytes += length
      },
      keep: () => Promise.reject(new Error('not kept here')),
      discard: async () => {
        one.discarded = true
      },
    }
  }
  const taken = async (body: string, portion: number) => {
    const intake = new BodyIntake(receive)
    const bytes = Buffer.from(body)
    for (let at = 0; at < bytes.length; at += portion) await intake.write(bytes.subarray(at, at + portion))
    const end = await intake.end()
    await intake.discard()
    return end
  }

  const SPLIT: Readonly<Record<string, string>> = {
    'as our clients write it': `{"jsonrpc":"2.0","id":1,"method":"Proof.AddTask","params":["t01000","c",0,"${BASE64}"]}`,
    'as the Rust clients write it': `{"jsonrpc":"2.0","method":"Proof.AddTask","params":["t01000","c",0,"${BASE64}"],"id":1}`,
    'without a comment, with blanks': `{ "method" : "Proof.AddTask", "id": "x", "params": [ "t01000", 0, "${BASE64}" ] , "jsonrpc":"2.0" }`,
    'with a comment of any text': `{"id":null,"method":"Proof.AddTask","params":["t01000","a \\"b\\", é \\\\",0,"${BASE64}"]}`,
  }
  for (const [what, body] of Object.entries(SPLIT))
    it(`is taken apart ${what}`, async () => {
      for (const portion of [1, 7, 100, 1_000_000]) {
        const end = await taken(body, portion)
        if (end === undefined || !('document' in end)) throw new Error('it was not taken apart')
        expect(end.text.toString()).to.equal(body.replace(BASE64, end.mark))
        expect(end.document.read().resourceId).to.equal(resourceIdOf(resource(3)))
        expect(received.at(-1)).to.deep.equal({ bytes: resource(3).length, discarded: true })
      }
    })

  const WHOLE: Readonly<Record<string, string>> = {
    'another method': `{"jsonrpc":"2.0","id":1,"method":"Proof.RecordProof","params":["w","id",0,"AAAA"]}`,
    'parameters by name': `{"jsonrpc":"2.0","id":1,"method":"Proof.AddTask","params":{"miner":"t01000","comment":"","task_type":0,"param":"${BASE64}"}}`,
    'the parameters before the method': `{"jsonrpc":"2.0","id":1,"params":["t01000","c",0,"${BASE64}"],"method":"Proof.AddTask"}`,
    'a batch': `[{"jsonrpc":"2.0","id":1,"method":"Proof.AddTask","params":["t01000","c",0,"${BASE64}"]}]`,
    'a comment longer than it is looked through': `{"method":"Proof.AddTask","params":["t01000","${'c'.repeat(9_000)}",0,"${BASE64}"],"id":1}`,
    nothing: '',
  }
  for (const [what, body] of Object.entries(WHOLE))
    it(`is left whole for ${what}`, async () => {
      for (const portion of [1, 7, 1_000_000]) {
        const end = await taken(body, portion)
        if (!(end instanceof Uint8Array)) throw new Error('it was taken apart')
        expect(end.toString()).to.equal(body)
        expect(end.buffer.byteLength, 'memory of its own').to.equal(end.length)
      }
      expect(received).to.deep.equal([])
    })

  it('is refused when the document does not end, or something long follows it', async () => {
    const begin = SPLIT['as our clients write it']!.slice(0, -3)
    expect(await taken(begin, 500)).to.equal(undefined)
    expect(await taken(`${begin}"]${' '.repeat(70_000)}}`, 500)).to.equal(undefined)
    expect(received.map(({ discarded }) => discarded)).to.deep.equal([true, true])
  })
})
