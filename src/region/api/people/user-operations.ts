// User accounts: users read them, administrators change them, and users change their own password.
//
// Sources: MAAS API 2.0, `users/` (create, read, delete). Rackboot's own: PUT grants or revokes
// administrator rights, and changes the e-mail address; `change_password`.
//
// 1. Users can neither remove their own account nor revoke their own rights, and the last
//    administrator stays one.
// 2. A machine never loses its owner because an account is removed: another user gets it, or the
//    account stays.

import { z } from 'zod';
import { counted } from '../../../ground/counted.ts';
import { RackError } from '../../../ground/errors.ts';
import {
  emailProblems,
  emailTakenText,
  isEmailTaken,
  newUserProblems,
  PASSWORD_MAX,
  passwordProblems,
  usernameTakenText,
} from '../../accounts/accounts.ts';
import { ownerLostEvent } from '../../racks/racks.ts';
import type { NetworkRecords } from '../../records/network-store.ts';
import type { User } from '../../records/user.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import { type Answer, EMPTY, json, refuse, refuseField, refuseFields } from '../call/answer.ts';
import {
  type ApiCall,
  controls,
  eventBy,
  flagWord,
  getCallerUsername,
  isTrue,
  nothing,
  type Operation,
  operation,
  optionalText,
  ownTransaction,
  requiredText,
  value,
} from '../call/operation.ts';

type ShownUser = Pick<User, 'username' | 'email' | 'isAdmin'>;

/** An account as clients see it. */
export function userJson(call: ApiCall, user: ShownUser): AnswerOf<'user'> {
  return {
    username: user.username,
    email: user.email,
    is_superuser: user.isAdmin,
    is_local: true,
    resource_uri: `/MAAS/api/${call.version}/users/${encodeURIComponent(user.username)}/`,
  };
}

/** Machines that an account hands over when it is removed; of more, some must be released first. */
const HANDED_OVER_MAX = 1000;
/** Machines read and changed at a time. */
const HANDED_OVER_AT_ONCE = 50;

const requiredFlag = () => value(flagWord);
const noUser = () => refuse('not-found', 'No account has this name.');
const findUserInPath = async (call: ApiCall) => await call.region.store.accounts.findUser(call.path.username ?? '');

/**
 * Hashes a password, then answers with `then`. Refuses if the caller sets too many, or if too many
 * are being hashed.
 */
async function withHash(
  call: ApiCall,
  password: string,
  then: (passwordHash: string) => Promise<Answer>,
): Promise<Answer> {
  const { caller, peer } = call;
  const setter = caller.kind === 'user' && !peer.isOperator ? caller : undefined;
  try {
    const hash = await call.region.passwords.hash(setter, password);
    if (hash === 'too-many')
      return refuse('rate-limit', 'You have set too many new passwords: wait a little.', { 'Retry-After': '10' });
    if (hash === 'busy')
      return refuse('rate-limit', 'Other passwords are being hashed: try again in a moment.', { 'Retry-After': '5' });
    return await call.region.store.transact(async () => await then(hash));
  } catch (error) {
    if (error instanceof RackError) throw error;
    return refuse('internal-error', 'The password could not be stored.');
  }
}

const newUser = z.object({
  username: requiredText(150, '1 to 150 letters, digits or @ . + - _.', { label: 'User name' }),
  email: optionalText(254, 'An e-mail address; empty: none.', { control: 'email', label: 'E-mail address', hint: '' }),
  password: requiredText(PASSWORD_MAX, 'Stored as a hash, and never shown.'),
  is_superuser: requiredFlag().optional().describe('True: an administrator.').register(controls, {
    label: 'Administrator',
    hint: 'Administrators may do everything. Users allocate and deploy free machines, and manage their own.',
  }),
});

const refuseTakenUser = (username: string) => refuseField('username', usernameTakenText(username));

async function refuseEmail({ region }: ApiCall, email: string, username: string) {
  if (email === '') return undefined;
  return isEmailTaken(await region.store.accounts.listUsers(), email, username)
    ? refuseField('email', emailTakenText(email))
    : undefined;
}

async function createUser(call: ApiCall, input: z.output<typeof newUser>): Promise<Answer> {
  const { username, password } = input;
  const email = input.email ?? '';
  const problems = newUserProblems({ username, email, password });
  if (problems !== undefined) return refuseFields(problems);
  const { store, clock } = call.region;
  if ((await store.accounts.findUser(username)) !== undefined) return refuseTakenUser(username);
  const emailTaken = await refuseEmail(call, email, username);
  if (emailTaken !== undefined) return emailTaken;
  const isAdmin = isTrue(input.is_superuser);
  return withHash(call, password, async (passwordHash) => {
    const takenMeanwhile = await refuseEmail(call, email, username);
    if (takenMeanwhile !== undefined) return takenMeanwhile;
    const user = await store.accounts.addUser({
      username,
      email,
      passwordHash,
      isAdmin,
      createdMs: clock.wallTimeMs(),
    });
    if (user === undefined) return refuseTakenUser(username);
    const event = eventBy(call, 'AUTHORISATION', { code: 'user-created', params: { user: username, isAdmin } });
    await store.recordEvent(event, undefined);
    return json(userJson(call, user));
  });
}

