/** The files and the tables as operators of the older master and slave have them. */
export const MASTER_TOML = `# rpc 配置
[server]
# rpc 的监听地址
listen = '0.0.0.0:4698'

# rpc server 最大连接数
max_connections = 200

# 数据库配置
[db]
# 数据库 url
url = 'mysql://root:password@localhost/wdpost'
min_connections = 3
max_connections = 20
idle_timeout = '10m'

# 任务相关配置
[task]
timeout = '5m'
max_retry = 2
heartbeat_timeout = '15s'
retry_job_interval = '10s'
archive_job_interval = '1h'
should_archive = '2days'
`

export const SLAVE_TOML = `[master]
# master rpc 地址
server_addr = '192.168.200.113:4698'
reconnect_interval = '3s'
heartbeat_interval = '5s'

[slave]
# wdpost 任务并发数
concurrent = 1
pull_interval = '5s'
`

const table = (name: string): string => `CREATE TABLE IF NOT EXISTS ${name} (
    id CHAR(32) PRIMARY KEY NOT NULL,
    in_body LONGBLOB NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT DEFAULT NULL,
    finished_at BIGINT DEFAULT NULL,
    retry_count SMALLINT NOT NULL DEFAULT 0,
    error_reason TEXT DEFAULT NULL,
    out_body LONGBLOB DEFAULT NULL,
    slave VARCHAR(100) DEFAULT NULL,
    heartbeat_at BIGINT DEFAULT NULL
) ENGINE = InnoDB CHARACTER SET = utf8mb4 COLLATE = utf8mb4_general_ci;`

export const TABLES_BY_HAND: readonly string[] = [
  table('tasks'),
  table('tasks_archived'),
  `CREATE VIEW tasks_view AS
SELECT id,
    in_body,
    FROM_UNIXTIME(created_at, '%Y-%m-%d %H:%i:%s') AS created_at,
    FROM_UNIXTIME(started_at, '%Y-%m-%d %H:%i:%s') AS started_at,
    FROM_UNIXTIME(finished_at, '%Y-%m-%d %H:%i:%s') AS finished_at,
    retry_count,
    error_reason,
    out_body,
    slave,
    FROM_UNIXTIME(heartbeat_at, '%Y-%m-%d %H:%i:%s') AS heartbeat_at
    FROM tasks;`,
]
