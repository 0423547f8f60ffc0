// The lines that a lab prints, for newcomers.

import { z } from 'zod';
import type { StageReport } from '../region/records/events.ts';
import { parseStatus, statusRow } from '../region/records/lifecycle.ts';
import type { LogLine } from './daemon-process.ts';
import type { MachineStep } from './machine-actions.ts';

/** An event as the region's API returns it. */
interface LabEvent {
  readonly type: string;
  readonly description: string;
  readonly level: string;
  readonly hostname: string;
  /** Absent for a rack's report. */
  readonly code?: unknown;
  readonly params?: unknown;
}

/** The events that are recognised by their code: a new state, and a stage of cloud-init. */
const reportedEvent = z.discriminatedUnion('code', [
  z.object({ code: z.literal('status-changed'), params: z.object({ to: z.string() }) }),
  z.object({
    code: z.literal('stage-reported'),
    params: z.object({ name: z.string(), isEnd: z.boolean(), result: z.string(), said: z.string() }),
  }),
]);

interface NextSteps {
  readonly pageUrl: string;
  readonly user: string;
  readonly password: string;
  /** The command that runs Rackboot's command line here: `node bin/rackboot.js`. */
  readonly program: string;
  readonly configFile: string;
  readonly userData: string;
  readonly system: string;
  /** A machine that waits to be accepted. */
  readonly machine: string | undefined;
}

const formatCount = (many: number, noun: string): string => `${many} ${noun}${many === 1 ? '' : 's'}`;

export function openingWords(machines: number, racks: number): string {
  const what = `${racks === 1 ? 'a real rack' : `${racks} real racks`} and ${formatCount(machines, 'simulated machine')}`;
  return `A safe lab on this host's loopback: ${what}. No network is touched.`;
}

/** Describes a step; undefined for most steps, which are not shown. */
export function stepWords({ name, text }: MachineStep): string | undefined {
  switch (name) {
    case 'power-on':
      return 'is switched on, and asks the network (DHCP)';
    case 'address':
      return `${text.replace(/ for \d+ s and loads (\S+) from \S+$/, ' and loads $1 (TFTP)')}, then kernel and initrd (HTTP)`;
    case 'running':
      return 'runs the environment that measures it, reports itself and powers off';
    default:
      return undefined;
  }
}

export const ENLISTED_WORDS = 'is enlisted: the region knows it now, as New';

const isLastStage = ({ name, isEnd, result }: StageReport): boolean =>
  name === 'modules-final' && isEnd && result === 'SUCCESS';

/** Faults whose description repeats the type: "power on failed" of the type "Failed to power on node". */
const REPEATS_ITS_TYPE: ReadonlySet<unknown> = new Set(['power-failed', 'power-query-failed']);

/** Describes an event; undefined if the event is not shown. */
export function eventWords(event: LabEvent): string | undefined {
  const { type, description, level, hostname } = event;
  // Events of racks' interfaces concern no machine.
  if (hostname === '') return undefined;
  if (type === 'New') return ENLISTED_WORDS;
  const { data: said } = reportedEvent.safeParse(event);
  if (said?.code === 'status-changed') {
    const to = parseStatus(said.params.to);
    return to === undefined ? undefined : `is ${statusRow(to).name}`;
  }
  if (type === 'Node powered on') return 'is switched on by its webhook';
  if (type === 'Node powered off') return 'is switched off';
  if (type === 'Node installation') return `prepares its disk: ${description}`;
  if (type === 'Disk written') return 'has written its disk, and boots from it';
  if (said?.code === 'stage-reported' && isLastStage(said.params)) return said.params.said;
  if (type === 'Node status event') return undefined;
  if (!/^(?:WARNING|ERROR|CRITICAL)$/.test(level)) return undefined;
  return REPEATS_ITS_TYPE.has(event.code) ? description : `${type}: ${description}`;
}

