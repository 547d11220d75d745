import { Option } from 'commander'

/** The configuration file a command needs. */
export const configOption = (): Option =>
  new Option('-c, --config <CONFIG>', 'path of the configuration file')
    .env('DAMOCLES_WORKER_CONFIG')
    .makeOptionMandatory()
