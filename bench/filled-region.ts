// A region of several processes with many machines, for the benchmarks: its store is filled, its processes are started, and machines are
// enlisted with it.

import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { formatMac, type MacAddress, mac } from '../src/ground/address.ts';
import { systemClock } from '../src/ground/clock.ts';
import { DaemonProcess } from '../src/lab/daemon-process.ts';
import type { LabPlace } from '../src/lab/safe-lab.ts';
import { enlistmentForm, simulatedHardware } from '../src/lab/simulated-hardware.ts';
import { createApiKey } from '../src/region/accounts/accounts.ts';
import { parseHardwareFacts } from '../src/region/records/hardware-facts.ts';
import type { MachineFields } from '../src/region/records/machine.ts';
import type { RegionStore } from '../src/region/records/store.ts';
import { authorizationOf } from '../test/support/oauth.ts';
import { REGION_SERVICE, regionFile } from '../test/support/region-process.ts';

const FILLED_AT_ONCE = 500;
const CLIENTS = 16;
const ENLIST_MS = 5000;

/** The key of a new administrator. */
export async function addAdministrator(store: RegionStore): Promise<string> {
  const account = { username: 'ann', email: '', passwordHash: 'none', isAdmin: true, createdMs: 1 };
  await store.accounts.addUser(account);
  return await createApiKey(store, systemClock, account.username);
}

/** A process of the region, ready. @param store the region's store in its configuration */
export async function startRegion(place: LabPlace, store: string, stateDir: string): Promise<DaemonProcess> {
  const config = join(stateDir, 'region.yaml');
  writeFileSync(config, regionFile(place, JSON.stringify(stateDir), store));
  return await DaemonProcess.start({ config, command: REGION_SERVICE, onLine: () => undefined });
}

export const systemIdOf = (index: number): string => (36 ** 5 + index).toString(36);

/** Adds machines as machines report themselves, until there are enough. */
export async function fill(store: RegionStore, from: number, upTo: number): Promise<void> {
  for (let first = from; first < upTo; first += FILLED_AT_ONCE) {
    await store.transact(async () => {
      for (let index = first; index < Math.min(upTo, first + FILLED_AT_ONCE); index += 1)
        await addMachine(store, index);
    });
  }
}

/** The form in which a machine with this hardware address enlists itself. */
function formOf(address: MacAddress): URLSearchParams {
  const hardware = { ...simulatedHardware(address & 0xff_ffff), mac: address };
  return new URLSearchParams(enlistmentForm(hardware, formatMac(address)));
}

/** Of the first machine; each further one has the next. */
export const FIRST_MAC = 0x0200_0000_0000;

async function addMachine(store: RegionStore, index: number): Promise<void> {
  const address = mac(FIRST_MAC + index);
  const form = formOf(address);
  const parsed = parseHardwareFacts(form.get('hardware_facts') ?? '');
  if (parsed.kind === 'fault') throw new Error('the facts of a simulated machine are not taken');
  const fields: MachineFields = {
    hostname: `filled-${index}`,
    domain: 'maas',
    description: '',
    status: 'ready',
    statusSinceMs: 1,
    architecture: 'amd64',
    subarchitecture: 'generic',
    osystem: '',
    release: '',
    netboot: true,
    powerType: '',
    powerParameters: {},
    powerState: 'unknown',
    facts: parsed.value,
  };
  const systemId = systemIdOf(index);
  await store.enlist({ macs: [address], values: [], atMs: 1 }, () => ({
    kind: 'create',
    systemId,
    fields,
    events: [],
    interfaces: [{ mac: address, name: 'eth0', source: 'vouched' }],
  }));
}

export const urlOf = ({ regionPort }: LabPlace, path: string): string =>
  `http://127.0.0.1:${regionPort}/MAAS/api/2.0/${path}`;

/** With `node:http`: fetch() takes longer to receive a long list than a region to send it. @throws Error if the status is not 200 */
export async function download(url: string, key: string): Promise<readonly Buffer[]> {
  const request = get(url, { headers: { Authorization: authorizationOf(key) } });
  const [answer]: IncomingMessage[] = await once(request, 'response');
  const pieces: Buffer[] = [];
  answer?.on('data', (piece: Buffer) => pieces.push(piece));
  await once(answer ?? request, 'end');
  if (answer?.statusCode !== 200)
    throw new Error(`a list was answered with ${answer?.statusCode}: ${Buffer.concat(pieces)}`);
  return pieces;
}

/** How many questions were answered, and in which time. */
interface Asked {
  readonly count: number;
  readonly seconds: number;
}

/**
 * Asks the processes in turn, as fast as they answer.
 *
 * @param bounds how many questions at once, how long, and the most questions
 * @param ask asks a process one question, whose number counts from 1
 */
export async function askInTurn(
  places: readonly LabPlace[],
  { clients, ms, most }: { readonly clients: number; readonly ms: number; readonly most: number },
  ask: (place: LabPlace, number: number) => Promise<unknown>,
): Promise<Asked> {
  let count = 0;
  const startedMs = performance.now();
  const askOn = async (client: number): Promise<void> => {
    const place = places[client % places.length];
    while (place !== undefined && count < most && performance.now() - startedMs < ms) {
      count += 1;
      await ask(place, count);
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, client) => askOn(client)));
  return { count, seconds: (performance.now() - startedMs) / 1000 };
}

/**
 * Enlists machines as fast as they are answered, through the operation that a machine uses, for ENLIST_MS; with a key, so that no rate of
 * strangers applies.
 *
 * @param from the number of the first machine
 * @param bounds the most machines (default: no bound), and how many are enlisted at once (default: CLIENTS)
 */
export function enlistMachines(
  places: readonly LabPlace[],
  key: string,
  from: number,
  { most = Number.POSITIVE_INFINITY, clients = CLIENTS } = {},
): Promise<Asked> {
  return askInTurn(places, { clients, ms: ENLIST_MS, most }, async (place, number) => {
    const answer = await fetch(urlOf(place, 'machines/'), {
      method: 'POST',
      headers: { Authorization: authorizationOf(key) },
      body: formOf(mac(0x0600_0000_0000 + from + number)),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`a machine was not enlisted: ${answer.status} ${text}`);
  });
}
