// The SSH keys with which users log in to machines: list, add, remove, and import as published
// at Launchpad or GitHub.
//
// Source: MAAS's `account/prefs/sshkeys/`, in 1.0 with `op=list` and `op=new`; `op=import` answers
// with the keys that it added.
//
// 1. Users see and change only their own keys; administrators choose another user with `username`.
// 2. All keys of a published list are added, or none. A key that the user has already is not a fault.

import { z } from 'zod';
import { findNearestName } from '../../../ground/nearest-name.ts';
import { formatKeySource, keysFaultText, parseKeySource } from '../../accounts/key-sources.ts';
import { parseSshKey, SSH_KEYS_PER_USER_MAX } from '../../accounts/ssh-keys.ts';
import type { SshKey } from '../../records/life-store.ts';
import type { NewMachineEvent } from '../../records/machine-event.ts';
import { didYouMean } from '../../records/refusal.ts';
import { cleanWords } from '../../records/text-json.ts';
import { transactOrUndo } from '../../records/undo.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import { type Answer, EMPTY, json, type Refusal, refuse, refuseField } from '../call/answer.ts';
import {
  type ApiCall,
  type ApiVersion,
  eventBy,
  idIn,
  type Operation,
  operation,
  optionalText,
  ownTransaction,
  requiredText,
} from '../call/operation.ts';

const SSH_KEYS_LIMIT = `A user may have at most ${SSH_KEYS_PER_USER_MAX} keys: remove one.`;
const PATH = 'account/prefs/sshkeys';

const username = optionalText(150, 'For administrators: the user who has the keys. Default: the caller.');

function keyJson(call: ApiCall, { id, key, source }: SshKey): AnswerOf<'sshKey'> {
  return { id, key, keysource: source ?? null, resource_uri: `/MAAS/api/${call.version}/${PATH}/${id}/` };
}

export const noUserText = (username: string, nearest: string | undefined): string =>
  `There is no user ${username}.${didYouMean(nearest)} \`rackboot users list\` shows all.`;

/** The user whose keys the call is about, or a refusal. */
async function findKeyOwner(call: ApiCall, wanted: string | undefined) {
  const { caller } = call;
  if (caller.kind !== 'user') return refuse('not-allowed', 'Only users have SSH keys.');
  if (wanted === undefined || wanted === '' || wanted === caller.username) return caller.username;
  if (!caller.isAdmin) return refuse('not-allowed', "Only an administrator may manage other users' keys.");
  const { accounts } = call.region.store;
  if ((await accounts.findUser(wanted)) !== undefined) return wanted;
  const names = (await accounts.listUsers()).map((user) => user.username);
  return refuse('not-found', noUserText(cleanWords(wanted, 150), findNearestName(wanted, names)));
}

type Whose = z.output<typeof whose>;

async function answerSshKeys(call: ApiCall, input: Whose): Promise<Answer> {
  const user = await findKeyOwner(call, input.username);
  if (typeof user !== 'string') return user;
  return json((await call.region.store.life.listSshKeys(user)).map((key) => keyJson(call, key)));
}

async function addSshKey(call: ApiCall, input: z.output<typeof newKey>): Promise<Answer> {
  const user = await findKeyOwner(call, input.username);
  if (typeof user !== 'string') return user;
  const parsed = parseSshKey(input.key);
  if (parsed.kind === 'fault') return refuseField('key', `Invalid SSH public key: ${parsed.fault}.`);
  const { region } = call;
  const added = await region.store.life.addSshKey(
    { username: user, key: parsed.key, createdMs: region.clock.wallTimeMs() },
    SSH_KEYS_PER_USER_MAX,
    eventBy(call, 'AUTHORISATION', { code: 'ssh-key-added', params: { user } }),
  );
  if (added === 'exists') return refuseField('key', 'This key has already been added.');
  if (added === 'limit') return refuseField('key', SSH_KEYS_LIMIT);
  return json(keyJson(call, added));
}

async function importKeys(call: ApiCall, input: z.output<typeof keyImport>): Promise<Answer> {
  const user = await findKeyOwner(call, input.username);
  if (typeof user !== 'string') return user;
  const added = await importSshKeys(
    call,
    user,
    input.keysource,
    eventBy(call, 'AUTHORISATION', { code: 'ssh-key-added', params: { user } }),
  );
  return 'kind' in added ? added : json(added.map((key) => keyJson(call, key)));
}

const noSshKeyText = (username: string | undefined) =>
  `No SSH key has this id: \`rackboot sshkeys list${username === undefined ? '' : ` --username ${username}`}\` shows all.`;

