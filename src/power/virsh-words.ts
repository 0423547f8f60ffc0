// What virsh says, and what it means. Sources: virsh(1) and its own words, 9.0, in the language C.

import { cleanWords, outcome, type PowerOutcome, type PowerState } from './outcome.ts';
import type { ProgramEnd } from './program.ts';
import { missingText } from './programs.ts';

/** Every word of `virsh domstate`, and whether the machine has power. A paused one would go on where it stopped: it is on. */
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

/** A virtual machine of a host. */
export interface HypervisorGuest {
  readonly name: string;
  /** Libvirt's word. */
  readonly words: string;
  readonly state: PowerState;
}

/** The most virtual machines of a host that are listed. */
export const GUESTS_MAX = 10_000;
/** The longest line of one. The expression takes time with the square of a longer one, and a hypervisor writes what it likes. */
const GUEST_CHARACTERS_MAX = 512;

/** The machines in the table of `virsh list --all`. */
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

/** What its complaints mean, the first that fits. `lost`: it may have been done. */
const COMPLAINTS: readonly (readonly [RegExp, PowerOutcome['kind'] | 'lost', string])[] = [
  [
    /Host key verification failed|HOST IDENTIFICATION HAS CHANGED/,
    'refused',
    "the host shows another key than before: if that is right, take its line out of Rackboot's ssh/known_hosts",
  ],
  [
    /Permission denied \(|Too many authentication failures/,
    'wrong-credentials',
    'the host does not know our key: put the line that `rackboot power key` prints into its authorized_keys',
  ],
  [
    /authentication (?:failed|unavailable)|access denied|Permission denied/i,
    'wrong-credentials',
    'the user may not manage virtual machines there: on Debian it must be in the group libvirt',
  ],
  [/exec: ssh: not found|ssh: not found/, 'refused', missingText('ssh')],
  [/failed to get domain|Domain not found|no domain with matching/i, 'refused', 'the host has no such virtual machine'],
  [
    /failed to connect to the hypervisor|Failed to connect socket|Could not resolve hostname|Connection refused|No route to host/i,
    'unreachable',
    '',
  ],
  [/Disconnected from|client socket is closed|keepalive|end of file|Cannot recv data|Cannot write data/i, 'lost', ''],
];

/**
 * What an end of virsh means.
 *
 * @param wanted the state that the command was to bring about; undefined: it only asked
 */
export function judgeVirsh(end: ProgramEnd, wanted: 'on' | 'off' | undefined): PowerOutcome {
  if (end.kind === 'missing') return outcome('refused', missingText('virsh'));
  if (end.kind === 'not-started') return outcome('refused', `virsh was not started: ${cleanWords(end.text)}`);
  const words = cleanWords(`${end.err}\n${end.out}`.replace(/^error: /gm, ''));
  if (end.kind === 'killed') {
    const text = `virsh did not end in time${words === '' ? '' : `: ${words}`}`;
    return outcome(wanted === undefined ? 'unreachable' : 'unknown', text);
  }
  if (end.code === 0) {
    if (wanted !== undefined) return outcome('done', words || 'done');
    const word = end.out.trim();
    const state = Object.hasOwn(STATES, word) ? STATES[word] : undefined;
    return state === undefined
      ? outcome('unknown', `no state in: ${words || 'nothing'}`)
      : outcome('done', word, state);
  }
  if (wanted === 'on' && /already (?:active|running)/i.test(words)) return outcome('done', words);
  if (wanted === 'off' && /domain is not running/i.test(words)) return outcome('done', words);
  const told = words || `virsh ended with ${end.code}`;
  const [, kind, meaning] = COMPLAINTS.find(([pattern]) => pattern.test(told)) ?? [undefined, 'refused' as const, ''];
  const shown = meaning === '' ? told : cleanWords(`${meaning} (${told})`);
  if (kind === 'lost') return outcome(wanted === undefined ? 'unreachable' : 'unknown', shown);
  return outcome(kind, shown);
}

const BOOT_DEVICES = ['interface', 'disk', 'hostdev', 'redirdev'] as const;

/** True when an element of this name is begun and not ended before this place. */
function isOpenAt(xml: string, name: string, at: number): boolean {
  const closedAt = xml.lastIndexOf(`</${name}>`, at);
  const openedAt = Math.max(xml.lastIndexOf(`<${name} `, at), xml.lastIndexOf(`<${name}>`, at));
  return openedAt > closedAt;
}

/** True when a machine's definition makes the network its first boot device. */
export function bootsFromNetwork(xml: string): boolean {
  const orderAt = xml.indexOf("<boot order='1'");
  const devices = orderAt < 0 ? [] : BOOT_DEVICES.filter((name) => isOpenAt(xml, name, orderAt));
  if (devices.length > 0) return devices.includes('interface');
  return /<boot dev='([a-z]+)'/.exec(xml)?.[1] === 'network';
}
