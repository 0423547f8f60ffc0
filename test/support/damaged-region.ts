// Racks whose region's database is damaged, and what the commands then report.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabPlace } from '../../src/lab/safe-lab.ts';
import { eventuallyWithin } from './eventually.ts';
import { DhcpProbes } from './probes.ts';
import { RunningRack, runRackboot } from './running-rack.ts';
import { bootSimulatedMachine } from './simulated-boot.ts';

const CACHED_MS_MAX = 30_000;

/** Runs the work with a rack that has started, and has a whole region. */
export async function withWholeRack(
  place: LabPlace,
  work: (rack: RunningRack, openProbes: () => Promise<DhcpProbes>) => Promise<void>,
): Promise<void> {
  const rack = new RunningRack(place);
  let probes: DhcpProbes | undefined;
  try {
    await rack.startWhole();
    await work(rack, async () => {
      probes ??= await DhcpProbes.open(place);
      return probes;
    });
  } finally {
    await probes?.close();
    await rack.remove();
  }
}

/** Boots a machine of the place, which the region then knows. */
export async function enlistMachine(place: LabPlace): Promise<void> {
  const outcome = await bootSimulatedMachine(place, 300, () => undefined);
  assert.equal(outcome.kind, 'enlisted', JSON.stringify(outcome));
}

/** The file of the machines that the rack knows without its region, once it has one. */
export async function cachedMachines(rack: RunningRack): Promise<string> {
  const cache = join(rack.stateDir, 'desired-state.json');
  await eventuallyWithin(CACHED_MS_MAX, 'the machine in the cache', () =>
    readFileSync(cache, 'utf8').includes('"systemId"'),
  );
  return cache;
}

const shown = (rack: RunningRack, words: string) => runRackboot([words, '--config', rack.configFile]);

/** `status` and `doctor` show that the region cannot run, and the remedy. */
export async function assertShownAsDown(rack: RunningRack): Promise<void> {
  for (const words of ['status', 'doctor']) {
    const { code, output } = await shown(rack, words);
    assert.equal(code, 1);
    assert.match(output.join('\n'), /^BAD .*region.*region\.db .*restore a backup/m, words);
  }
}

/** The rack reports damage of a region that runs; `status` has a note of it, and for `doctor` it is a fault. */
export async function assertShownAsDamage(
  rack: RunningRack,
  from: number,
  reported: RegExp,
  short: string,
): Promise<void> {
  const { text } = await rack.reported('region.problem', { from, match: ({ id }) => id === 'database' });
  assert.match(String(text), reported);
  const status = await shown(rack, 'status');
  assert.match(status.output.join('\n'), new RegExp(`^Note .*${short}`, 'm'));
  const doctor = await shown(rack, 'doctor');
  assert.equal(doctor.code, 1);
  assert.match(doctor.output.join('\n'), new RegExp(`^BAD .*region database.*${short}`, 'm'));
}
