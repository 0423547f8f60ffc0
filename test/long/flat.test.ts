// Nothing grows: a million boots in virtual time, and thousands against a real process.
// @host alone

import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { sleep } from '../../src/ground/clock.ts';
import { type LabPlace, labPlace } from '../../src/lab/safe-lab.ts';
import { bootMany, slopeOf } from '../simulation/flat.ts';
import { parseExposition } from '../support/exposition.ts';
import { missing } from '../support/needs.ts';
import { eventually, RunningRack, startQuietly } from '../support/running-rack.ts';
import { bootSimulatedMachine } from '../support/simulated-boot.ts';

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
async function bootRealProcess(
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

const BOOTS = 1_000_000;
/** 16 MiB over all of them. */
const BYTES_A_BOOT_MAX = 16;
const REAL_BOOTS = 5000;

test(`the rack holds no more after a million boots of a million machines`, async () => {
  const held = await bootMany(BOOTS, 41);
  const slope = slopeOf(held, BOOTS);
  const said = `${slope.toFixed(2)} bytes a boot; held: ${held.map((bytes) => (bytes / 2 ** 20).toFixed(2)).join(', ')} MiB`;
  console.log(`# ${said}`);
  assert.ok(slope < BYTES_A_BOOT_MAX, said);
});

test(`a real process has as many descriptors and threads after ${REAL_BOOTS} boots`, {
  skip: missing('linux'),
}, async () => {
  const { before, after } = await bootRealProcess(labPlace(51), { warm: 500, boots: REAL_BOOTS, machines: 90 });
  console.log(`# ${JSON.stringify({ before, after })}`);
  assert.ok(after.descriptors <= before.descriptors, JSON.stringify({ before, after }));
  assert.equal(after.threads, before.threads);
  // The heap may be fuller when it is looked at; a leak of a kilobyte a boot would be 5 MiB more.
  assert.ok(after.heapBytes <= before.heapBytes + 8 * 2 ** 20, JSON.stringify({ before, after }));
});