const noKey = (input: Whose) => refuse('not-found', noSshKeyText(input.username === '' ? undefined : input.username));

async function answerSshKey(call: ApiCall, input: Whose): Promise<Answer> {
  const user = await findKeyOwner(call, input.username);
  if (typeof user !== 'string') return user;
  const sshKey = (await call.region.store.life.listSshKeys(user)).find(({ id }) => id === idIn(call.path.id));
  return sshKey === undefined ? noKey(input) : json(keyJson(call, sshKey));
}

async function removeSshKey(call: ApiCall, input: Whose): Promise<Answer> {
  const user = await findKeyOwner(call, input.username);
  if (typeof user !== 'string') return user;
  const event = eventBy(call, 'AUTHORISATION', { code: 'ssh-key-removed', params: { user } });
  return (await call.region.store.life.removeSshKey(user, idIn(call.path.id), event)) ? EMPTY : noKey(input);
}

const whose = z.object({ username });
const newKey = whose.extend({ key: requiredText(20_000, 'The public key, one line.') });
const keyImport = whose.extend({
  keysource: requiredText(100, 'The source: lp:NAME for Launchpad, gh:NAME for GitHub.'),
});
const IMPORT = 'Add the SSH keys that somebody has published. Lists those that are new.';

function defineSshKeyOperations(version: ApiVersion): readonly Operation[] {
  const isOld = version === '1.0';
  const many = { versions: [version], path: PATH, handler: 'SSHKeysHandler' } as const;
  const item = { versions: [version], path: `${PATH}/{id}`, handler: 'SSHKeyHandler' } as const;
  return [
    operation(many, isOld ? 'GET list' : 'GET', 'user', ['sshKey'], 'List SSH keys.', whose, answerSshKeys),
    operation(many, isOld ? 'POST new' : 'POST', 'user', 'sshKey', 'Add an SSH key.', newKey, addSshKey),
    operation(ownTransaction(many), 'POST import', 'user', ['sshKey'], IMPORT, keyImport, importKeys),
    operation(item, 'GET', 'user', 'sshKey', 'Read one SSH key.', whose, answerSshKey),
    operation(item, 'DELETE', 'user', 'nothing', 'Remove an SSH key.', whose, removeSshKey),
  ];
}

export const SSHKEY_OPERATIONS: readonly Operation[] = (['2.0', '1.0'] as const).flatMap(defineSshKeyOperations);

/**
 * Adds the keys of a list to those of a user. @param text `lp:NAME` or `gh:NAME` @returns the added
 * keys, or a refusal
 */
async function importSshKeys(
  call: ApiCall,
  username: string,
  text: string,
  event: NewMachineEvent,
): Promise<readonly SshKey[] | Refusal> {
  const { region } = call;
  const source = parseKeySource(text);
  if (source === undefined) return refuseField('keysource', 'Give lp:NAME for Launchpad, or gh:NAME for GitHub.');
  if (region.fetchKeys === undefined)
    return refuseField('keysource', 'This region does not fetch published keys: add your keys one by one.');
  const named = formatKeySource(source);
  const fetched = await region.fetchKeys(source, region.config().install?.httpProxy ?? '');
  switch (fetched.kind) {
    case 'busy':
      return refuse('rate-limit', 'Other published keys are being fetched: try again in a moment.', {
        'Retry-After': '5',
      });
    case 'nobody':
      return refuseField('keysource', `${named} does not exist: check the name.`);
    case 'fault':
      return refuseField(
        'keysource',
        `The keys of ${named} could not be read: ${keysFaultText(fetched.fault)}. If the region has no internet access, set http_proxy, or add the keys one by one.`,
      );
    case 'keys':
      break;
  }
  const keys = fetched.lines.flatMap((line) => {
    const parsed = parseSshKey(line);
    return parsed.kind === 'key' ? [parsed.key] : [];
  });
  if (keys.length === 0) return refuseField('keysource', `${named} has published no key of a supported type.`);
  return await transactOrUndo(region, async (undo) => {
    const added: SshKey[] = [];
    for (const key of new Set(keys)) {
      const sshKey = { username, key, source: named, createdMs: event.atMs };
      const outcome = await region.store.life.addSshKey(sshKey, SSH_KEYS_PER_USER_MAX, event);
      if (outcome === 'limit') throw undo(refuseField('keysource', SSH_KEYS_LIMIT));
      if (outcome !== 'exists') added.push(outcome);
    }
    return added;
  });
}
