// `rackboot power check` queries a machine's power controller from this host, with the region's
// drivers. `rackboot power key` prints the key with which Rackboot logs in to hypervisors.

import { z } from 'zod';
import { loadStateDir } from '../../config/config-file.ts';
import { loadStoreLocation } from '../../config/region-store.ts';
import { MACHINES_PATH } from '../../control/ask-daemon.ts';
import { systemClock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { COMMAND_MS_MAX } from '../../power/command.ts';
import type { PowerDeps } from '../../power/driver.ts';
import { findDriver, POWER_DRIVERS } from '../../power/drivers.ts';
import type { PowerOutcome } from '../../power/outcome.ts';
import { openSshIdentity, readPublicKey, type SshIdentity } from '../../power/ssh-identity.ts';
import { listGuests, parseHypervisor } from '../../power/virsh.ts';
import { powerText, problemText } from '../../region/records/power-words.ts';
import { hasStore, openStore } from '../../region-host/open-store.ts';
import { askRegion, printAnswer, type Where } from '../terminal/asking.ts';
import { print, printFields, tableText } from '../terminal/output.ts';
import { becomeOwner, createAsOwner } from '../terminal/state-owner.ts';
import { findMachine } from './identity.ts';

const machinePower = z.looseObject({ power_type: z.string() });
const machineValues = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
const machineIdentity = z.looseObject({ power_is_proposed: z.boolean() });

const powerDeps = (config: string): PowerDeps => ({
  clock: systemClock,
  sshIdentity: () => regionSshIdentity(config),
});

/**
 * Opens the region's SSH key, also while the region runs. Before its first start, creates a key
 * that the store adopts later.
 */
async function regionSshIdentity(config: string): Promise<SshIdentity> {
  const storePlace = loadStoreLocation(config);
  const { stateDir } = storePlace;
  if (!hasStore(storePlace)) return await openSshIdentity(stateDir, systemClock);
  const store = await openStore(storePlace);
  try {
    return await openSshIdentity(stateDir, systemClock, store.sshKey);
  } finally {
    await store.close();
  }
}

/** Creates a signal that is aborted when a query takes too long. */
function querySignal(): AbortSignal {
  const controller = new AbortController();
  systemClock.schedule(COMMAND_MS_MAX.query, () => controller.abort());
  return controller.signal;
}

/**
 * Queries a hypervisor by its libvirt URI, or the power controller of a machine.
 *
 * @returns 0 if it answered, else 1
 * @throws RackError `bad-argument`, `not-found`, `not-running`
 */
export async function checkPower(argv: Where & { readonly what: string }): Promise<number> {
  const { stateDir } = loadStateDir(argv.config);
  return argv.what.includes('://')
    ? checkHypervisor(argv, stateDir, argv.what)
    : checkMachine(argv, stateDir, argv.what);
}

async function checkHypervisor(where: Where, stateDir: string, uri: string): Promise<number> {
  const host = parseHypervisor(uri);
  if (host === undefined) {
    const text = `${uri} is not a libvirt URI: use qemu+ssh://user@host/system, qemu:///system or test:///default`;
    throw new RackError('bad-argument', text);
  }
  becomeOwner(stateDir);
  const list = await listGuests(host, powerDeps(where.config), querySignal());
  if (list.kind === 'failed') {
    const { outcome } = list;
    const { kind, detail } = outcome;
    printAnswer(where, { address: host.address, outcome: kind, text: powerText(detail) }, () =>
      printOutcome(host.address, outcome),
    );
    return 1;
  }
  const rows = list.guests.map(({ name, words, state }) => [name, words, state]);
  const table = tableText(
    ['VIRTUAL MACHINE', 'STATE', 'POWER'],
    rows,
    `${host.address} answers and has no virtual machines.`,
  );
  return printAnswer(where, { address: host.address, outcome: 'done', machines: list.guests }, table);
}

async function checkMachine(where: Where, stateDir: string, wanted: string): Promise<number> {
  const { system_id: id, fqdn } = await findMachine(where, wanted);
  const path = `${MACHINES_PATH}${encodeURIComponent(id)}/`;
  const { power_type: type } = machinePower.parse(await askRegion(where, path));
  const identity = machineIdentity.parse(await askRegion(where, `${path}?op=identity`));
  if (identity.power_is_proposed) {
    // Parameters from an anonymous caller must not make this host contact anyone.
    const text = `${fqdn} reported its power parameters itself and is not accepted yet: commission it, or set them`;
    throw new RackError('bad-argument', text);
  }
  const values = machineValues.parse(await askRegion(where, `${path}?op=power_parameters`));
  const driver = findDriver(type);
  if (driver === undefined) {
    const names = POWER_DRIVERS.map(({ name }) => name).join(', ');
    const fault = type === '' ? `${fqdn} has no driver` : `the power_type of ${fqdn} is unknown (${type})`;
    throw new RackError('bad-argument', `${fault}: set one by \`sudo rackboot power set\` (${names})`);
  }
  becomeOwner(stateDir);
  const opened = driver.open(id, values, powerDeps(where.config));
  if (opened.kind === 'bad-parameters') {
    const problems = opened.problems.map((problem) => problemText(problem));
    throw new RackError('bad-argument', `the power_parameters of ${fqdn} are unusable: ${problems.join('; ')}`);
  }
  const answer = await opened.port.query(querySignal());
  const { kind: outcome, state, detail, said = '' } = answer;
  const { controller } = opened.port;
  const raw = { system_id: id, power_type: type, controller, outcome, state, text: powerText(detail), said };
  printAnswer(where, raw, () => printOutcome(controller, answer));
  return answer.kind === 'done' || driver.switches === 'nothing' ? 0 : 1;
}

function printOutcome(controller: string, { kind, state, detail, said }: PowerOutcome): void {
  printFields([
    ['Controller', controller],
    ['Outcome', kind],
    ['Power', state],
    ['Details', powerText(detail)],
    ...(said === undefined ? [] : [['Answer', said] as const]),
  ]);
}

/** Prints the line for a hypervisor's authorized_keys; creates the key if there is none. */
export async function printPowerKey({ config }: Where): Promise<number> {
  const { stateDir } = loadStateDir(config);
  createAsOwner(stateDir);
  print(await readPublicKey(await regionSshIdentity(config), systemClock));
  return 0;
}
