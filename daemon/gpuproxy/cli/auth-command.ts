import { Command, Option } from 'commander'
import { PERMISSIONS, type Permission } from '../../../rpc-schema/rpc/method.js'
import { tokensIn } from '../../kit/access/token-secret.js'
import { say } from './talk.js'

export const tokenSecretOption = (): Option =>
  new Option('--token-secret <file>', 'what tokens are signed with; made when it is not there')
    .env('C2PROXY_TOKEN_SECRET')
    .default('gpuproxy-token-secret')

/** `gpuproxy auth`: tokens for plugins, workers and operators. The server need not run. */
export function authCommand(): Command {
  const auth = new Command('auth').description('tokens for `gpuproxy run --require-token`')
  auth
    .command('create-token')
    .description('make a token: write for plugins and workers, admin for operators')
    .addOption(
      new Option('--perm <permission>', 'what it permits, with everything before it')
        .choices(PERMISSIONS)
        .makeOptionMandatory(),
    )
    .addOption(tokenSecretOption())
    .option('--name <name>', 'whom it is for')
    .action(({ perm, tokenSecret, name }: { perm: Permission; tokenSecret: string; name?: string }) =>
      say(tokensIn(tokenSecret).issue(PERMISSIONS.slice(0, PERMISSIONS.indexOf(perm) + 1), name)),
    )
  return auth
}
