import { expect } from 'chai'
import { config, whole } from './sample-files.js'

/** The worker of the users' document on window proofs by workers, with a list of CPUs where it has letters. */
const SAMPLE = `
[[sealing_thread]]
plan = "wdpost"

[[attached]]
name = "miner-6666-store"
location = "/mnt/miner-6666-store"

[processors.limitation.concurrent]
window_post = 2

[[processors.window_post]]
bin = "/usr/local/bin/force-ext-processors"
args = ["processor", "window_post"]
envs = { BELLMAN_GPU_INDEXS="0", CUDA_VISIBLE_DEVICES="0"}
concurrent = 1
cgroup.cpuset = "0-6"
`

describe('the worker of the document on window proofs', () => {
  it('S001-28…34: reads its stores, and proves by a program with its environment, its share and its CPUs', () => {
    const { attached, processors } = config(whole(SAMPLE))
    expect(attached).to.deep.equal([{ name: 'miner-6666-store', location: '/mnt/miner-6666-store', readonly: false }])
    expect(processors.limitation.concurrent).to.deep.equal({ window_post: 2 })
    const [child, ...others] = processors.children.window_post!
    expect(others).to.deep.equal([])
    expect(child).to.deep.include({
      bin: '/usr/local/bin/force-ext-processors',
      args: ['processor', 'window_post'],
      envs: { BELLMAN_GPU_INDEXS: '0', CUDA_VISIBLE_DEVICES: '0' },
      concurrent: 1,
    })
    expect(child!.cgroup.cpuset).to.equal('0-6')
  })

  it('S001-31 S001-33: without a bin the built-in algorithm proves, as often at a time as it is asked', () => {
    const { processors } = config(whole('[[processors.window_post]]\n'))
    const [child] = processors.children.window_post!
    expect([child!.bin, child!.concurrent]).to.deep.equal([undefined, undefined])
  })
})