async function refuseLoss(call: ApiCall, { username, isAdmin }: User, own: string) {
  const isLast = isAdmin && (await call.region.store.accounts.listUsers()).filter((user) => user.isAdmin).length === 1;
  if (isLast) return refuse('not-allowed', `${username} is the last administrator: create another one first.`);
  return username === getCallerUsername(call) ? refuse('not-allowed', own) : undefined;
}

/**
 * The event that names the racks with an API key of this user, who loses the rights; undefined:
 * there are none.
 */
const findLostRacks = (call: ApiCall, { username }: User) =>
  ownerLostEvent(call.region.racks, username, {
    username: getCallerUsername(call),
    atMs: call.region.clock.wallTimeMs(),
  });

const listUserReservations = ({ ranges, reserved }: NetworkRecords, username: string) => ({
  ranges: ranges.filter((range) => range.kind === 'reserved' && range.username === username),
  reserved: reserved.filter((reservation) => reservation.username === username),
});

function ownedText(machines: number, devices: number) {
  const them = machines + devices === 1 ? 'it' : 'them';
  if (devices === 0) return `${counted(machines, 'machine')}: release ${them}`;
  if (machines === 0) return `${counted(devices, 'device')}: delete ${them}`;
  return `${counted(machines, 'machine')} and ${counted(devices, 'device')}: release machines and delete devices`;
}

async function refuseHeld({ region }: ApiCall, username: string) {
  const { store } = region;
  const owners = [username];
  const machines = await store.countMachines({ owners });
  const devices = await store.countMachines({ owners, isDevice: true });
  if (machines + devices > 0)
    return refuse(
      'machine-in-use',
      `${username} owns ${ownedText(machines, devices)} first, or name the user who takes them over (transfer_resources_to).`,
    );
  const { ranges, reserved } = listUserReservations(await store.networks.list(), username);
  const count = ranges.length + reserved.length;
  return count > 0
    ? refuse(
        'in-use',
        `${username} has ${counted(count, 'reserved address or range', 'reserved addresses and ranges')}: release them first, or name the user who takes them over (transfer_resources_to).`,
      )
    : undefined;
}

async function handOverReserved({ region }: ApiCall, username: string, heir: string) {
  await region.store.networks.change((records) => {
    const { ranges, reserved } = listUserReservations(records, username);
    const to = <T extends object>(record: T) => ({ ...record, username: heir });
    return { put: { ranges: ranges.map(to), reserved: reserved.map(to) }, result: undefined };
  });
  await region.store.afterCommit(async () => {
    await region.networks.look();
  });
}

async function handOver(call: ApiCall, username: string, heir: string) {
  const { store, clock } = call.region;
  const to = heir === username ? undefined : await store.accounts.findUser(heir);
  if (to === undefined) return refuseField('transfer_resources_to', `There is no other user ${heir}.`);
  await handOverReserved(call, username, heir);
  const atMs = clock.wallTimeMs();
  const event = { type: 'NODE', code: 'owner-changed', params: { from: username, to: heir }, atMs } as const;
  for (let handedOver = 0; handedOver < HANDED_OVER_MAX; handedOver += HANDED_OVER_AT_ONCE) {
    const own = { owners: [username], isDevice: 'either' } as const;
    const machines = await store.listMachines(own, 0, HANDED_OVER_AT_ONCE);
    if (machines.length === 0) return undefined;
    const systemIds = machines.map(({ systemId }) => systemId);
    const events = [{ ...event, username: getCallerUsername(call) }];
    await store.changeMachines<never>(systemIds, atMs, () => ({ kind: 'change', fields: { owner: heir }, events }));
  }
  return await refuseHeld(call, username);
}

const changes = z.object({
  is_superuser: requiredFlag().optional().describe('True: an administrator; false: a user.'),
  email: optionalText(254, 'The e-mail address; empty: none.'),
});

