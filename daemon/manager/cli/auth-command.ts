import { Command, Option } from 'commander'
import { PERMISSIONS, type Permission } from '../../../rpc-schema/rpc/method.js'
import { tableText } from '../../kit/terminal/table.js'
import { issuedTokens, newTokenId, noteMade, revokeTokens } from '../access/token-ledger.js'
import { renewTokenSecret, tokensOf } from '../access/token-secret.js'
import { managerHome } from '../config/home.js'
import { say } from './talk.js'

/** `auth`: tokens for those who call this manager. They work on its home, the manager need not run. */
export function authCommand(homeOf: () => { home?: string }): Command {
  const auth = new Command('auth').description('Tokens for calling this manager')
  auth
    .command('create-token')
    .description(
      'Make a token, for instance one for each worker: `rpc_client.headers = { Authorization = "Bearer …" }`',
    )
    .addOption(
      new Option('--perm <permission>', 'what it permits, with everything before it')
        .choices(PERMISSIONS)
        .makeOptionMandatory(),
    )
    .option('--name <name>', 'whom it is for')
    .action(async ({ perm, name }: { perm: Permission; name?: string }) => {
      const { dir } = managerHome(homeOf())
      const permissions = PERMISSIONS.slice(0, PERMISSIONS.indexOf(perm) + 1)
      const id = newTokenId()
      const token = tokensOf(dir).issue(permissions, name, id)
      await noteMade(dir, { id, name: name ?? '', permissions, at: Date.now() })
      say(token)
    })
  auth
    .command('list')
    .description('List the tokens that were made here; the tokens themselves are not kept')
    .option('--json', 'as JSON', false)
    .action(async ({ json }: { json: boolean }) => {
      const tokens = await issuedTokens(managerHome(homeOf()).dir)
      if (json) return say(JSON.stringify(tokens, null, 2))
      const time = (at: number | undefined): string => (at === undefined ? '-' : new Date(at).toISOString())
      say(
        tableText(
          ['ID', 'Name', 'Permits', 'Made', 'Revoked'],
          tokens.map(token => [
            token.id,
            token.name || '-',
            token.permissions.join(','),
            time(token.madeAt),
            time(token.revokedAt),
          ]),
        ),
      )
    })
  auth
    .command('revoke')
    .description('Refuse a token from now on, also while the manager runs')
    .argument('<name>', 'its name, for all tokens of that name, or its id')
    .action(async (name: string) => {
      const count = await revokeTokens(managerHome(homeOf()).dir, name, Date.now())
      if (count === 0) throw new Error(`no token named ${name} that is not revoked (see \`auth list\`)`)
      say(`revoked: ${count}`)
    })
  auth
    .command('inspect')
    .description('Tell what a token permits')
    .argument('<token>', 'the token')
    .action((token: string) => {
      const holder = tokensOf(managerHome(homeOf()).dir).holder(token)
      if (holder === null)
        throw new Error('this token was not made by this manager, or its secret has been renewed since')
      say(`${holder.name ?? '(no name)'}: ${holder.permissions.join(', ')}`)
    })
  auth
    .command('renew-secret')
    .description('Make all tokens void; the manager takes the new secret at its next start')
    .option('--really-do-it', 'without it nothing is done', false)
    .action(({ reallyDoIt }: { reallyDoIt: boolean }) => {
      if (!reallyDoIt) throw new Error('every token becomes void, those of all workers too: say --really-do-it')
      renewTokenSecret(managerHome(homeOf()).dir)
      say('renewed: make new tokens, then restart the manager')
    })
  return auth
}
