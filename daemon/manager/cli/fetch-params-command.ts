import { basename } from 'node:path'
import { Command } from 'commander'
import { sectorSizeLabel } from '../../../rpc-schema/wire/proof-types.js'
import { formatByteSize } from '../../kit/config/byte-size.js'
import { tableText } from '../../kit/terminal/table.js'
import { sectorSizeArgument } from './mock-command.js'
import { say } from './talk.js'

/** `util fetch-params`: says what is there. Parameters are got by whoever runs the machine, from where they trust. */
export const fetchParamsCommand = (): Command =>
  new Command('fetch-params')
    .description('Look whether the proof parameters of a sector size are there; nothing is downloaded')
    .argument('<sector size>', 'as in 32GiB', sectorSizeArgument)
    .option('--json', 'as JSON', false)
    .action(async (sectorSize: number, { json }: { json: boolean }) => {
      const { reportParameters } = await import('../../../plugins/prover/parameters.js')
      const { parameterDirectory } = await import('../../../plugins/prover/addon.js')
      const directory = parameterDirectory()
      const report = reportParameters({ sectorSize, directory }).flatMap(({ set, params, vk }) =>
        [params, vk].map(({ path, bytes, state }) => ({ file: basename(path), set, bytes, state })),
      )
      const missing = report.filter(({ state }) => state !== 'ok')
      if (missing.length > 0) process.exitCode = 1
      if (json) return say(JSON.stringify({ directory, files: report }, null, 2))
      say(
        tableText(
          ['File', 'Set', 'Size', 'State'],
          report.map(row => [row.file, row.set, formatByteSize(row.bytes), row.state]),
        ),
      )
      if (missing.length > 0)
        say(
          `${missing.length} of the parameter files of ${sectorSizeLabel(sectorSize)} sectors are not in ${directory}. Put them there, for instance with \`lotus fetch-params ${sectorSizeLabel(sectorSize)}\` and FIL_PROOFS_PARAMETER_CACHE=${directory}; \`sealyard params check\` compares their digests. Those of 2KiB and 8MiB can be made with \`sealyard params generate\`.`,
        )
    })
