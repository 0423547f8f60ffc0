// The page of one machine: its state, work, power, facts, logins, test results and events.

import { counted } from '../../../counted.ts';
import { type Html, html } from '../../../html.ts';

/** The head and the foot of the page. */
export const MACHINE = {
  noReason: 'No reason was given.',
  more: 'More',
  belongsTo: (owner: string): string => `It belongs to ${owner}.`,
  locked: (systemId: string): Html =>
    html`It is locked. To unlock it, run <code>sudo rackboot machines unlock ${systemId}</code>.`,
  notEnlisted: 'not enlisted',
  stranger: 'It was seen on the network but has not enlisted. Nothing else is known about it.',
  onTheRack: (machine: string): Html =>
    html`On the rack: <code>sudo rackboot trace ${machine} --follow</code> shows each step as it happens, <code>sudo rackboot why ${machine}</code> shows what it would get now.`,
};

/** Its work. */
export const WORK = {
  bytes: (done: string, total: string, percent: number): string => `${done} of ${total} (${percent} %)`,
  timedOut: 'timed out',
  failsAfter: (minutes: number): string => `fails after ${minutes} min without a report`,
  restarted: (times: number): string => `restarted ${times === 1 ? 'once' : counted(times, 'time')}`,
  reported: (ago: string): string => `reported ${ago}`,
  begins: (state: string): string => `${state} …`,
};

type FourColumns = readonly [string, string, string, string];
type FiveColumns = readonly [...FourColumns, string];

/** Its facts. */
export const FACTS = {
  machine: 'Machine',
  owner: 'Owner',
  name: 'Name',
  address: 'Address',
  lastSeenWith: 'Last seen with',
  system: 'System',
  logIn: 'Log in',
  nextBoot: 'Next network boot',
  nextBoots: {
    enlist: 'enlists again and powers off',
    commissioning: 'runs the ephemeral environment',
    install: 'installs its system',
    local: 'boots its own disk',
    poweroff: 'powers off (nothing to do)',
  },
  stateChanged: 'State changed',
  zone: 'Zone',
  pool: 'Pool',
  tags: 'Tags',
  kernelParams: 'Kernel parameters',
  note: 'Note',
  hardware: 'Hardware',
  reported: (ago: string): string => `reported ${ago}`,
  architecture: 'Architecture',
  processors: 'Processors',
  memory: 'Memory',
  model: 'Model',
  firmware: 'Firmware',
  uefi: (isSecure: boolean): string => (isSecure ? 'UEFI, Secure Boot' : 'UEFI'),
  bios: 'BIOS',
  virtualisation: 'Virtualisation',
  systemId: 'System id',
  serial: 'Serial number',
  uuid: 'UUID',
  board: 'Board',
  enlisted: 'Enlisted',
  /** The columns of each table. */
  disks: ['Disk', 'Size', 'Model', 'Serial number', 'Kind'] satisfies FiveColumns,
  diskKinds: { virtual: 'virtual', rotating: 'rotating', solid: 'solid state' },
  interfaces: ['Interface', 'Hardware address', 'Last seen with', 'Carrier', 'Driver'] satisfies FiveColumns,
  unnamedInterface: (number: number): string => `interface ${number}`,
  bootInterface: 'boots from the network',
  carrier: 'yes',
  noCarrier: 'no',
  banks: ['Memory', 'Size', 'Kind', 'Model'] satisfies FourColumns,
};

/** How to log in to it. */
export const LOGINS = {
  heading: 'Log in',
  simulated: 'not possible: this machine is simulated',
  onlyWhen: 'only when deployed or in rescue mode',
  /** @param isKnown true if the image's user is known; `owner` is `undefined` if it has none */
  keys: (isKnown: boolean, owner: string | undefined): string =>
    `${isKnown ? '' : "as the image's first user, or root; "}with the SSH keys of ${owner ?? 'its owner'}, no password`,
  kinds: { rescue: 'Rescue', debug: 'Debug' },
  hostKey: (key: Html): Html => html`host key ${key}`,
  notYet: 'not possible yet: the machine has not reported that it is up',
  /** @param username empty: nobody @param left the time left; `undefined`: without an end */
  with: (keys: number, username: string, left: string | undefined): string =>
    `with the ${keys === 1 ? 'key' : counted(keys, 'key')} of ${username === '' ? 'nobody' : username}${left === undefined ? '' : `, ${left} left`}`,
  debugButton: 'Debug login',
  close: 'Close debug login',
  closed: 'Debug login closed.',
  title: (machine: string): string => `Open a debug login to ${machine}`,
  effects: [
    'During commissioning, testing, deployment and erasing, you can log in as root with your SSH keys. After a failure the machine stays on.',
    'The debug login expires, and is logged with your name.',
  ],
  duration: 'Duration',
  durations: { quarter: '15 minutes', hour: '1 hour', fourHours: '4 hours', day: '1 day' },
  open: 'Open debug login',
  opened: "Debug login open: it works from the machine's next step.",
};

/** Its power. */
export const POWER_PART = {
  heading: 'Power',
  states: { on: 'on', off: 'off', unknown: 'unknown', error: 'no answer' },
  tasks: { on: 'powering on', off: 'powering off', 'soft-off': 'shutting down', cycle: 'power cycling' },
  driver: 'Driver',
  byHand: 'by hand',
  pressButton: 'by hand: press its power button',
  switched: 'Switched',
  seen: 'Seen',
  now: 'Now',
  says: 'Driver says',
  proposed: 'Proposed',
  proposedWhy: 'By the machine itself; used once the machine is accepted.',
};

/** The results of its scripts. */
export const RESULTS = {
  commissioning: 'Commissioning',
  testing: 'Testing',
  states: {
    pending: 'pending',
    running: 'running',
    passed: 'passed',
    failed: 'failed',
    'timed-out': 'timed out',
    skipped: 'skipped',
    aborted: 'aborted',
  },
  builtin: 'built in',
  exit: (status: number): string => `exit ${status}`,
  count: (count: number, state: string): string => `${count} ${state}`,
  cut: 'Only the end of the output is kept.',
  /** A line within an output. */
  gap: (bytes: number): string => `[${counted(bytes, 'byte')} did not arrive]`,
  output: (script: string): string => `Output of ${script}`,
};

/** Its events. */
export const TIMELINE = {
  boot: (ago: string): string => `Boot, ${ago}`,
  log: (ago: string): string => `Log, ${ago}`,
  cut: (max: number): string => `The newest ${max} events; the API lists all.`,
};
