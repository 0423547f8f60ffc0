// `rackboot machines add`, `accept`, `deploy`, `release` and the others: move a machine through its life cycle.

import { z } from 'zod';
import { MACHINES_PATH } from '../../control/ask-daemon.ts';
import type { OptionNames } from '../../control/field-refusal.ts';
import { RackError } from '../../errors.ts';
import { parseMac } from '../../net/address.ts';
import { ask, type Fields, tell, type Where } from '../terminal/asking.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import { print } from '../terminal/output.ts';
import { confirmOnTerminal } from '../terminal/prompt.ts';
import { machineShape } from '../terminal/shapes.ts';
import { findMachine, type OnMachine } from './identity.ts';
import { parametersOf } from './machine-power.ts';

/** By the field that each option or argument sets; `power_parameters` name the parameter. */
const NAMES: OptionNames = {
  arch: '--arch',
  architecture: '--arch',
  comment: '--comment',
  cpu_count: '--cpus',
  deploy_by: '--by',
  disk: '--disk',
  domain: '--domain',
  mac_addresses: 'MACS',
  mem: '--memory',
  distro_series: 'SYSTEM',
  hwe_kernel: '--kernel',
  ip_address: '--address',
  tags: '--tag',
  erase: '--erase',
  power_type: '--power-type',
  power_parameters: '--power',
  user_data: '--user-data',
};

/** Operations that leave a machine in its state, and what they did. */
const DONE: Readonly<Record<string, string>> = { lock: 'locked', unlock: 'unlocked' };

function changed(where: Where, raw: unknown, op = ''): number {
  return tell(where, raw, () => {
    const { fqdn, system_id: id, status_name: status, ...rest } = machineShape.parse(raw);
    const more = [rest.status_message, rest.ip_addresses.join(' ')].filter((part) => part !== '');
    const done = DONE[op];
    const now = done === undefined ? `${status} now` : `${done} now (${status})`;
    print(`${fqdn} (${id}) is ${now}${more.length === 0 || done !== undefined ? '' : `: ${more.join('; ')}`}.`);
  });
}

/** @throws RackError `already-exists` for a machine with one of the addresses, `bad-argument` if the region refuses */
export async function addMachine(
  argv: Where & {
    readonly macs: readonly string[];
    readonly arch: string;
    readonly hostname?: string | undefined;
    readonly domain?: string | undefined;
    readonly powerType?: string | undefined;
    readonly power: readonly string[];
  },
): Promise<number> {
  if (argv.power.length > 0 && argv.powerType === undefined)
    throw new RackError('bad-argument', '--power sets parameters of a driver: name the driver with --power-type');
  const odd = argv.macs.find((text) => parseMac(text) === undefined);
  if (odd !== undefined)
    throw new RackError('bad-argument', `${odd} is not a hardware address: write one as 52:54:00:12:34:56`);
  // The region would take a known machine for one that enlists again.
  for (const mac of argv.macs) {
    const query = new URLSearchParams({ op: 'is_registered', mac_address: mac });
    if (z.boolean().parse(await ask(argv, `${MACHINES_PATH}?${query}`)))
      throw new RackError(
        'already-exists',
        `a machine with the address ${mac} already exists: rackboot machines show ${mac} shows it`,
      );
  }
  const fields = {
    architecture: argv.arch,
    mac_addresses: argv.macs.join(','),
    hostname: argv.hostname,
    domain: argv.domain,
    power_type: argv.powerType,
    power_parameters: argv.power.length === 0 ? undefined : JSON.stringify(parametersOf(argv.power)),
  };
  const raw = await ask(argv, MACHINES_PATH, 'POST', fields, { ...NAMES, hostname: '--hostname' });
  return tell(argv, raw, () => {
    const { fqdn, hostname, system_id: id, status_name: status } = machineShape.parse(raw);
    print(`${fqdn} (${id}) is ${status}. To commission it: rackboot machines accept ${hostname}`);
  });
}

/** A machine is off, or has no work from Rackboot. */
const IDLE: ReadonlySet<string> = new Set(['New', 'Ready', 'Allocated']);

/** A person must switch off a machine whose work ended and which no power driver can switch off. */
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

/** Runs one operation on a machine. @throws RackError `not-found`, `bad-argument` if the region refuses */
export async function commandMachine(argv: OnMachine, op: string, fields: Fields): Promise<number> {
  const machine = await findMachine(argv, argv.machine);
  const path = `${MACHINES_PATH}${machine.system_id}/?op=${op}`;
  const raw = await ask(argv, path, 'POST', { comment: argv.comment, ...fields }, NAMES);
  changed(argv, raw, op);
  const note =
    argv.json === true || !['release', 'abort'].includes(op) ? '' : stillOnNote(machine, machineShape.parse(raw));
  if (note !== '') print(note);
  return 0;
}

export async function allocateMachine(
  argv: Omit<OnMachine, 'machine'> & {
    readonly machine?: string | undefined;
    readonly address?: string | undefined;
    readonly arch?: string | undefined;
    readonly cpus?: number | undefined;
    readonly memory?: number | undefined;
    readonly tag?: readonly string[] | undefined;
  },
): Promise<number> {
  const fields = {
    system_id: argv.machine && (await findMachine(argv, argv.machine)).system_id,
    arch: argv.arch,
    cpu_count: argv.cpus,
    mem: argv.memory,
    tags: argv.tag?.join(','),
    ip_address: argv.address,
    comment: argv.comment,
  };
  return changed(argv, await ask(argv, `${MACHINES_PATH}?op=allocate`, 'POST', fields, NAMES));
}

export const deployMachine = (
  argv: OnMachine & {
    readonly system: string;
    readonly by?: string | undefined;
    readonly disk?: string | undefined;
    readonly kernel?: string | undefined;
    readonly address?: string | undefined;
    readonly userData?: string | undefined;
  },
): Promise<number> =>
  commandMachine(argv, 'deploy', {
    distro_series: argv.system,
    deploy_by: argv.by,
    disk: argv.disk,
    hwe_kernel: argv.kernel,
    ip_address: argv.address,
    user_data: argv.userData === undefined ? undefined : readGivenFile(argv.userData).toString('base64'),
  });

export async function renameMachine(argv: OnMachine & { readonly name: string }): Promise<number> {
  const { system_id: id } = await findMachine(argv, argv.machine);
  const names = { ...NAMES, hostname: 'NAME' };
  return changed(argv, await ask(argv, `${MACHINES_PATH}${id}/`, 'PUT', { hostname: argv.name }, names));
}

/** Asks before. */
export async function removeMachine(
  argv: OnMachine & { readonly force: boolean; readonly yes: boolean },
): Promise<number> {
  const { fqdn, system_id: id } = await findMachine(argv, argv.machine);
  await confirmOnTerminal(`Forget ${fqdn} (${id}), with its log and results?`, argv.yes);
  await ask(argv, `${MACHINES_PATH}${id}/${argv.force ? '?force=true' : ''}`, 'DELETE');
  return tell(argv, { system_id: id }, `${fqdn} (${id}) is removed.`);
}
