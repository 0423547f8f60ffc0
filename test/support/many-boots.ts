// Boots many lab machines in sequence against a real daemon process, and compares the process's resources before and after.

import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '../../src/clock.ts';
import type { LabPlace } from '../../src/lab/safe-lab.ts';
import { parseExposition } from './exposition.ts';
import { eventually, RunningRack, startQuietly } from './running-rack.ts';
import { bootSimulatedMachine } from './simulated-boot.ts';

/** The pause before counting, in milliseconds: idle connections close within it. */
const REST_MS = 17_000;

interface Holdings {
  readonly descriptors: number;
  readonly threads: number;
  readonly heapBytes: number;
}

interface ManyBoots {
  /** The number of boots before the first count. */
  readonly warm: number;
  readonly boots: number;
  /** The number of different machines. */
  readonly machines: number;
}

/** Boots machines, each to its enlistment. */
export async function bootRealProcess(
  place: LabPlace,
  { warm, boots, machines }: ManyBoots,
): Promise<{ readonly before: Holdings; readonly after: Holdings }> {
  const rack = new RunningRack(place, (text) => `${text}log: { level: warning, file: /dev/null }\n`);
  const images = join(rack.tree, 'amd64', 'generic', 'bookworm', 'commissioning');
  writeFileSync(join(images, 'linux'), Buffer.alloc(50_000, 'kernel'));
  writeFileSync(join(images, 'initrd.gz'), Buffer.alloc(50_000, 'initrd'));
  const daemon = await startQuietly(rack);
  try {
    await eventually('the region is up', async () => (await rack.status()).region?.state === 'up', 20_000);
    const boot = async (from: number, count: number): Promise<void> => {
      for (let index = from; index < from + count; index += 1) {
        const outcome = await bootSimulatedMachine(place, index % machines, () => undefined);
        assert.equal(outcome.kind, 'enlisted', `boot ${index}: ${JSON.stringify(outcome)}`);
      }
    };
    await boot(0, warm);
    await sleep(REST_MS);
    const before = await count(daemon.pid, place);
    await boot(warm, boots);
    await sleep(REST_MS);
    const after = await count(daemon.pid, place);
    assert.equal(daemon.complaints(), '');
    return { before, after };
  } finally {
    await daemon.stop();
    await rack.remove();
  }
}

async function count(pid: number, place: LabPlace): Promise<Holdings> {
  const answer = await fetch(`http://${place.octets}.1:5249/metrics`, { headers: { Connection: 'close' } });
  const families = parseExposition(await answer.text());
  // The connection of this query also has a descriptor.
  await sleep(500);
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: readdirSync(`/proc/${pid}/task`).length,
    heapBytes: families.get('rackboot_heap_used_bytes')?.samples[0]?.value ?? Number.NaN,
  };
}
