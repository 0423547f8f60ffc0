// A machine's owner data, and the lock against commands. Pure.
//
// Sources: MAAS's `set_owner_data` (a key with an empty value is removed), `lock` and `unlock`.
//
// 1. Owner data ends with the ownership. A lock stays until a person removes it.
// 2. No command changes the state of a locked machine, and only force deletes it. Its power may be
//    switched and a debug login opened: neither takes it from its owner.

import { cleanText } from '../../ground/clean-text.ts';
import { counted } from '../../ground/counted.ts';
import type { MachineChange } from '../records/decisions.ts';
import type { ChangeKnowledge, ChangeQuestion } from '../records/knowledge.ts';
import type { Machine } from '../records/machine.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import { decideRefusal, fieldRefusal, type RefusalWord, refusal } from '../records/refusal.ts';
import type { Actor, CommandRefusal } from './commands.ts';
import { whose } from './transition.ts';

/** Keys of one machine. The lengths below are in characters. */
export const OWNER_DATA_MAX = 64;
const KEY_MAX = 255;
const VALUE_MAX = 4096;
const KEY_SHOWN_MAX = 300;
/**
 * Owner data of one machine, in bytes of JSON: a control character takes six. Answers contain the
 * data twice.
 */
export const OWNER_DATA_BYTES_MAX = 64 * 1024;
/** Owner data of all machines of one user together, in bytes of JSON. */
export const OWNER_DATA_TOTAL_BYTES_MAX = 8 * 1024 * 1024;

type Decision = MachineChange<CommandRefusal>;

interface OwnerDataOptions {
  readonly by: Actor;
  readonly atMs: number;
  readonly knowledge: Pick<ChangeKnowledge, 'ownerDataBytes'>;
}

function refuseOthers({ hostname, owner }: Machine, by: Actor, what: 'data' | 'lock'): Decision | undefined {
  if (by.isAdmin || (owner !== undefined && owner === by.username)) return undefined;
  return decideRefusal(
    'not-owner',
    `${hostname} ${whose(owner)}: only ${owner === undefined ? '' : 'they and '}administrators may change its ${what}.`,
  );
}

export function ownerDataProblems(data: ReadonlyMap<string, string>): ReadonlyMap<string, RefusalWord> {
  const problems = new Map<string, RefusalWord>();
  for (const [key, value] of data) {
    if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(key) || key.length > KEY_MAX) {
      problems.set(
        cleanText(key, KEY_SHOWN_MAX),
        fieldRefusal(`a key must be 1 to ${KEY_MAX} printable ASCII characters`),
      );
    } else if (value.length > VALUE_MAX)
      problems.set(key, fieldRefusal(`the value of ${key} is longer than ${VALUE_MAX} characters`));
    if (problems.size === OWNER_DATA_MAX) return problems;
  }
  if (data.size > OWNER_DATA_MAX) problems.set('key', fieldRefusal(`at most ${OWNER_DATA_MAX} keys`));
  return problems;
}

const jsonBytes = (value: object): number => Buffer.byteLength(JSON.stringify(value));

/** A change that shrinks it is always allowed. `ask`: the store must count the owner's other data. */
function refuseBytes(
  { hostname, owner, ownerData = {} }: Machine,
  next: Readonly<Record<string, string>>,
  { ownerDataBytes }: Pick<ChangeKnowledge, 'ownerDataBytes'>,
): CommandRefusal | 'ask' | undefined {
  const bytes = jsonBytes(next);
  if (bytes <= jsonBytes(ownerData)) return undefined;
  if (bytes > OWNER_DATA_BYTES_MAX) {
    return refusal(
      'owner-data-limit',
      `The owner data of ${hostname} would take ${counted(bytes, 'byte')} as JSON; the maximum is ${OWNER_DATA_BYTES_MAX}. Shorten values, or remove keys with empty values.`,
    );
  }
  if (ownerDataBytes === undefined) return 'ask';
  const total = bytes + ownerDataBytes;
  if (total <= OWNER_DATA_TOTAL_BYTES_MAX) return undefined;
  return refusal(
    'owner-data-limit',
    `The owner data of all machines ${owner === undefined ? 'without an owner' : `of ${owner}`} would take ${counted(total, 'byte')} as JSON; the maximum is ${OWNER_DATA_TOTAL_BYTES_MAX}. Remove keys with empty values, or release machines.`,
  );
}

/** An empty value removes its key. The caller has checked `data` with `ownerDataProblems`. */
export function decideOwnerData(
  machine: Machine,
  data: ReadonlyMap<string, string>,
  { by, atMs, knowledge }: OwnerDataOptions,
): Decision | ChangeQuestion {
  const refused = refuseOthers(machine, by, 'data');
  if (refused !== undefined) return refused;
  const whole = new Map(Object.entries(machine.ownerData ?? {}));
  for (const [key, value] of data) {
    if (value === '') whole.delete(key);
    else whole.set(key, value);
  }
  if (whole.size > OWNER_DATA_MAX) {
    return decideRefusal(
      'owner-data-limit',
      `${machine.hostname} may have at most ${OWNER_DATA_MAX} keys of owner data: remove some.`,
    );
  }
  // `fromEntries` makes own properties, so `__proto__` is a key like any other.
  const ownerData = Object.fromEntries(whole);
  const large = refuseBytes(machine, ownerData, knowledge);
  if (large === 'ask') return { kind: 'ask', ownerData: true };
  if (large !== undefined) return { kind: 'refuse', refusal: large };
  const keys = [...data.keys()].filter((key) => machine.ownerData?.[key] !== ownerData[key]);
  const event = { type: 'NODE', code: 'owner-data-changed', params: { keys }, atMs, username: by.username } as const;
  return { kind: 'change', fields: { ownerData }, events: keys.length === 0 ? [] : [event] };
}

export function decideLock(machine: Machine, isLocked: boolean, by: Actor, atMs: number): Decision {
  const refused = refuseOthers(machine, by, 'lock');
  if (refused !== undefined) return refused;
  const params = { command: isLocked ? 'lock' : 'unlock', comment: by.comment };
  const event: NewMachineEvent = { type: 'NODE', code: 'command', params, atMs, username: by.username };
  return { kind: 'change', fields: { isLocked }, events: [event] };
}
