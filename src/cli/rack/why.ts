// `rackboot why MACHINE`: what the machine would get now, step by step with reasons, and the obstacles.
//
// 1. The command changes nothing.
// 2. Without a running daemon the answer follows from the file and the cached state, and says so.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { identifyBootClient } from '../../boot/client.ts';
import { planBoot } from '../../boot/plan.ts';
import { loadStateDir } from '../../config/config-file.ts';
import { findOldGrub } from '../../config/old-grub.ts';
import { askDaemon, MACHINES_PATH } from '../../control/ask-daemon.ts';
import { explainBoot, parseClient, type WhyAnswer, whyAnswer } from '../../daemon/answers/why.ts';
import type { ForecastInputs } from '../../daemon/forecast/boot-forecast.ts';
import type { Basis } from '../../daemon/forecast/likely-clients.ts';
import { LeaseTable } from '../../dhcp/leases/lease-table.ts';
import { Offers } from '../../dhcp/leases/offers.ts';
import { indexSubnets } from '../../dhcp/networks/subnet.ts';
import { parseMac } from '../../ground/address.ts';
import { systemClock } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { composeNearestHint } from '../../ground/nearest-name.ts';
import { MachineDirectory } from '../../machines/directory.ts';
import { readDesiredState } from '../../uplink/desired-state-cache.ts';
import { progressText } from '../machines/progress.ts';
import { leftOutNote, loadMerged } from '../terminal/config-in-force.ts';
import { print, printJson } from '../terminal/output.ts';
import { progressShape } from '../terminal/shapes.ts';
import { askThere, otherRacks, ownRackName } from './home-racks.ts';

interface WhyRequest {
  readonly config: string;
  readonly machine: string;
  readonly arch: string | undefined;
  readonly json: boolean;
}

/** @returns 1 if something stands in the machine's way */
export async function explainMachine(request: WhyRequest): Promise<number> {
  parseClient(request.arch);
  const { answer, note } = await askWhy(request);
  const isFree =
    answer.boots.length > 0 &&
    answer.obstacles.length === 0 &&
    answer.boots.every(({ lines }) => lines.every(({ ok }) => ok));
  if (request.json) printJson({ ...answer, note });
  else printWhy(answer, note);
  return isFree ? 0 : 1;
}

/** Adds what the region knows of the machine: why it failed, and whether another rack boots it. */
async function withRegion(stateDir: string, answer: WhyAnswer): Promise<WhyResult> {
  const { machine } = answer;
  if (machine === undefined) return { answer, note: '' };
  try {
    const sent = progressShape.parse(await askDaemon(stateDir, `${MACHINES_PATH}${machine.systemId}/`));
    const racks = otherRacks(sent, await ownRackName(stateDir));
    const note = racks.length === 0 ? '' : `${askThere(racks, 'why')}\nThis rack would answer as follows.`;
    return { answer: { ...answer, machine: { ...machine, status: progressText(sent) } }, note };
  } catch (error) {
    // The rack's own knowledge.
    if (error instanceof RackError) return { answer, note: '' };
    throw error;
  }
}

interface WhyResult {
  readonly answer: WhyAnswer;
  /** The limits of the answer. */
  readonly note: string;
}

async function askWhy(request: WhyRequest): Promise<WhyResult> {
  const { stateDir } = loadStateDir(request.config);
  const query = new URLSearchParams({ machine: request.machine, arch: request.arch ?? '' }).toString();
  try {
    const answer = whyAnswer.parse(await askDaemon(stateDir, `/why?${query}`));
    return await withRegion(stateDir, answer);
  } catch (error) {
    if (!(error instanceof RackError && error.code === 'not-running')) throw error;
  }
  const { config } = loadMerged(request.config);
  const { machines } = readDesiredState(config.stateDir, () => undefined);
  const directory = new MachineDirectory(machines);
  const mac = parseMac(request.machine);
  const machine =
    mac === undefined
      ? (directory.findByHostname(request.machine) ?? machines.find(({ systemId }) => systemId === request.machine))
      : directory.findByMac(mac);
  const wanted = mac ?? machine?.macs[0];
  if (wanted === undefined) {
    const hint = composeNearestHint(
      request.machine,
      machines.map(({ hostname }) => hostname),
    );
    throw new RackError(
      'not-found',
      `no machine is called ${request.machine}; ${hint}without a running daemon, name a hardware address`,
    );
  }
  const { boot, dhcp } = config;
  const subnets = indexSubnets(dhcp, undefined);
  const leases = new LeaseTable();
  leases.serve(subnets.served, directory);
  const forecast: ForecastInputs = {
    config,
    now: systemClock.now(),
    dhcp: {
      leases,
      offers: new Offers(leases.pools),
      machines: directory,
      subnets,
      ports: { serverPort: dhcp.serverPort, clientPort: dhcp.clientPort },
      identifyClient: identifyBootClient,
      planBoot: (query) => planBoot(query, boot),
    },
    assets: {
      config: boot,
      machines: directory,
      macOf: () => wanted,
      hasFile: (path) => existsSync(join(boot.tree, path)),
    },
    oldGrub: (name) => findOldGrub(boot.tree, name),
  };
  const leftOut = leftOutNote(config.stateDir);
  const source = leftOut === undefined ? 'the configuration and the cached state' : 'the configuration file';
  const follows = `No daemon runs: this follows from ${source} alone, without leases and offers.`;
  const note = leftOut === undefined ? follows : `${follows}\nNote: ${leftOut}`;
  return {
    answer: explainBoot({ mac: wanted, machine, client: parseClient(request.arch), steps: [] }, forecast, []),
    note,
  };
}

/** How the firmware is known. */
const BASIS_TEXT: Readonly<Record<Basis, string | undefined>> = {
  asked: undefined,
  shown: 'Its firmware is assumed to be the one seen last; --arch names another.',
  'ipxe-only': 'Its firmware is unknown: only iPXE was seen. --arch names one.',
  unseen: 'Its firmware is unknown: this rack has not seen it boot. --arch names one.',
};

function printWhy({ mac, machine, basis, boots, refused, obstacles }: WhyAnswer, note: string): void {
  const who = machine === undefined ? 'not enlisted' : `${machine.name} (${machine.systemId}), ${machine.status}`;
  print(`${mac}  ${who}`);
  if (note !== '') print(note);
  if (refused !== undefined) print(`! ${refused.text}\n  → ${refused.remedy}`);
  for (const obstacle of obstacles) print(`! ${obstacle}`);
  if (boots.length === 0) {
    print('! DHCP serves no network: add one under cluster_interfaces, with management 1 or 2');
    return;
  }
  const basisText = BASIS_TEXT[basis];
  if (basisText !== undefined) print(basisText);
  for (const { title, network, lines } of boots) {
    print(`\nas ${title}, in ${network}:`);
    const width = Math.max(...lines.map(({ topic }) => topic.length));
    for (const { topic, text, remedy, ok } of lines) {
      print(`${ok ? ' ' : '!'} ${topic.padEnd(width)}  ${text}`);
      if (remedy !== undefined) print(`  ${' '.repeat(width)}  → ${remedy}`);
    }
  }
}