/** Describes a line of the rack's log; undefined for most lines, which are not shown. */
export function rackWords({ event, address, file, bytes }: LogLine): string | undefined {
  const protocol = event.startsWith('tftp.') ? 'TFTP' : 'HTTP';
  switch (event) {
    case 'dhcp.offer':
      return `offers ${address} and ${file === '' || file === undefined ? 'nothing to load' : file} (DHCP)`;
    case 'tftp.sent':
    case 'http.file-sent':
      return `has sent ${String(file).split('/').at(-1)}, ${(Number(bytes) / 1_000_000).toFixed(1)} MB (${protocol})`;
    default:
      return undefined;
  }
}

const pageLines = ({
  pageUrl,
  user,
  password,
}: Pick<NextSteps, 'pageUrl' | 'user' | 'password'>): readonly string[] => [
  `On the page:  ${pageUrl}`,
  `              sign in as ${user} with the password ${password}`,
];

/** One command per line, ready to copy. */
export function nextSteps(next: NextSteps): readonly string[] {
  const { program, configFile, userData, system, machine } = next;
  const suggestions: readonly (readonly [string, string])[] =
    machine === undefined
      ? [
          ['Machines', 'machines list'],
          ['Problems', 'machines list --status problem'],
          ['Racks', 'racks'],
        ]
      : [
          ['Accept', `machines accept ${machine}`],
          ['Deploy', `machines deploy ${machine} ${system} --user-data ${userData}`],
          ['Release', `machines release ${machine}`],
        ];
  const commands = suggestions.map(([why, what]) => `  ${why.padEnd(9)} ${program} ${what}`);
  return [
    '',
    'What to try next',
    ...pageLines(next).map((line) => `  ${line}`),
    `  In another terminal, in this directory${machine === undefined ? '' : '; run each when the previous one has finished (Ready, Deployed)'}:`,
    `    export RACKBOOT_CONFIG=${configFile}`,
    ...commands.map((line) => `  ${line}`),
    'Ctrl-C ends the lab and removes everything.',
    '',
  ];
}

/** Suggestions for the lab with a virtual machine, whose state belongs to root. */
export function virtualSteps(
  next: Pick<NextSteps, 'pageUrl' | 'user' | 'password' | 'program' | 'configFile'> & {
    readonly machine: string;
    readonly console: string;
  },
): readonly string[] {
  const { program, configFile, machine, console } = next;
  const run = `sudo ${program}`;
  const configFlag = `--config ${configFile}`;
  return [
    '',
    'What to try next',
    ...pageLines(next).map((line) => `  ${line}`),
    '  Log in:       impossible: the virtual machine is off, and its disk is blank.',
    '                A machine that you deploy lets in the SSH keys of its owner: ssh debian@ADDRESS',
    `  Its console:  sudo less ${console}`,
    '  In another terminal, in this directory:',
    `    Look      ${run} machines show ${machine} ${configFlag}`,
    `    Its boot  ${run} trace ${machine} ${configFlag}`,
    `    Accept    ${run} machines accept ${machine} --skip-commissioning ${configFlag}`,
    `    Check     ${run} doctor ${configFlag}`,
    '  To deploy machines of your own: docs/first-machine.md, "Install the rack".',
    'Ctrl-C ends the lab and removes everything.',
    '',
  ];
}

export function removedWords(machines: number, racks: number, directory: string): string {
  return `The lab has ended. Removed: ${formatCount(racks, 'rack')}, ${formatCount(machines, 'simulated machine')} and ${directory}. Nothing is left.`;
}

/** @param keptDirectory the directory of the boot environment; undefined if none was built */
export function virtualRemovedWords(parts: readonly string[], keptDirectory: string | undefined): string {
  const keptText =
    keptDirectory === undefined ? '' : ` Kept for the next time: ${keptDirectory}, which you may remove (sudo rm -r).`;
  return `The lab has ended. Removed: ${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}.${keptText}`;
}

export const formatFleetProgress = (done: number, machines: number): string =>
  `${done} of ${formatCount(machines, 'machine')} ${done === 1 ? 'has reached its planned state' : 'have reached their planned states'}`;
