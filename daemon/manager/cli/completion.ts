import { Argument, Command } from 'commander'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

interface Node {
  /** Names of the commands on the way: `util sealer`; empty for the program. */
  readonly path: string
  readonly commands: readonly { readonly name: string; readonly about: string }[]
  readonly flags: readonly { readonly name: string; readonly about: string; readonly takesValue: boolean }[]
}

/** Every command that is shown, with what may follow it. */
function nodes(program: Command): Node[] {
  const found: Node[] = []
  const walk = (command: Command, path: string): void => {
    const shown = command.createHelp().visibleCommands(command)
    found.push({
      path,
      commands: shown.map(below => ({ name: below.name(), about: plain(below.description()) })),
      flags: command
        .createHelp()
        .visibleOptions(command)
        .flatMap(option =>
          [option.short, option.long]
            .filter(name => typeof name === 'string')
            .map(name => ({ name, about: plain(option.description), takesValue: option.required || option.optional })),
        ),
    })
    for (const below of shown)
      if (below.name() !== 'help') walk(below, path === '' ? below.name() : `${path} ${below.name()}`)
  }
  walk(program, '')
  return found
}

/** On one line, without what a shell would read. */
const plain = (text: string): string =>
  text
    .replaceAll(/[\n'"`$\\:[\]]/g, ' ')
    .replaceAll(/ +/g, ' ')
    .trim()

const functionName = (program: Command): string => `_${program.name().replaceAll('-', '_')}`

/** The words of both shells: the commands and flags by path. Bash has no descriptions. */
function caseTable(all: readonly Node[], words: (node: Node) => string): string {
  return all.map(node => `    '${node.path}') ${words(node)} ;;`).join('\n')
}

/** Follows the words typed so far down the tree, past flags and their values. */
const WALK = (first: string, last: string): string => `  for ((i = ${first}; i < ${last}; i++)); do
    local word="\${words[i]}"
    if [[ $word == -* ]]; then
      [[ " $with_value " == *" $word "* ]] && ((i++))
      continue
    fi
    local next="\${at:+$at }$word"
    [[ "|$paths|" == *"|$next|"* ]] && at="$next"
  done`

function bash(program: Command, all: readonly Node[]): string {
  const name = functionName(program)
  return `# bash completion of ${program.name()}: ${program.name()} completion bash > /etc/bash_completion.d/${program.name()}
${name}() {
  local at='' i words=("\${COMP_WORDS[@]}")
  local paths='${all.map(({ path }) => path).join('|')}'
  local with_value='${valueFlags(all).join(' ')}'
${WALK('1', 'COMP_CWORD')}
  local choices=''
  case "$at" in
${caseTable(all, ({ commands, flags }) => `choices='${[...commands, ...flags].map(({ name: word }) => word).join(' ')}'`)}
  esac
  COMPREPLY=($(compgen -W "$choices" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F ${name} ${program.name()}
`
}

function zsh(program: Command, all: readonly Node[]): string {
  const name = functionName(program)
  const words = ({ commands, flags }: Node): string =>
    `choices=(${[...commands, ...flags].map(({ name: word, about }) => `'${word}:${about}'`).join(' ')})`
  return `#compdef ${program.name()}
# zsh completion: ${program.name()} completion zsh > "\${fpath[1]}/_${program.name()}"
${name}() {
  local at='' i
  local -a choices
  local paths='${all.map(({ path }) => path).join('|')}'
  local with_value='${valueFlags(all).join(' ')}'
${WALK('2', 'CURRENT')}
  case "$at" in
${caseTable(all, words)}
  esac
  _describe '${program.name()}' choices || _files
}
compdef ${name} ${program.name()}
`
}

function fish(program: Command, all: readonly Node[]): string {
  const command = program.name()
  const lines = all.flatMap(({ path, commands, flags }) => {
    const test = `__${functionName(program).slice(1)}_at '${path}'`
    return [
      ...commands.map(({ name, about }) => `complete -c ${command} -f -n "${test}" -a '${name}' -d '${about}'`),
      ...flags.map(({ name, about, takesValue }) => {
        const flag = name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`
        return `complete -c ${command} -n "${test}" ${flag} -d '${about}'${takesValue ? ' -r' : ''}`
      }),
    ]
  })
  return `# fish completion: ${command} completion fish > ~/.config/fish/completions/${command}.fish
function __${functionName(program).slice(1)}_at
  set -l paths ${all.map(({ path }) => `'${path}'`).join(' ')}
  set -l with_value ${valueFlags(all).join(' ')}
  set -l at ''
  set -l skip 0
  for word in (commandline -opc)[2..]
    if test $skip = 1
      set skip 0
      continue
    end
    if string match -q -- '-*' $word
      contains -- $word $with_value; and set skip 1
      continue
    end
    set -l next (string trim -- "$at $word")
    contains -- $next $paths; and set at $next
  end
  test "$at" = "$argv[1]"
end
${lines.join('\n')}
`
}

const valueFlags = (all: readonly Node[]): string[] => [
  ...new Set(all.flatMap(({ flags }) => flags.filter(({ takesValue }) => takesValue).map(({ name }) => name))),
]

const WRITERS: Readonly<Record<Shell, (program: Command, all: readonly Node[]) => string>> = { bash, zsh, fish }

/** What a shell is to be told so that it completes the command line. */
export const completionScript = (shell: Shell, program: Command): string => WRITERS[shell](program, nodes(program))

/** `completion bash|zsh|fish`. */
export function completionCommand(program: Command): Command {
  return new Command('completion')
    .description('Print what makes a shell complete this command line')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .action((shell: Shell) => void process.stdout.write(completionScript(shell, program)))
}
