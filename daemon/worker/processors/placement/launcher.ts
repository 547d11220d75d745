import type { ChildCommand } from '../../../kit/processors/child-environment.js'

/** How a program is put where it belongs, with what this machine has. */
export interface Placed {
  /** `cgroup.procs` of its group. */
  readonly procsFile?: string | undefined
  /** The processors, for the affinity. */
  readonly cpuset?: string | undefined
  /** Path of `taskset`, when there is one. */
  readonly taskset?: string | undefined
  /** Preferred node, with the path of `numactl`. */
  readonly numa?: { readonly node: number; readonly numactl: string } | undefined
}

/**
 * Joins the group, then becomes the program: the process id stays the same all the way. Everything that varies is an argument, nothing is
 * put into the script's text. Where joining is refused, the affinity has to do.
 * $1: cgroup.procs; $2: processors; $3: taskset or empty; then the program with its arguments.
 */
const JOIN_AND_EXEC = `procs=$1 cpus=$2 taskset=$3
shift 3
if { echo $$ > "$procs"; } 2>/dev/null; then exec "$@"; fi
if [ -n "$taskset" ]; then
  echo "cannot join the cgroup of $procs: processors are set by affinity" >&2
  exec "$taskset" -c "$cpus" "$@"
fi
echo "cannot join the cgroup of $procs: runs on all processors (install taskset, package util-linux)" >&2
exec "$@"`

/** The command that starts `command` in its place. */
export function launchCommand(command: ChildCommand, placed: Placed): ChildCommand {
  const { procsFile, cpuset, taskset, numa } = placed
  const bound = numa === undefined ? command : prefixed(command, numa.numactl, [`--preferred=${numa.node}`])
  if (cpuset === undefined) return bound
  if (procsFile !== undefined) {
    const words = [JOIN_AND_EXEC, 'sealyard-launcher', procsFile, cpuset, taskset ?? '']
    return prefixed(bound, '/bin/sh', ['-c', ...words])
  }
  return taskset === undefined ? bound : prefixed(bound, taskset, ['-c', cpuset])
}

const prefixed = ({ bin, args }: ChildCommand, launcher: string, options: readonly string[]): ChildCommand => ({
  bin: launcher,
  args: [...options, bin, ...args],
})
