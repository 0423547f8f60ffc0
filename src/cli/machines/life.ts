// `rackboot machines accept`, `deploy`, `release` and the others: move a machine through its life cycle.

import { loadPlace } from '../../config/config-file.ts';
import { askDaemon, MACHINES_PATH } from '../../control/ask-daemon.ts';
import type { OptionNames } from '../../control/field-refusal.ts';
import { confirmOnTerminal } from '../terminal/confirmation.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import { print, printJson } from '../terminal/output.ts';
import { machineShape } from '../terminal/shapes.ts';
import { findMachine } from './identity.ts';

/** The arguments that these commands share. */
export interface LifeArguments {
  readonly config: string;
  readonly json: boolean;
  readonly comment?: string | undefined;
}

/** The options and arguments of these commands, by the field that each sets. */
const NAMES: OptionNames = {
  arch: '--arch',
  comment: '--comment',
  cpu_count: '--cpus',
  deploy_by: '--by',
  disk: '--disk',
  mem: '--memory',
  distro_series: 'SYSTEM',
  hostname: 'NAME',
  hwe_kernel: '--kernel',
  ip_address: '--address',
  tags: '--tag',
  erase: '--erase',
  user_data: '--user-data',
};

type Fields = Readonly<Record<string, string | undefined>>;

/** URL-encodes the fields that are defined. */
export function formOf(fields: Fields): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) given.set(name, value);
  return given.toString();
}

/** Operations that leave a machine in its state, by the word for what they did. */
const DONE: Readonly<Record<string, string>> = { lock: 'locked', unlock: 'unlocked' };

function show(raw: unknown, json: boolean, op = ''): number {
  if (json) printJson(raw);
  else {
    const {
      fqdn,
      system_id: id,
      status_name: status,
      status_message: message,
      ip_addresses: addresses,
    } = machineShape.parse(raw);
    const more = [message, addresses.join(' ')].filter((part) => part !== '');
    const done = DONE[op];
    const now = done === undefined ? `${status} now` : `${done} now (${status})`;
    print(`${fqdn} (${id}) is ${now}${more.length === 0 || done !== undefined ? '' : `: ${more.join('; ')}`}.`);
  }
  return 0;
}

/** States in which a machine is off, or has no work from Rackboot. */
const IDLE: ReadonlySet<string> = new Set(['New', 'Ready', 'Allocated']);

/** Asks the person to switch off a machine whose work ended and which no power driver can switch off; empty if unnecessary. */
export function stillOnNote(before: PoweredMachine, after: PoweredMachine): string {
  const isManual = after.power_type === '' || after.power_type === 'manual';
  if (!isManual || IDLE.has(before.status_name) || !IDLE.has(after.status_name)) return '';
  const disk = before.status_name === 'Deploying' ? ' Its disk may hold a half-written system.' : '';
  return `It was ${before.status_name} and may still be on: no power driver can switch it off, so switch it off by hand.${disk}`;
}

interface PoweredMachine {
  readonly status_name: string;
  readonly power_type?: unknown;
}

/** Runs one operation on a machine. @returns 0 @throws RackError `not-found`, `bad-argument` if the region refuses */
export async function commandMachine(
  argv: LifeArguments & { readonly machine: string },
  op: string,
  fields: Fields,
): Promise<number> {
  const { stateDir } = loadPlace(argv.config);
  const machine = await findMachine(stateDir, argv.machine);
  const path = `${MACHINES_PATH}${machine.system_id}/?op=${op}`;
  const raw = await askDaemon(stateDir, path, 'POST', formOf({ comment: argv.comment, ...fields }), { names: NAMES });
  const code = show(raw, argv.json, op);
  const note = argv.json || !['release', 'abort'].includes(op) ? '' : stillOnNote(machine, machineShape.parse(raw));
  if (note !== '') print(note);
  return code;
}

/** Allocates a Ready machine. @returns 0 @throws RackError as `commandMachine` */
export async function allocateMachine(
  argv: LifeArguments & {
    readonly machine?: string | undefined;
    readonly address?: string | undefined;
    readonly arch?: string | undefined;
    readonly cpus?: number | undefined;
    readonly memory?: number | undefined;
    readonly tag?: readonly string[] | undefined;
  },
): Promise<number> {
  const { stateDir } = loadPlace(argv.config);
  const named = argv.machine === undefined ? undefined : await findMachine(stateDir, argv.machine);
  const form = formOf({
    system_id: named?.system_id,
    arch: argv.arch,
    cpu_count: argv.cpus?.toString(),
    mem: argv.memory?.toString(),
    tags: argv.tag?.join(','),
    ip_address: argv.address,
    comment: argv.comment,
  });
  const raw = await askDaemon(stateDir, `${MACHINES_PATH}?op=allocate`, 'POST', form, { names: NAMES });
  return show(raw, argv.json);
}

/** Deploys a system to a machine. @returns 0 @throws RackError as `commandMachine`, `bad-argument` for an unreadable file */
export async function deployMachine(
  argv: LifeArguments & {
    readonly machine: string;
    readonly system: string;
    readonly by?: 'image' | 'installer' | undefined;
    readonly disk?: string | undefined;
    readonly kernel?: string | undefined;
    readonly address?: string | undefined;
    readonly userData?: string | undefined;
  },
): Promise<number> {
  return commandMachine(argv, 'deploy', {
    distro_series: argv.system,
    deploy_by: argv.by,
    disk: argv.disk,
    hwe_kernel: argv.kernel,
    ip_address: argv.address,
    user_data: argv.userData === undefined ? undefined : readGivenFile(argv.userData).toString('base64'),
  });
}

/** Gives a machine another hostname. @returns 0 @throws RackError as `commandMachine` */
export async function renameMachine(
  argv: LifeArguments & { readonly machine: string; readonly name: string },
): Promise<number> {
  const { stateDir } = loadPlace(argv.config);
  const machine = await findMachine(stateDir, argv.machine);
  const form = formOf({ hostname: argv.name });
  const raw = await askDaemon(stateDir, `${MACHINES_PATH}${machine.system_id}/`, 'PUT', form, { names: NAMES });
  return show(raw, argv.json);
}

/** Removes a machine after asking for confirmation. @returns 0 @throws RackError as `commandMachine`, `cancelled` */
export async function removeMachine(
  argv: LifeArguments & { readonly machine: string; readonly force: boolean; readonly yes: boolean },
): Promise<number> {
  const { stateDir } = loadPlace(argv.config);
  const machine = await findMachine(stateDir, argv.machine);
  await confirmOnTerminal(`Forget ${machine.fqdn} (${machine.system_id}), with its log and results?`, argv.yes);
  await askDaemon(stateDir, `${MACHINES_PATH}${machine.system_id}/${argv.force ? '?force=true' : ''}`, 'DELETE');
  if (argv.json) printJson({ system_id: machine.system_id });
  else print(`${machine.fqdn} (${machine.system_id}) is removed.`);
  return 0;
}
