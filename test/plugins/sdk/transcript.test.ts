import { PassThrough } from 'node:stream'
import { expect } from 'chai'
import { pino } from 'pino'
import { z } from 'zod'
import { readReplyFrame } from '../../../daemon/kit/processors/reply-frame.js'
import { LineSplitter } from '../../../plugins/sdk/line-splitter.js'
import { ProtocolOutput } from '../../../plugins/sdk/protocol-output.js'
import { serveCustomProcessor } from '../../../plugins/sdk/serve-processor.js'
import { STAGE_NAMES, STAGES } from '../../../rpc-schema/processor/stages.js'
import { vectorLines } from '../../rpc-schema/rpc/recorded-calls.js'

interface Recorded {
  readonly stage: string
  readonly dir: 'in' | 'out'
  readonly line: string
  readonly note: string
}

const recorded = vectorLines('rpc/processor.jsonl') as Recorded[]

/** What the recorded processor left unanswered, and ours answers with an error as far as there is an id. */
const UNANSWERED = /no reply/

describe('recorded processors', () => {
  for (const stage of STAGE_NAMES.filter(name => recorded.some(line => line.stage === name))) {
    it(`${stage}: the same requests lead to the same lines`, async () => {
      const { task, output, summary } = STAGES[stage] as { task: z.ZodType; output: z.ZodType; summary: string }
      const answers = recorded.filter(line => line.stage === stage && line.dir === 'out')
      const answerTo = new Map<number, { err_msg: string | null; output: unknown }[]>()
      for (const { line } of answers) {
        if (!line.startsWith('{')) continue
        const frame = JSON.parse(line)
        answerTo.set(frame.id, [...(answerTo.get(frame.id) ?? []), frame])
      }

      const input = new PassThrough()
      const stdout = new PassThrough()
      const lines: string[] = []
      const splitter = new LineSplitter({ onLine: line => lines.push(line) })
      stdout.on('data', chunk => splitter.push(chunk))
      const served = serveCustomProcessor(
        { name: stage, summary, task, output },
        async (_task, { id }) => {
          const answer = answerTo.get(id)!.shift()!
          if (answer.err_msg !== null) throw new Error(answer.err_msg)
          return z.decode(output, answer.output)
        },
        {
          input,
          output: new ProtocolOutput(stdout),
          log: pino({ level: 'silent' }),
          env: {},
          onEnd: async running => void (await Promise.all(running)),
        },
      )
      const requests = recorded.filter(line => line.stage === stage && line.dir === 'in')
      for (const { line } of requests.filter(({ note }) => !UNANSWERED.test(note))) input.write(`${line}\n`)
      input.end()
      await served
      const expected = new Set(answers.map(each => each.line))
      expect(new Set(lines)).to.deep.equal(expected)
      expect(lines[0]).to.equal(`${stage} processor ready`)
    })
  }

  it('give answers that the worker understands', () => {
    for (const { line } of recorded.filter(each => each.dir === 'out' && each.line.startsWith('{'))) {
      const { err_msg: message } = JSON.parse(line)
      expect(readReplyFrame(line)).to.include(message === null ? { kind: 'output' } : { kind: 'error', message })
    }
  })
})
