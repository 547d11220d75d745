import { expect } from 'chai'
import { loadConfig } from '../../../daemon/kit/config/load.js'
import { parseToml } from '../../../daemon/kit/config/toml-file.js'
import { MasterConfig } from '../../../daemon/wdpost/master/master-config.js'
import { SlaveConfig } from '../../../daemon/wdpost/slave/slave-config.js'
import { MASTER_TOML, SLAVE_TOML } from './seed-files.js'

const MINUTE = 60_000
const master = (text: string) => loadConfig(MasterConfig, parseToml(text, 'master.toml'))
const slave = (text: string) => loadConfig(SlaveConfig, parseToml(text, 'slave.toml'))

describe('wdpost: configuration', () => {
  it('S001-9 S001-10 S001-11 S001-12 S001-13 S001-14 S001-15 S001-16 S003-62 S003-63 S003-64 S003-65 S003-66: of a master, with every key', () => {
    const { config, warnings } = master(MASTER_TOML)
    expect(warnings).to.deep.equal([])
    expect(config).to.deep.equal({
      server: { listen: { host: '0.0.0.0', port: 4698 }, max_connections: 200 },
      db: {
        url: 'mysql://root:password@localhost/wdpost',
        min_connections: 3,
        max_connections: 20,
        idle_timeout: 10 * MINUTE,
      },
      task: {
        timeout: 5 * MINUTE,
        max_retry: 2,
        heartbeat_timeout: 15_000,
        retry_job_interval: 10_000,
        archive_job_interval: 60 * MINUTE,
        should_archive: 48 * 60 * MINUTE,
        forget_archived: 30 * 24 * 60 * MINUTE,
      },
    })
  })

  it('S001-17 S001-18 S003-67 S003-68: of a slave, with every key', () => {
    const { config, warnings } = slave(SLAVE_TOML)
    expect(warnings).to.deep.equal([])
    expect(config.master).to.deep.equal({
      server_addr: '192.168.200.113:4698',
      reconnect_interval: 3_000,
      heartbeat_interval: 5_000,
    })
    expect(config.slave).to.deep.include({ concurrent: 1, pull_interval: 5_000 })
    expect(config.slave.name).to.match(new RegExp(`-${process.pid}$`))
  })

  it('what may be left out has the values of the older files; a task half an hour', () => {
    const { config } = master("[server]\nlisten = '[::1]:1'\n[db]\nurl = 'sqlite:x.db'\n")
    expect(config.server).to.deep.equal({ listen: { host: '::1', port: 1 }, max_connections: 200 })
    expect(config.task.timeout).to.equal(30 * MINUTE)
    expect({ ...config.task, timeout: 5 * MINUTE }).to.deep.equal(master(MASTER_TOML).config.task)
    const { processor } = slave("[master]\nserver_addr = 'host:1'\n").config
    expect(processor).to.deep.equal({ args: ['processor', 'window_post'], envs: {}, ready_timeout: MINUTE })
  })

  it('a secret that is wrong is not told', () => {
    for (const url of ['"postgres://root:hush@x/db"', '"mysql://root:hu/sh@x@y/db"', '["hush"]'])
      expect(() => master(`[server]\nlisten = '0.0.0.0:1'\n[db]\nurl = ${url}\n`), url)
        .to.throw(/master\.toml:4: db\.url: expected (mysql|a string)/)
        .and.not.match(/hush|hu.sh/)
    expect(() => slave("[master]\nserver_addr = 'h:1'\ntoken = ['hush']\n"))
      .to.throw(/slave\.toml:3: master\.token: expected a string/)
      .and.not.match(/hush/)
  })

  it('what is wrong is told with its line', () => {
    expect(() => master("[server]\nlisten = '4698'\n[db]\nurl = 'postgres://x'\n[task]\ntimeout = 5\n")).to.throw(
      /master\.toml:2: server\.listen: expected IP:PORT[\s\S]*master\.toml:4: db\.url: expected mysql[\s\S]*master\.toml:6: task\.timeout: expected a duration/,
    )
    expect(() => slave('[slave]\nconcurrent = 0\n')).to.throw(
      /slave\.toml: master: expected object[\s\S]*slave\.toml:2: slave\.concurrent: /,
    )
  })
})
