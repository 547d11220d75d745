import { expect } from 'chai'
import { loadConfig } from '../../../../daemon/kit/config/load.js'
import { parseToml } from '../../../../daemon/kit/config/toml-file.js'
import { HotFile } from '../../../../daemon/worker/config/hot-config.js'
import { config, load, sample, uncommented, whole } from './sample-files.js'

const GiB = 1024 ** 3
const MINUTE = 60_000
const SECOND = 1_000

/** Only sure things: what remarks a sample may earn. */
const remarks = (text: string): string[] => load(text).warnings.map(({ path }) => path)

describe('configurations of the users’ documents', () => {
  describe('S004-1 S004-2 S004-3…14: the basic example', () => {
    it('loads as it is, without a remark', () => {
      const { config, warnings } = load(sample('mock'))
      expect(warnings).to.deep.equal([])
      expect(config.threads.map(thread => thread.location)).to.deep.equal([
        './mock-tmp/store1',
        './mock-tmp/store2',
        './mock-tmp/store3',
      ])
      for (const { plan, sealing } of config.threads) {
        expect(plan).to.equal('sealer')
        expect(sealing).to.deep.include({ enableDeals: true, maxRetries: 3 })
      }
      expect(config.attached).to.deep.equal([{ name: undefined, location: './mock-tmp/remote', readonly: false }])
      const { children, limitation, extLocks, staticTreeD } = config.processors
      expect(limitation).to.deep.equal({ concurrent: {}, staggered: {} })
      expect(extLocks).to.deep.equal({})
      expect(staticTreeD.size).to.equal(0)
      expect(children.add_pieces).to.equal(undefined)
      expect(children.tree_d).to.have.length(1)
      expect(children.pc1!.map(child => child.cgroup.cpuset)).to.deep.equal(['4-5', '6-7', '12-13'])
      expect(children.pc1!.map(child => child.numaPreferred)).to.deep.equal([0, 0, 1])
      expect(children.pc1![0]!.envs).to.deep.equal({ RUST_LOG: 'info' })
      expect(children.pc2!.map(child => child.cgroup.cpuset)).to.deep.equal([undefined, '28-31'])
      expect(children.c2!.map(child => child.cgroup.cpuset)).to.deep.equal(['32-47'])
    })

    it('loads with everything that it has as comments', () => {
      const text = uncommented(sample('mock'))
      const { config, warnings } = load(text)
      expect(warnings).to.deep.equal([])
      expect(config.name).to.equal('worker-#1')
      expect(config.rpc).to.deep.equal({ host: '192.168.1.100', port: 17_891 })
      expect(config.metrics).to.deep.equal({ enable: false, listen: '0.0.0.0:9000' })
      expect(config.manager).to.deep.include({ headers: { 'User-Agent': 'jsonrpc-core-client' }, pieceToken: 'TOKEN' })
      expect(config.threads[0]!.plan).to.equal('snapup')
      expect(config.threads[0]!.sealing).to.deep.include({
        allowedMiners: [10_123, 10_124, 10_125],
        allowedSizes: [32 * GiB, 64 * GiB],
        disableCc: true,
        maxDeals: 3,
        minDealSpaceBytes: 8 * GiB,
        recoverIntervalMs: MINUTE,
      })
      expect(config.threads[1]!.sealing.maxDeals).to.equal(3)
      const { children, limitation, extLocks, staticTreeD } = config.processors
      expect(limitation).to.deep.equal({
        concurrent: { add_pieces: 5, pc1: 3, pc2: 2, c2: 1 },
        staggered: { pc1: 5 * MINUTE, pc2: 4 * MINUTE },
      })
      expect(extLocks).to.deep.equal({ gpu1: 1 })
      expect([...staticTreeD]).to.deep.equal([[2048, './tmp/2k/sc-02-data-tree-d.dat']])
      expect(children.add_pieces).to.have.length(1)
      expect(children.pc1![0]).to.deep.include({ bin: './dist/bin/damocles-worker-plugin-pc1', autoRestart: true })
    })
  })

  describe('every table by itself, with its comments in force', () => {
    it('S004-15…20: [worker]', () => {
      const { name, rpc, localPiecesDirs } = config(uncommented(whole(sample('worker'))))
      expect({ name, rpc, localPiecesDirs }).to.deep.equal({
        name: 'worker-#1',
        rpc: { host: '192.168.1.100', port: 17_891 },
        localPiecesDirs: ['/path/to/your_local_pieces_dir01', '/path/to/your_local_pieces_dir02'],
      })
    })
    it('S004-23 S004-24: [metrics]', () => {
      const text = uncommented(whole(sample('metrics'))).replace('false', 'true')
      expect(config(text).metrics).to.deep.equal({ enable: true, listen: '0.0.0.0:9000' })
    })
    it('S004-25…27: [sector_manager]', () => {
      expect(config(uncommented(whole(sample('manager')))).manager).to.deep.equal({
        address: '/ip4/127.0.0.1/tcp/1789',
        headers: { 'User-Agent': 'jsonrpc-core-client' },
        pieceToken: 'TOKEN',
      })
    })
    it('S004-28…39: [sealing]', () => {
      expect(config(uncommented(whole(sample('sealing')))).threads[0]!.sealing).to.deep.equal({
        allowedMiners: [10_123, 10_124, 10_125],
        allowedSizes: [32 * GiB, 64 * GiB],
        enableDeals: true,
        disableCc: true,
        maxDeals: 3,
        minDealSpaceBytes: 8 * GiB,
        maxRetries: 3,
        recoverIntervalMs: 30 * SECOND,
        sealIntervalMs: 30 * SECOND,
        pollingIntervalMs: 180 * SECOND,
        ignoreProofCheck: false,
        requestTaskMaxRetries: 3,
        verifyAfterPc2: false,
        windowParts: ['whole'],
      })
    })
    it('S004-43…46: [[sealing_thread]]', () => {
      const text = uncommented(whole(sample('threads'))).replace(
        'request_task_max_retries = 3',
        'request_task_max_retries = 7',
      )
      const { threads } = config(text)
      expect(threads.map(({ location, plan }) => [location, plan])).to.deep.equal([
        ['/mnt/nvme1/store', 'snapup'],
        ['/mnt/nvme2/store', 'sealer'],
        ['/mnt/nvme3/store', 'sealer'],
      ])
      expect(threads.map(({ sealing }) => sealing.requestTaskMaxRetries)).to.deep.equal([7, 3, 3])
      expect(threads[0]!.sealing).to.deep.include({ enableDeals: true, disableCc: true, maxRetries: 3 })
    })
    it('S004-49 S004-51 S004-53: config.toml of a thread', () => {
      const { config, warnings } = loadConfig(HotFile, parseToml(uncommented(sample('hot')), 'config.toml'))
      expect(warnings).to.deep.equal([])
      expect(config.plan).to.equal('rebuild')
      expect(config.sealing).to.deep.include({ max_retries: 3, request_task_max_retries: 3, recover_interval: MINUTE })
    })
    it('S004-54…57: [[attached]]', () => {
      expect(config(whole(sample('attached'))).attached).to.deep.equal([
        { name: undefined, location: '/mnt/remote/10.0.0.14/store', readonly: false },
      ])
      expect(config(uncommented(whole(sample('attached')))).attached).to.deep.equal([
        { name: 'remote-store1', location: '/mnt/remote/10.0.0.14/store', readonly: true },
      ])
    })
    it('S004-59 S004-61: [processors.limitation.concurrent]', () => {
      expect(config(uncommented(whole(sample('concurrent')))).processors.limitation.concurrent).to.deep.equal({
        add_pieces: 5,
        tree_d: 1,
        pc1: 3,
        pc2: 2,
        c2: 1,
      })
    })
    it('S004-63 S004-64: [processors.limitation.staggered]', () => {
      expect(config(uncommented(whole(sample('staggered')))).processors.limitation.staggered).to.deep.equal({
        pc1: 5 * MINUTE,
        pc2: 4 * MINUTE,
      })
    })
    it('S004-70 S004-71: [processors.static_tree_d]', () => {
      expect([...config(whole(sample('static-tree-d'))).processors.staticTreeD]).to.deep.equal([
        [2048, '/var/tmp/2k/sc-02-data-tree-d.dat'],
        [32 * GiB, '/var/tmp/32g/sc-02-data-tree-d.dat'],
        [64 * GiB, '/var/tmp/64g/sc-02-data-tree-d.dat'],
      ])
    })
    it('S004-76…85: [[processors.<stage>]]', () => {
      const [child] = config(uncommented(whole(sample('processor')))).processors.children.pc1!
      expect(child).to.deep.equal({
        bin: './dist/bin/damocles-worker-plugin-pc1',
        args: ['--args-1', '1', '--args-2', '2'],
        stableWaitMs: 5 * SECOND,
        numaPreferred: 0,
        cgroup: { groupName: 'vc-worker', cpuset: '4-5' },
        envs: { RUST_LOG: 'info' },
        concurrent: 4,
        locks: ['gpu1'],
        autoRestart: true,
        inheritEnvs: true,
        weight: undefined,
        stallLimitMs: undefined,
      })
    })
  })

  describe('special examples', () => {
    it('S004-41: [sealing]', () => {
      const sealing = (name: string) => config(whole(sample(name))).threads[0]!.sealing
      expect(sealing('two-miners-network').allowedMiners).to.deep.equal([2234, 2236, 2238])
      expect(sealing('large-cluster')).to.deep.include({
        recoverIntervalMs: 90 * SECOND,
        pollingIntervalMs: 5 * MINUTE,
      })
      expect(sealing('patient')).to.deep.include({ maxRetries: 10, recoverIntervalMs: MINUTE })
    })
    it('S004-47: threads for different miners', () => {
      const { threads } = config(whole(sample('threads-by-miner')))
      expect(threads.map(({ sealing }) => sealing.allowedMiners)).to.deep.equal([[1357], [2468]])
    })
    it('S004-48: threads for different sizes', () => {
      const { threads } = config(whole(sample('threads-by-size')))
      expect(threads.map(({ sealing }) => sealing.allowedSizes)).to.deep.equal([[32 * GiB], [64 * GiB]])
    })
    it('S004-66 S004-67: one GPU for PC2 and C2', () => {
      const { extLocks, children } = config(whole(sample('gpu-shared'))).processors
      expect(extLocks).to.deep.equal({ gpu: 1 })
      expect([children.pc2, children.c2].map(entries => entries!.map(({ locks }) => locks))).to.deep.equal([
        [['gpu']],
        [['gpu']],
      ])
    })
    it('S004-66 S004-67: two GPUs for PC2 and C2', () => {
      const { extLocks, children } = config(whole(sample('two-gpus-shared'))).processors
      expect(extLocks).to.deep.equal({ gpu1: 1, gpu2: 1 })
      expect([children.pc2, children.c2].map(entries => entries!.flatMap(({ locks }) => locks))).to.deep.equal([
        ['gpu1', 'gpu2'],
        ['gpu1', 'gpu2'],
      ])
    })
    it('S004-74 S004-86 S004-87: a machine with 48 cores and 4 GPUs', () => {
      const { children, limitation } = config(whole(sample('server-48c-4gpu'))).processors
      expect(limitation.concurrent).to.deep.equal({ add_pieces: 8, pc1: 4, pc2: 2, c2: 1 })
      expect(Object.entries(children).map(([stage, entries]) => `${entries.length} ${stage}`)).to.have.members([
        '2 pc1',
        '2 pc2',
        '1 c2',
        '1 tree_d',
      ])
      const placed = (stage: 'pc1' | 'pc2' | 'c2' | 'tree_d') =>
        children[stage]!.map(({ concurrent, numaPreferred, cgroup }) => [cgroup.cpuset, concurrent, numaPreferred])
      expect(placed('pc1')).to.deep.equal([
        ['0-7', 2, 0],
        ['12-19', 2, 1],
      ])
      expect(placed('pc2').map(([cpuset]) => cpuset)).to.deep.equal(['8-11,24-27', '20-23,36-39'])
      expect(placed('c2').map(([cpuset]) => cpuset)).to.deep.equal(['28-35'])
      expect(placed('tree_d').map(([cpuset]) => cpuset)).to.deep.equal(['40-45'])
      for (const { envs } of children.pc1!) expect(envs).to.deep.equal({ FIL_PROOFS_USE_MULTICORE_SDR: '1' })
      expect(children.pc2!.map(({ envs }) => envs)).to.deep.equal(
        ['0', '1'].map(gpu => ({
          FIL_PROOFS_USE_GPU_COLUMN_BUILDER: '1',
          FIL_PROOFS_USE_GPU_TREE_BUILDER: '1',
          CUDA_VISIBLE_DEVICES: gpu,
        })),
      )
      expect(children.c2![0]!.envs).to.deep.equal({ CUDA_VISIBLE_DEVICES: '2,3' })
    })
    it('S004-88: a C2 of other makers', () => {
      const [c2] = config(whole(sample('c2-optimized'))).processors.children.c2!
      expect(c2).to.deep.include({
        bin: '/usr/local/bin/damocles-worker-c2-optimized',
        cgroup: { groupName: 'vc-worker', cpuset: '40-47' },
        envs: { CUDA_VISIBLE_DEVICES: '2,3' },
        stableWaitMs: 5 * SECOND,
      })
    })
    it('S004-89: a C2 elsewhere', () => {
      const [c2] = config(whole(sample('c2-outsourced'))).processors.children.c2!
      expect(c2).to.deep.include({
        bin: '/usr/local/bin/damocles-worker-c2-outsource',
        args: ['--url', '/ip4/apis.filecoin.io/tcp/10086/https', '--timeout', '10s'],
        envs: { LICENCE_PATH: '/var/tmp/c2.licence.dev' },
      })
    })
    it('S004-90: PC2 on a GPU and on processors', () => {
      const { pc2 } = config(whole(sample('pc2-gpu-and-cpu'))).processors.children
      expect(pc2!.map(({ cgroup, envs }) => [cgroup.cpuset, envs.CUDA_VISIBLE_DEVICES])).to.deep.equal([
        ['8-11,24-27', '0'],
        ['20-23,36-45', undefined],
      ])
    })
    it('S004-91 S004-92: an odd number of PC1', () => {
      const split = (name: string) => {
        const { limitation, children } = config(whole(sample(name))).processors
        return [limitation.concurrent.pc1, ...children.pc1!.map(({ concurrent }) => concurrent)]
      }
      expect(split('pc1-odd')).to.deep.equal([29, 14, 15])
      expect(split('pc1-numa0-first')).to.deep.equal([29, 16, 13])
    })
    it('S004-98 S004-99 S004-100: the smallest example; its [remote_store] is an attached store', () => {
      const { config, warnings } = load(sample('minimal').replace('{some_ip}', '127.0.0.1'))
      expect(config.threads).to.have.length(8)
      expect(config.attached).to.deep.equal([
        { name: '{remote store name}', location: '{path to remote store}', readonly: false },
      ])
      expect([...config.processors.staticTreeD.keys()]).to.deep.equal([32 * GiB, 64 * GiB])
      expect(config.processors.limitation.concurrent).to.deep.equal({ pc1: 4, pc2: 2, c2: 1 })
      for (const { plan, sealing } of config.threads) {
        expect(plan).to.equal('sealer')
        expect(sealing).to.deep.include({ enableDeals: false, allowedSizes: undefined })
      }
      expect(warnings.map(({ path }) => path)).to.deep.equal(['remote_store'])
    })
  })

  describe('C2 by gpuproxy', () => {
    it('S000-15…17 S000-19…21: all of it', () => {
      const { limitation, children } = config(whole(sample('c2-gpuproxy'))).processors
      expect(limitation.concurrent).to.deep.equal({ c2: 999 })
      expect(children.c2).to.have.length(1)
      expect(children.c2![0]).to.deep.include({
        bin: '/home/op/venus-cluster/dist/bin/cluster_c2_plugin',
        args: ['run', '--gpuproxy-url', 'http://192.168.200.25:18888'],
        envs: { RUST_LOG: 'info' },
        weight: 99,
        concurrent: undefined,
      })
    })
    it('S000-34…37: beside a local one, by weight', () => {
      const { c2 } = config(whole(sample('c2-local-and-gpuproxy'))).processors.children
      expect(c2!.map(({ concurrent, weight }) => [concurrent, weight])).to.deep.equal([
        [1, 1],
        [undefined, 55],
      ])
      expect(c2![0]!.args).to.deep.equal(['processor', 'c2', '--sector_size', '32GiB'])
      expect(c2![0]!.envs).to.deep.equal({ RUST_BACKTRACE: 'full', RUST_LOG: 'trace' })
      expect(c2!.map(({ bin }) => bin!.split('/').at(-1))).to.deep.equal(['force-ext-processors', 'cluster_c2_plugin'])
    })
  })

  describe('S004-101: configurations of the community', () => {
    it('1: exact cores for PC1, C2 by gpuproxy', () => {
      const { threads, processors } = config(sample('example-1'))
      expect(threads).to.have.length(16)
      expect(processors.limitation.concurrent).to.deep.equal({ pc1: 14, pc2: 2, c2: 10, tree_d: 1 })
      expect(processors.children.pc1!.map(({ cgroup }) => cgroup.cpuset).slice(0, 3)).to.deep.equal([
        '0-3',
        '4-7',
        '8-11',
      ])
      expect(processors.children.c2![0]!.args).to.deep.equal([
        'run',
        '--gpuproxy-url',
        'http://10.0.0.9:18888',
        '--log-level',
        'info',
        '--poll-task-interval',
        '60',
      ])
    })
    it('2: PC2 and C2 share a GPU', () => {
      const { attached, processors } = config(sample('example-2'))
      expect(attached.map(({ name, readonly }) => [name, readonly])).to.deep.equal([
        ['nfs-1', false],
        ['nfs-2', true],
      ])
      expect(processors.children.add_pieces![0]!.envs).to.deep.equal({ PIECE_FETCHER_TOKEN: 'TOKEN' })
      expect([processors.children.pc2, processors.children.c2].map(entries => entries![0]!.locks)).to.deep.equal([
        ['gpu'],
        ['gpu'],
      ])
    })
    it('3: two of each on two GPUs', () => {
      const { children, extLocks } = config(sample('example-3')).processors
      expect(extLocks).to.deep.equal({ gpu1: 1, gpu2: 1 })
      for (const stage of ['pc2', 'c2'] as const)
        expect(children[stage]!.map(({ locks, envs }) => [locks[0], envs.CUDA_VISIBLE_DEVICES])).to.deep.equal([
          ['gpu1', '0'],
          ['gpu2', '1'],
        ])
    })
    it('4: little memory', () => {
      const { limitation } = config(sample('example-4')).processors
      expect(limitation.concurrent).to.deep.equal({ tree_d: 1, pc1: 1, pc2: 1, c2: 1 })
    })
    it('earn no other remark than the old name of the limits', () => {
      for (const name of ['example-1', 'example-2', 'example-3', 'example-4'])
        expect(remarks(sample(name)), name).to.deep.equal(['processors.limit'])
    })
  })
})
