// The SSH keys with which users log in to machines: list, add, remove.
//
// Source: MAAS's `account/prefs/sshkeys/`, in 1.0 with `op=list` and `op=new`.
//
// 1. Users see and change only their own keys; administrators choose another user with `username`.

import { z } from 'zod';
import { nearestName } from '../../../nearest-name.ts';
import { parseSshKey, SSH_KEYS_PER_USER_MAX } from '../../accounts/ssh-keys.ts';
import type { SshKey } from '../../records/life-store.ts';
import { didYouMean } from '../../records/refusal.ts';
import { cleanWords } from '../../records/text-json.ts';
import { type Answer, json, type Refusal, refuse, refuseField } from '../call/answer.ts';
import {
  type ApiCall,
  type ApiVersion,
  defineOperation,
  eventBy,
  idIn,
  type Operation,
  value,
} from '../call/operation.ts';
import { importSshKeys, sshKeysLimitText } from './sshkey-import.ts';

const PATH = 'account/prefs/sshkeys';

const username = value(z.string().max(150))
  .optional()
  .describe('For administrators: the user who has the keys. Default: the caller.');

function keyJson(call: ApiCall, { id, key, source }: SshKey): Record<string, unknown> {
  return { id, key, keysource: source ?? null, resource_uri: `/MAAS/api/${call.version}/${PATH}/${id}/` };
}

export const noUserText = (username: string, meant: string | undefined): string =>
  `There is no user ${username}.${didYouMean(meant)} \`rackboot users list\` shows all.`;

/** The user whose keys the call is about, or a refusal. */
async function userOf(call: ApiCall, wanted: string | undefined): Promise<string | Refusal> {
  const { caller } = call;
  if (caller.kind !== 'user') return refuse('not-allowed', 'Only users have SSH keys.');
  if (wanted === undefined || wanted === '' || wanted === caller.username) return caller.username;
  if (!caller.isAdmin) return refuse('not-allowed', "Only an administrator may manage other users' keys.");
  const { accounts } = call.region.store;
  if ((await accounts.findUser(wanted)) !== undefined) return wanted;
  const names = (await accounts.listUsers()).map((user) => user.username);
  return refuse('not-found', noUserText(cleanWords(wanted, 150), nearestName(wanted, names)));
}

interface Whose {
  readonly username?: string | undefined;
}

async function list(call: ApiCall, given: Whose): Promise<Answer> {
  const user = await userOf(call, given.username);
  if (typeof user !== 'string') return user;
  return json((await call.region.store.life.listSshKeys(user)).map((key) => keyJson(call, key)));
}

async function add(call: ApiCall, given: Whose & { readonly key?: string | undefined }): Promise<Answer> {
  const user = await userOf(call, given.username);
  if (typeof user !== 'string') return user;
  const parsed = parseSshKey(given.key ?? '');
  if (parsed.kind === 'fault') return refuseField('key', `Invalid SSH public key: ${parsed.fault}.`);
  const { region } = call;
  const added = await region.store.life.addSshKey(
    { username: user, key: parsed.key, createdMs: region.clock.wallTimeMs() },
    SSH_KEYS_PER_USER_MAX,
    eventBy(call, 'AUTHORISATION', { code: 'ssh-key-added', params: { user } }),
  );
  if (added === 'exists') return refuseField('key', 'This key has already been added.');
  if (added === 'limit') return refuseField('key', sshKeysLimitText(SSH_KEYS_PER_USER_MAX));
  return json(keyJson(call, added));
}

async function importKeys(call: ApiCall, given: Whose & { readonly keysource: string }): Promise<Answer> {
  const user = await userOf(call, given.username);
  if (typeof user !== 'string') return user;
  const added = await importSshKeys(
    call,
    user,
    given.keysource,
    eventBy(call, 'AUTHORISATION', { code: 'ssh-key-added', params: { user } }),
  );
  return 'kind' in added ? added : json(added.map((key) => keyJson(call, key)));
}

const noSshKeyText = (username: string | undefined): string =>
  `No SSH key has this id: \`rackboot sshkeys list${username === undefined ? '' : ` --username ${username}`}\` shows all.`;

const noKey = (given: Whose): Refusal =>
  refuse('not-found', noSshKeyText(given.username === '' ? undefined : given.username));

async function read(call: ApiCall, given: Whose): Promise<Answer> {
  const user = await userOf(call, given.username);
  if (typeof user !== 'string') return user;
  const found = (await call.region.store.life.listSshKeys(user)).find(({ id }) => id === idIn(call.path.id));
  return found === undefined ? noKey(given) : json(keyJson(call, found));
}

async function remove(call: ApiCall, given: Whose): Promise<Answer> {
  const user = await userOf(call, given.username);
  if (typeof user !== 'string') return user;
  const event = eventBy(call, 'AUTHORISATION', { code: 'ssh-key-removed', params: { user } });
  return (await call.region.store.life.removeSshKey(user, idIn(call.path.id), event))
    ? { kind: 'empty' }
    : noKey(given);
}

const newKey = z.object({ username, key: value(z.string().max(20_000)).describe('The public key, one line.') });
const keyImport = z.object({
  username,
  keysource: value(z.string().max(100)).describe('The source: lp:NAME for Launchpad, gh:NAME for GitHub.'),
});

function operationsOf(version: ApiVersion): readonly Operation[] {
  const isOld = version === '1.0';
  const many = { versions: [version], path: PATH, handler: 'SSHKeysHandler', access: 'user' } as const;
  const one = { versions: [version], path: `${PATH}/{id}`, handler: 'SSHKeyHandler', access: 'user' } as const;
  const whose = z.object({ username });
  return [
    defineOperation({
      ...many,
      method: 'GET',
      op: isOld ? 'list' : undefined,
      answers: ['sshKey'],
      doc: 'List SSH keys.',
      parameters: whose,
      run: list,
    }),
    defineOperation({
      ...many,
      method: 'POST',
      op: isOld ? 'new' : undefined,
      answers: 'sshKey',
      doc: 'Add an SSH key.',
      parameters: newKey,
      run: add,
    }),
    defineOperation({
      ...many,
      method: 'POST',
      ownTransaction: true,
      op: 'import',
      answers: ['sshKey'],
      doc: 'Add the SSH keys that somebody has published. Lists those that are new.',
      parameters: keyImport,
      run: importKeys,
    }),
    defineOperation({
      ...one,
      method: 'GET',
      answers: 'sshKey',
      doc: 'Read one SSH key.',
      parameters: whose,
      run: read,
    }),
    defineOperation({
      ...one,
      method: 'DELETE',
      answers: 'nothing',
      doc: 'Remove an SSH key.',
      parameters: whose,
      run: remove,
    }),
  ];
}

export const SSHKEY_OPERATIONS: readonly Operation[] = (['2.0', '1.0'] as const).flatMap(operationsOf);
