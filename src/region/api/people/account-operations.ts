// The caller's own account and its API keys.

import { z } from 'zod';
import { createApiKey, findKeyRefusal, KEY_NAME_MAX } from '../../accounts/accounts.ts';
import type { EventParams } from '../../records/events.ts';
import { cleanWords } from '../../records/text-json.ts';
import { type Answer, EMPTY, json, ONLY_USERS, plainText, refuse, refuseField, refuseFor } from '../call/answer.ts';
import {
  type ApiCall,
  getCallerUsername,
  nothing,
  type Operation,
  operation,
  requiredText,
  value,
} from '../call/operation.ts';
import { userJson } from './user-operations.ts';

/** The name of a key, which is one line. */
const keyName = value(
  z
    .string()
    .max(KEY_NAME_MAX)
    .transform((text) => cleanWords(text, KEY_NAME_MAX)),
);

function whoami(call: ApiCall): Answer {
  const { caller } = call;
  if (caller.kind !== 'user') return refuse('not-allowed', ONLY_USERS);
  return json(userJson(call, caller));
}

/** The caller's account name; `undefined` for the local administrator, who has no account and so no keys. */
async function findAccountName(call: ApiCall) {
  const { caller } = call;
  return caller.kind === 'user' && (await call.region.store.accounts.findUser(caller.username)) !== undefined
    ? caller.username
    : undefined;
}

async function createToken(call: ApiCall, input: z.output<typeof newToken>): Promise<Answer> {
  const username = await findAccountName(call);
  if (username === undefined)
    return refuse('not-allowed', 'API keys belong to accounts: create an account with rackboot createadmin.');
  const full = await findKeyRefusal(call.region.store, username);
  if (full !== undefined) return refuseFor([full]);
  const name = input.name ?? '';
  const [consumer, token, secret] = (await createApiKey(call.region.store, call.region.clock, username, name)).split(
    ':',
  );
  return json({ consumer_key: consumer, token_key: token, token_secret: secret, name });
}

const NO_API_KEY = 'You have no API key with this token_key.';

async function deleteToken(call: ApiCall, input: z.output<typeof chosenToken>): Promise<Answer> {
  const username = await findAccountName(call);
  const isGone = username !== undefined && (await call.region.store.accounts.removeKey(username, input.token_key));
  if (!isGone) return refuse('not-found', NO_API_KEY);
  await recordChange(call, { change: 'removed', name: '' });
  return EMPTY;
}

async function recordChange(call: ApiCall, params: EventParams['api-key-changed']) {
  const atMs = call.region.clock.wallTimeMs();
  const event = {
    type: 'AUTHORISATION',
    code: 'api-key-changed',
    params,
    atMs,
    username: getCallerUsername(call),
  } as const;
  await call.region.store.recordEvent(event, undefined);
}

/** The middle part of a key. MAAS's clients name a key by all of its text, or by its middle part. */
function parseTokenKey(text: string) {
  const parts = text.split(':');
  return (parts.length === 1 ? parts[0] : parts[1]) || refuseField('token', 'Give the key, or its middle part.');
}

async function renameToken(call: ApiCall, input: z.output<typeof renaming>): Promise<Answer> {
  const tokenKey = parseTokenKey(input.token);
  if (typeof tokenKey !== 'string') return tokenKey;
  const username = await findAccountName(call);
  const isDone = username !== undefined && (await call.region.store.accounts.renameKey(username, tokenKey, input.name));
  if (!isDone) return refuse('not-found', NO_API_KEY);
  await recordChange(call, { change: 'renamed', name: input.name });
  return plainText('Accepted');
}

const renaming = z.object({
  token: requiredText(200, 'The whole key, or its middle part.'),
  name: keyName.describe('The purpose of the key.'),
});

/** Lists the keys without their secrets, which are not stored. */
async function listTokens(call: ApiCall) {
  const username = await findAccountName(call);
  const keys = username === undefined ? [] : await call.region.store.accounts.listKeys(username);
  return json(keys.map((key) => ({ name: key.name, token: `${key.consumerKey}:${key.tokenKey}:` })));
}

const newToken = z.object({ name: keyName.optional().describe('The purpose of the key.') });
const chosenToken = z.object({ token_key: requiredText(64, 'The middle part of the key.') });

const users = { versions: ['1.0', '2.0'], path: 'users', handler: 'UsersHandler' } as const;
const account = { versions: ['1.0', '2.0'], path: 'account', handler: 'AccountHandler' } as const;

export const ACCOUNT_OPERATIONS: readonly Operation[] = [
  operation(users, 'GET whoami', 'user', 'user', 'Read the account of the caller.', nothing, whoami),
  operation(
    account,
    'POST create_authorisation_token',
    'user',
    'apiKey',
    'Create an API key. Its secret is shown only once. Not idempotent: each call makes another one.',
    newToken,
    createToken,
  ),
  operation(
    account,
    'POST delete_authorisation_token',
    'user',
    'nothing',
    'Delete an API key.',
    chosenToken,
    deleteToken,
  ),
  operation(account, 'POST update_token_name', 'user', 'text', 'Rename an API key.', renaming, renameToken),
  operation(
    account,
    'GET list_authorisation_tokens',
    'user',
    ['namedKey'],
    'List API keys, without their secrets.',
    nothing,
    listTokens,
  ),
];
