// What belongs to the holding of a machine beside its state: notes of whoever holds it, and the lock that keeps it from being taken away.
// Pure.
//
// Sources: MAAS's `set_owner_data` (a key with an empty value is removed), `lock` and `unlock`.
//
// 1. Notes end with the holding; a lock ends only when somebody takes it off.
// 2. A locked machine takes no command that would change its state, and is deleted by force only. Its power may be
//    switched, and a debug login opened: neither takes it away from anybody.

import type { Machine } from '../records/machine.ts';
import type { NewMachineEvent } from '../records/machine-event.ts';
import type { MachineChange } from '../records/store.ts';
import type { Actor, CommandRefusal } from './commands.ts';

/** Notes of one machine, and their lengths in characters. */
export const OWNER_DATA_MAX = 64;
const KEY_MAX = 255;
const VALUE_MAX = 4096;

type Decision = MachineChange<CommandRefusal>;

const refuse = (reason: CommandRefusal['reason'], text: string): Decision => ({
  kind: 'refuse',
  refusal: { reason, text },
});

function refuseStranger({ hostname, owner }: Machine, by: Actor, what: string): Decision | undefined {
  if (by.isAdmin || (owner !== undefined && owner === by.username)) return undefined;
  const whose = owner === undefined ? "is nobody's" : `belongs to ${owner}`;
  return refuse('not-owner', `${hostname} ${whose}: ${what} is for its owner and administrators.`);
}

/** What may be a note; undefined: it may. */
export function ownerDataProblem(data: ReadonlyMap<string, string>): string | undefined {
  for (const [key, value] of data) {
    if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(key) || key.length > KEY_MAX) {
      return `a key is 1 to ${KEY_MAX} printable ASCII characters`;
    }
    if (value.length > VALUE_MAX) return `the value of ${key} is longer than ${VALUE_MAX} characters`;
  }
  return data.size > OWNER_DATA_MAX ? `at most ${OWNER_DATA_MAX} keys` : undefined;
}

/** Sets notes; those with an empty value are removed. The data were checked (`ownerDataProblem`). */
export function decideOwnerData(
  machine: Machine,
  data: ReadonlyMap<string, string>,
  by: Actor,
  atMs: number,
): Decision {
  const stranger = refuseStranger(machine, by, 'its data');
  if (stranger !== undefined) return stranger;
  const whole = new Map(Object.entries(machine.ownerData ?? {}));
  for (const [key, value] of data) {
    if (value === '') whole.delete(key);
    else whole.set(key, value);
  }
  if (whole.size > OWNER_DATA_MAX) {
    return refuse(
      'owner-data-limit',
      `${machine.hostname} has as many data as it may, ${OWNER_DATA_MAX}: remove some.`,
    );
  }
  const description = `owner data changed: ${[...data.keys()].join(', ')}`;
  const event: NewMachineEvent = { type: 'NODE', description, atMs, username: by.username };
  // Own properties whatever they are called: `__proto__` is a key like any other.
  return { kind: 'change', fields: { ownerData: Object.fromEntries(whole) }, events: [event] };
}

/** Puts the lock on, or takes it off; it may be there already. */
export function decideLock(machine: Machine, isLocked: boolean, by: Actor, atMs: number): Decision {
  const stranger = refuseStranger(machine, by, 'its lock');
  if (stranger !== undefined) return stranger;
  const why = by.comment === '' ? '' : `: ${by.comment}`;
  const description = `${isLocked ? 'lock' : 'unlock'}${why}`;
  return { kind: 'change', fields: { isLocked }, events: [{ type: 'NODE', description, atMs, username: by.username }] };
}
