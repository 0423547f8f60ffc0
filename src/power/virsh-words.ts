// The meanings of virsh's output. Sources: virsh(1) and its messages, version 9.0, in the C locale.

import type { Complaint } from './detail.ts';
import {
  cleanWords,
  endedByItself,
  judgeEnd,
  outcome,
  type PowerOutcome,
  type PowerState,
  programFailure,
  programOutput,
} from './outcome.ts';
import type { ProgramEnd } from './program.ts';
import { missingProgram } from './programs.ts';

/**
 * The states that `virsh domstate` prints, and whether the machine has power. A paused machine
 * counts as on, because it would continue where it stopped.
 */
const STATES: Readonly<Record<string, PowerState>> = {
  running: 'on',
  idle: 'on',
  blocked: 'on',
  paused: 'on',
  'in shutdown': 'on',
  dying: 'on',
  'shut off': 'off',
  crashed: 'off',
  pmsuspended: 'off',
  'no state': 'unknown',
};

/** A virtual machine on a host. */
export interface HypervisorGuest {
  readonly name: string;
  /** Libvirt's word for its state. */
  readonly words: string;
  readonly state: PowerState;
}

/** The most virtual machines of one host that are listed. */
const GUESTS_MAX = 10_000;
/**
 * The longest line read. The expression's time grows with the square of the length, and the
 * hypervisor's output is untrusted.
 */
const GUEST_CHARACTERS_MAX = 512;

/** Parses the table of `virsh list --all`. */
export function parseGuests(table: string): readonly HypervisorGuest[] {
  const row = new RegExp(`^ *(?:\\d+|-) {2,}(.+?) {2,}(${Object.keys(STATES).join('|')}) *$`);
  return table
    .split('\n')
    .slice(0, GUESTS_MAX)
    .filter((line) => line.length <= GUEST_CHARACTERS_MAX)
    .flatMap((line) => {
      const [, name, words] = row.exec(line) ?? [];
      return name === undefined || words === undefined ? [] : { name, words, state: STATES[words] ?? 'unknown' };
    });
}

/**
 * virsh's errors; the first match counts. `lostKind`: the request may have been carried out. If a
 * row has no meaning, only virsh's own message is shown.
 */
const COMPLAINTS: readonly (readonly [RegExp, PowerOutcome['kind'] | 'lost', Complaint?])[] = [
  [/Host key verification failed|HOST IDENTIFICATION HAS CHANGED/, 'refused', 'host-key-changed'],
  [/Permission denied \(|Too many authentication failures/, 'wrong-credentials', 'key-not-accepted'],
  [/authentication (?:failed|unavailable)|access denied|Permission denied/i, 'wrong-credentials', 'may-not-manage'],
  [/failed to get domain|Domain not found|no domain with matching/i, 'refused', 'no-such-guest'],
  [
    /failed to connect to the hypervisor|Failed to connect socket|Could not resolve hostname|Connection refused|No route to host/i,
    'unreachable',
  ],
  [/Disconnected from|client socket is closed|keepalive|end of file|Cannot recv data|Cannot write data/i, 'lost'],
];

/**
 * The outcome of a run of virsh.
 *
 * @param targetState the state that the command sets; undefined for a query
 */
export function judgeVirsh(end: ProgramEnd, targetState: 'on' | 'off' | undefined): PowerOutcome {
  const program = 'virsh';
  const complaint = cleanWords(programOutput(end).replace(/^error: /gm, ''));
  const lostKind = targetState === undefined ? 'unreachable' : 'unknown';
  if (!endedByItself(end)) return judgeEnd(program, end, complaint, lostKind);
  const doneOutcome = outcome('done', { code: 'acknowledged', params: { said: complaint } });
  if (end.code === 0) {
    if (targetState !== undefined) return doneOutcome;
    const word = end.out.trim();
    const state = Object.hasOwn(STATES, word) ? STATES[word] : undefined;
    return state === undefined
      ? outcome('unknown', { code: 'no-state', params: { said: complaint } })
      : outcome('done', { code: 'acknowledged', params: { said: word } }, state);
  }
  if (targetState === 'on' && /already (?:active|running)/i.test(complaint)) return doneOutcome;
  if (targetState === 'off' && /domain is not running/i.test(complaint)) return doneOutcome;
  if (/ssh: not found/.test(complaint)) return outcome('refused', missingProgram('ssh'));
  const [, kind, meaning] = COMPLAINTS.find(([pattern]) => pattern.test(complaint)) ?? [undefined, 'refused' as const];
  return outcome(kind === 'lost' ? lostKind : kind, programFailure(program, end.code, complaint, meaning));
}

const BOOT_DEVICES = ['interface', 'disk', 'hostdev', 'redirdev'] as const;

/** True if an element of this name is open at this position. */
function isOpenAt(xml: string, name: string, index: number): boolean {
  const closedAt = xml.lastIndexOf(`</${name}>`, index);
  const openedAt = Math.max(xml.lastIndexOf(`<${name} `, index), xml.lastIndexOf(`<${name}>`, index));
  return openedAt > closedAt;
}

/** True if a machine's definition makes the network its first boot device. */
export function bootsFromNetwork(xml: string): boolean {
  const orderAt = xml.indexOf("<boot order='1'");
  const devices = orderAt < 0 ? [] : BOOT_DEVICES.filter((name) => isOpenAt(xml, name, orderAt));
  if (devices.length > 0) return devices.includes('interface');
  return /<boot dev='([a-z]+)'/.exec(xml)?.[1] === 'network';
}