async function changeUser(call: ApiCall, input: z.output<typeof changes>): Promise<Answer> {
  const user = await findUserInPath(call);
  if (user === undefined) return noUser();
  const email = input.email ?? user.email;
  const problems = input.email === undefined ? undefined : emailProblems(email);
  if (problems !== undefined) return refuseFields({ email: problems });
  const taken = email === user.email ? undefined : await refuseEmail(call, email, user.username);
  if (taken !== undefined) return taken;
  const isAdmin = input.is_superuser === undefined ? user.isAdmin : isTrue(input.is_superuser);
  const refusal =
    input.is_superuser === undefined || isAdmin
      ? undefined
      : await refuseLoss(call, user, 'You cannot revoke your own rights: ask another administrator.');
  if (refusal !== undefined) return refusal;
  if (input.is_superuser !== undefined) await changeRights(call, user, isAdmin);
  if (email !== user.email) {
    const event = eventBy(call, 'AUTHORISATION', { code: 'user-email-changed', params: { user: user.username } });
    await call.region.store.accounts.changeUser(user.username, { email }, event);
  }
  return json(userJson(call, { ...user, isAdmin, email }));
}

async function changeRights(call: ApiCall, user: User, isAdmin: boolean) {
  const params = { user: user.username, isAdmin };
  const event = eventBy(call, 'AUTHORISATION', { code: 'user-rights-changed', params });
  const lost = isAdmin || !user.isAdmin ? undefined : findLostRacks(call, user);
  await call.region.store.accounts.changeUser(user.username, { isAdmin }, event);
  if (lost !== undefined) await call.region.store.recordEvent(lost, undefined);
}

const removal = z.object({
  transfer_resources_to: optionalText(
    150,
    'The user who gets the machines, devices, reserved addresses and ranges of the account, but not its files, which are deleted. Default: nobody, so it must not have any but files.',
  ),
});

async function removeUser(call: ApiCall, input: z.output<typeof removal>): Promise<Answer> {
  const user = await findUserInPath(call);
  if (user === undefined) return noUser();
  const refusal = await refuseLoss(call, user, 'You cannot remove your own account: ask another administrator.');
  if (refusal !== undefined) return refusal;
  const { store } = call.region;
  const { username } = user;
  const heir = input.transfer_resources_to ?? '';
  const problem = heir === '' ? await refuseHeld(call, username) : await handOver(call, username, heir);
  if (problem !== undefined) return problem;
  const lost = findLostRacks(call, user);
  await store.accounts.removeUser(
    username,
    eventBy(call, 'AUTHORISATION', { code: 'user-removed', params: { user: username } }),
  );
  if (lost !== undefined) await store.recordEvent(lost, undefined);
  return EMPTY;
}

const passwordChange = z.object({
  password: requiredText(PASSWORD_MAX, 'The new password. It ends all sessions of this user.'),
});

async function setOwnPassword(call: ApiCall, { password }: z.output<typeof passwordChange>): Promise<Answer> {
  const { caller, region } = call;
  const username = call.path.username ?? '';
  const isOwn = caller.kind === 'user' && caller.username === username;
  if (!isOwn && !(caller.kind === 'user' && caller.isAdmin)) {
    return refuse('not-allowed', "Only an administrator may change another user's password.");
  }
  if ((await findUserInPath(call)) === undefined) return noUser();
  const problems = passwordProblems(password);
  if (problems !== undefined) return refuseFields({ password: problems });
  return await withHash(call, password, async (passwordHash) => {
    const event = eventBy(call, 'AUTHORISATION', { code: 'password-changed', params: { user: username } });
    return (await region.store.accounts.changeUser(username, { passwordHash }, event)) ? EMPTY : noUser();
  });
}

const many = { versions: ['1.0', '2.0'], path: 'users', handler: 'UsersHandler' } as const;
const item = { versions: ['1.0', '2.0'], path: 'users/{username}', handler: 'UserHandler' } as const;

const answerUsers = async (call: ApiCall) =>
  json((await call.region.store.accounts.listUsers()).map((user) => userJson(call, user)));

async function answerUser(call: ApiCall): Promise<Answer> {
  const user = await findUserInPath(call);
  return user === undefined ? noUser() : json(userJson(call, user));
}

export const USER_OPERATIONS: readonly Operation[] = [
  operation(many, 'GET', 'user', ['user'], 'List users.', nothing, answerUsers),
  operation(ownTransaction(many), 'POST', 'admin', 'user', 'Create an account.', newUser, createUser),
  operation(item, 'GET', 'user', 'user', 'Read an account.', nothing, answerUser),
  operation(
    item,
    'PUT',
    'admin',
    'user',
    'Grant or revoke the rights of an administrator, or change the e-mail address.',
    changes,
    changeUser,
  ),
  operation(
    item,
    'DELETE',
    'admin',
    'nothing',
    'Remove an account with its keys and files. Refused while it has machines, devices, reserved addresses or ranges, unless another user gets them.',
    removal,
    removeUser,
  ),
  operation(
    ownTransaction(item),
    'POST change_password',
    'user',
    'nothing',
    'Change a password: your own, or as an administrator that of any user.',
    passwordChange,
    setOwnPassword,
  ),
];
