import { Command, Option } from 'commander'
import { createProcessorLog } from '../../../plugins/sdk/processor-log.js'
import { serveProcessor } from '../../../plugins/sdk/serve-processor.js'
import { createBuiltInStages } from '../../../plugins/stages/built-in-stages.js'
import { COPY_CHECKS } from '../../../plugins/stages/copy-file.js'
import { withSignsOfLife } from '../../../plugins/stages/signs-of-life.js'
import { STAGE_NAMES, STAGES, type StageName } from '../../../rpc-schema/processor/stages.js'

/**
 * `processor <stage>`: the built-in processors as children, what a `[[processors.<stage>]]` entry without `bin` starts. Flags that only
 * older processors knew (`--sector_size 32GiB`) are accepted and have no effect. A stage may be spelled with hyphens (`add-pieces`).
 */
export function processorCommand(): Command {
  const command = new Command('processor').description(
    'Serve one stage to a parent on stdin and stdout: one JSON document a line, logs on stderr',
  )
  for (const stage of STAGE_NAMES) command.addCommand(stageCommand(stage))
  return command
}

function stageCommand(stage: StageName): Command {
  const command = new Command(stage)
    .description(STAGES[stage].summary)
    .allowUnknownOption()
    .allowExcessArguments()
    .addOption(new Option('--sector-size <size>').hideHelp())
    .addOption(new Option('--sector_size <size>').hideHelp())
  if (stage.includes('_')) command.alias(stage.replaceAll('_', '-'))
  for (const option of STAGE_OPTIONS[stage] ?? []) command.addOption(option)
  return command.action((options: Record<string, unknown>) => serve(stage, options))
}

const underscored = (flags: string): Option => new Option(flags).hideHelp()

const STAGE_OPTIONS: { readonly [S in StageName]?: readonly Option[] } = {
  pc1: [
    new Option(
      '--hugepage-files-path <dir>',
      'directory with memory files of huge pages, in numa_$NUMA_NODE_INDEX directories',
    ).env('HUGEPAGE_FILES_PATH'),
    new Option(
      '--hugepage-files-path-pattern <pattern>',
      'where such files are, $NUMA_NODE_INDEX standing for the node; wins over the directory',
    ).env('HUGEPAGE_FILES_PATH_PATTERN'),
    underscored('--hugepage_files_path <dir>'),
    underscored('--hugepage_files_path_pattern <pattern>'),
  ],
  transfer: [
    new Option('--disable-link', 'copy even where a link is allowed (env: DISABLE_LINK)'),
    underscored('--disable_link'),
    new Option('--verify <how>', 'how copies are checked: hash reads every byte back')
      .choices(COPY_CHECKS)
      .env('TRANSFER_VERIFY'),
  ],
}

async function serve(stage: StageName, options: Record<string, unknown>): Promise<void> {
  const log = createProcessorLog(stage)
  const hugepages =
    options.hugepageFilesPathPattern ??
    options.hugepage_files_path_pattern ??
    options.hugepageFilesPath ??
    options.hugepage_files_path
  if (hugepages) log.warn({ hugepages }, 'memory files of huge pages are not used by this build')
  const env = { ...process.env }
  if (options.disableLink || options.disable_link) env.DISABLE_LINK = '1'
  if (typeof options.verify === 'string') env.TRANSFER_VERIFY = options.verify
  const stages = createBuiltInStages({ env })
  await serveProcessor({
    stage,
    log,
    run: (task, { signal, progress }) =>
      withSignsOfLife(stage, progress, onProgress => stages.run(stage, task, { signal, onProgress })),
  })
}
