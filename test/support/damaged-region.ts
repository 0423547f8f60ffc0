// Racks whose region's database is damaged, and what the commands then report.

import assert from 'node:assert/strict';
import type { LabPlace } from '../../src/lab/safe-lab.ts';
import { DhcpProbes } from './probes.ts';
import { RunningRack, runRackboot } from './running-rack.ts';
import { bootSimulatedMachine } from './simulated-boot.ts';

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

const shown = (rack: RunningRack, words: string) => runRackboot([words, '--config', rack.configFile]);

/** `status` and `doctor` show that the region cannot run, and the remedy. */
export async function assertShownAsDown(rack: RunningRack): Promise<void> {
  for (const words of ['status', 'doctor']) {
    const { code, output } = await shown(rack, words);
    assert.equal(code, 1);
    assert.match(output.join('\n'), /^BAD .*region.*region\.db .*restore a backup/m, words);
  }
}
