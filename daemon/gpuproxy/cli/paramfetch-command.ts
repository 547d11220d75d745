import { Command, Option } from 'commander'
import { parameterDirectory } from '../../../plugins/prover/addon.js'
import { prover } from '../../../plugins/prover/prover.js'
import { SECTOR_SIZES, sectorSizeLabel } from '../../../rpc-schema/wire/proof-types.js'
import { wholeNumber } from './options.js'
import { say } from './talk.js'

const ORIGIN =
  'parameters of 32 and 64 GiB come from the network’s trusted set-up (`lotus fetch-params --proving-params SIZE`); this program does not download them'

/** `gpuproxy paramfetch`: says what is there, and where the rest comes from. */
export function paramFetchCommand(): Command {
  return new Command('paramfetch')
    .description('check the parameters that C2 needs')
    .addOption(
      new Option('--sector-size <bytes...>', 'as 34359738368')
        .env('C2PROXY_SECTOR_SIZE')
        .argParser((text: string, before: number[] | undefined) => [...(before ?? []), wholeNumber(text)]),
    )
    .action(({ sectorSize }: { sectorSize?: number[] }) => {
      if (sectorSize === undefined) throw new Error('sector-size flag not found')
      let missing = 0
      for (const size of sectorSize) {
        if (!SECTOR_SIZES.includes(size))
          throw new Error(`--sector-size: expected ${SECTOR_SIZES.join(', ')}, found ${size}`)
        const directory = parameterDirectory()
        const { params } = prover.parametersReport({ sectorSize: size, sets: ['porep'], directory })[0]!
        say(`${sectorSizeLabel(size)}: ${params.path}: ${params.state}${params.reason ? ` (${params.reason})` : ''}`)
        if (params.state !== 'ok') missing += 1
      }
      if (missing > 0) throw new Error(ORIGIN)
    })
}
